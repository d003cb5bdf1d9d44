package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/ledger"
)

// pageEntries is how many entries Scan reads at once: it holds no transaction
// while its caller works, so that the write-ahead log can be folded back.
const pageEntries = 256

const (
	selectEntry = `SELECT idx, kind, key, envelope, leaf FROM entries `
	lastByKey   = `WHERE ` + byKey + ` ORDER BY idx DESC LIMIT 1`
)

// openReader opens for reading alone.
func openReader(ctx context.Context, cfg Config) (*Store, error) {
	path := filepath.Join(cfg.Dir, Database)
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := openDB(path, true)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	st, err := readState(ctx, db)
	if err == nil && st.vkey == "" {
		err = errors.New("it has not been begun")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{cfg: cfg, read: db}
	if err := s.useKeys(ctx, db, nil, st.vkey); err != nil {
		return nil, errors.Join(fmt.Errorf("the keys in %s: %w", Database, err), db.Close())
	}
	return s, nil
}

// Size returns the number of durable entries, those of other processes included.
func (s *Store) Size() uint64 {
	var n uint64
	if err := s.read.QueryRow(`SELECT coalesce(max(idx)+1, 0) FROM entries`).Scan(&n); err != nil {
		return s.size.Load()
	}
	s.size.Store(n)
	return n
}

// Get returns one entry.
func (s *Store) Get(ctx context.Context, index uint64) (ledger.Stored, error) {
	if index > 1<<62 { // beyond SQLite's integers
		return ledger.Stored{}, ledger.ErrNotFound
	}
	return scanEntry(s.read.QueryRowContext(ctx, selectEntry+`WHERE idx = ?`, index))
}

// Find returns every entry of a decision, in order. The key must be whole.
func (s *Store) Find(ctx context.Context, key string) ([]ledger.Stored, error) {
	if key == "" {
		return nil, nil
	}
	return s.page(ctx, selectEntry+`WHERE `+byKey+` ORDER BY idx LIMIT ?`, key, pageEntries)
}

// Last returns the newest entry with a key; ledger.ErrNotFound: there is none.
func (s *Store) Last(ctx context.Context, key string) (ledger.Stored, error) {
	return scanEntry(s.read.QueryRowContext(ctx, selectEntry+lastByKey, key))
}

// Scan calls f for the entries from one index to the end, in order.
func (s *Store) Scan(ctx context.Context, from uint64, f func(ledger.Stored) bool) error {
	for {
		page, err := s.page(ctx, selectEntry+`WHERE idx >= ? ORDER BY idx LIMIT ?`, from, pageEntries)
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.Index != from {
				return fmt.Errorf("reading ledger: entry %d is missing; run: assent ledger verify", from)
			}
			if !f(e) {
				return nil
			}
			from++
		}
		if len(page) < pageEntries {
			return nil
		}
	}
}

func (s *Store) page(ctx context.Context, query string, args ...any) ([]ledger.Stored, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	defer rows.Close()
	var out []ledger.Stored
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
