package copies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

const (
	// batch bounds one transaction: entries are at most 64 KB.
	batch = 256
	// every is how often it is looked for new entries; writeTime bounds one transaction.
	every     = time.Second
	writeTime = 30 * time.Second
)

// Log is the ledger that is copied; *store.Store is one.
type Log interface {
	ledger.Reader
	Origin() string
	VKey() string
	// CheckpointUpTo is the newest signed checkpoint of at most so many entries.
	CheckpointUpTo(ctx context.Context, size uint64) ([]byte, error)
}

// ErrOther is returned for a ledger that is not the one that was copied.
var ErrOther = errors.New("the copy is of another history of this ledger")

// Follower copies a ledger for as long as it is open. Its one goroutine is waited for by
// Stop.
type Follower struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Follow begins to copy. Trouble is told once, and again only after it has gone.
func Follow(db DB, log Log, trouble func(what string, err error)) *Follower {
	ctx, cancel := context.WithCancel(context.Background())
	f := &Follower{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ailing, ready := false, false; ; {
			var err error
			if !ready {
				err = prepare(ctx, db)
				ready = err == nil
			}
			if ready {
				err = copyOn(ctx, db, log)
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil && !ailing {
				trouble("copying the ledger to the database", err)
			}
			ailing = err != nil
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return f
}

// Stop ends it, and waits for it to have ended.
func (f *Follower) Stop() {
	f.cancel()
	<-f.done
}

// Copy brings the copy of a ledger up to date.
func Copy(ctx context.Context, db DB, log Log) error {
	if err := prepare(ctx, db); err != nil {
		return err
	}
	return copyOn(ctx, db, log)
}

func copyOn(ctx context.Context, db DB, log Log) error {
	for {
		if more, err := step(ctx, db, log); err != nil || !more {
			return err
		}
	}
}

// step copies one batch, in one transaction.
func step(ctx context.Context, db DB, log Log) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	origin := log.Origin()
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO assent_ledger (origin, vkey) VALUES ($1, $2) ON CONFLICT DO NOTHING`, origin, log.VKey()); err != nil {
			return err
		}
		var size int64
		var head, vkey string
		if err := tx.QueryRow(ctx, `SELECT size, head, vkey FROM assent_ledger WHERE origin = $1 FOR UPDATE`, origin).Scan(&size, &head, &vkey); err != nil {
			return err
		}
		if err := same(ctx, tx, log, origin, uint64(size)); err != nil {
			return err
		}
		var next []ledger.Stored
		if err := log.Scan(ctx, uint64(size), func(s ledger.Stored) bool {
			next = append(next, s)
			return len(next) < batch
		}); err != nil {
			return err
		}
		if len(next) == 0 {
			return nil
		}
		more = len(next) == batch
		if err := insert(ctx, tx, origin, next); err != nil {
			return err
		}
		now := size + int64(len(next))
		signed, err := log.CheckpointUpTo(ctx, uint64(now))
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if err == nil {
			head = string(signed)
			if vkey, err = keyOf(ctx, log, signed); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE assent_ledger SET size = $2, vkey = $3, head = $4, at = clock_timestamp() WHERE origin = $1`, origin, now, vkey, head)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("copying the ledger %s: %w", origin, err)
	}
	return more, nil
}

// keyOf is the key that a head is signed with: the log may have gone over to another.
func keyOf(ctx context.Context, log Log, signed []byte) (string, error) {
	head, err := tlog.ReadCheckpoint(signed)
	if err != nil {
		return "", err
	}
	return ledger.VKeyAt(ctx, log, head.Size, log.VKey())
}

// same holds the end of the copy against the ledger: where the last entry is the same,
// so are those before it, or the ledger's own checks fail.
func same(ctx context.Context, tx pgx.Tx, log Log, origin string, size uint64) error {
	if size == 0 {
		return nil
	}
	var leaf []byte
	if err := tx.QueryRow(ctx, `SELECT leaf FROM assent_entry WHERE origin = $1 AND idx = $2`, origin, int64(size-1)).Scan(&leaf); err != nil {
		return fmt.Errorf("reading the end of the copy: %w", err)
	}
	have, err := log.Get(ctx, size-1)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return fmt.Errorf("%w: it has %d entries, the ledger fewer", ErrOther, size)
	case err != nil:
		return err
	case string(leaf) != string(have.LeafHash[:]):
		return fmt.Errorf("%w: entry %d is not the same", ErrOther, size-1)
	}
	return nil
}

func insert(ctx context.Context, tx pgx.Tx, origin string, all []ledger.Stored) error {
	var idx []int64
	var kind, key, run []string
	var at []time.Time
	var envelope, leaf [][]byte
	for _, s := range all {
		idx, kind, key, run = append(idx, int64(s.Index)), append(kind, string(s.Kind)), append(key, s.Key), append(run, s.Run)
		at, envelope, leaf = append(at, s.At), append(envelope, s.Envelope), append(leaf, s.LeafHash[:])
	}
	_, err := tx.Exec(ctx, `INSERT INTO assent_entry (origin, idx, kind, key, run, at, envelope, leaf)
		SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[], $8::bytea[])`,
		origin, idx, kind, key, run, at, envelope, leaf)
	return err
}
