package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
)

// key is a URN as PostgreSQL takes it.
func key(urn model.URN) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(urn), "\uFFFD"), "\x00", "\uFFFD")
}

// builtRows bounds the rows of one transaction: others wait for it.
const builtRows = 500

// change is what became of one row of assent_built.
type change struct {
	urn  string
	body []byte // nil: it is gone
	rev  int64
}

// Executed notes that changes were executed: what was read back before stays, and
// is older than the change. What is gone is forgotten.
func (s *Store) Executed(ctx context.Context, changed []model.Built, gone []model.URN) error {
	_, err := s.executed(ctx, changed, gone)
	return err
}

func (s *Store) executed(ctx context.Context, changed []model.Built, gone []model.URN) ([]change, error) {
	return s.built(ctx, func(tx *builtTx) error {
		for _, b := range changed {
			b.Attrs, b.Tags = nil, nil
			newer, err := json.Marshal(b)
			if err != nil {
				return err
			}
			body, err := tx.row(ctx, b.URN)
			if err != nil {
				return err
			}
			if body, err = overlaid(body, newer); err != nil {
				return err
			}
			if err := tx.put(ctx, b.URN, body); err != nil {
				return err
			}
		}
		for _, urn := range gone {
			if err := tx.put(ctx, urn, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReadBack keeps how things were found after their last change. One that has been
// changed again meanwhile is left alone; who made it stays.
func (s *Store) ReadBack(ctx context.Context, all []model.Built) error {
	_, err := s.readBack(ctx, all)
	return err
}

func (s *Store) readBack(ctx context.Context, all []model.Built) (done []change, err error) {
	for some := range slices.Chunk(all, builtRows) {
		part, err := s.built(ctx, func(tx *builtTx) error {
			for _, b := range some {
				body, err := tx.row(ctx, b.URN)
				if err != nil {
					return err
				}
				var had model.Built
				if len(body) == 0 || json.Unmarshal(body, &had) != nil || !had.At.Equal(b.At) {
					continue
				}
				b.Made = had.Made
				if body, err = json.Marshal(b); err != nil {
					return err
				}
				if err := tx.put(ctx, b.URN, body); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done = append(done, part...)
	}
	return done, nil
}

// BuiltOf returns how one resource was built, if it was.
func (s *Store) BuiltOf(ctx context.Context, urn model.URN) (b model.Built, ok bool, err error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	var body []byte
	err = s.pool.QueryRow(ctx, "SELECT body FROM assent_built WHERE urn = $1 AND body IS NOT NULL", key(urn)).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &b)
	}
	return b, err == nil, s.told("looking up what was built", err)
}

// Built returns all that was built, in URN order.
func (s *Store) Built(ctx context.Context) ([]model.Built, error) {
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	rows, err := s.pool.Query(ctx, `SELECT body FROM assent_built WHERE body IS NOT NULL ORDER BY urn COLLATE "C"`)
	if err != nil {
		return nil, s.told("loading what was built", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b model.Built, err error) {
		var body []byte
		if err = row.Scan(&body); err == nil {
			err = json.Unmarshal(body, &b)
		}
		return b, err
	})
	return all, s.told("loading what was built", err)
}

// builtTx is one transaction on assent_built. Such transactions are one after the
// other, so that who reads what is after the last one's number misses nothing.
type builtTx struct {
	pgx.Tx
	rev  int64
	done []change
}

func (s *Store) built(ctx context.Context, do func(*builtTx) error) ([]change, error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	tx := &builtTx{}
	err := pgx.BeginFunc(ctx, s.pool, func(in pgx.Tx) error {
		tx.Tx, tx.done = in, nil
		if err := in.QueryRow(ctx, "UPDATE assent_built_log SET rev = rev + 1 RETURNING rev").Scan(&tx.rev); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		_, err := in.Exec(ctx, "SELECT pg_notify('assent_model', '')")
		return err
	})
	return tx.done, s.told("saving what was built", err)
}

// row is the row of a resource; empty: there is none.
func (tx *builtTx) row(ctx context.Context, urn model.URN) (body []byte, err error) {
	err = tx.QueryRow(ctx, "SELECT body FROM assent_built WHERE urn = $1 AND body IS NOT NULL", key(urn)).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return body, err
}

// put writes the row of a resource; nil: it is gone, which followers are told until
// the log is compacted.
func (tx *builtTx) put(ctx context.Context, urn model.URN, body []byte) error {
	c := change{urn: key(urn), rev: tx.rev}
	var text *string
	if body != nil {
		valid := strings.ToValidUTF8(string(body), "\uFFFD")
		text, c.body = &valid, []byte(valid)
	}
	_, err := tx.Exec(ctx, "INSERT INTO assent_built VALUES ($1, $2, $3) ON CONFLICT (urn) DO UPDATE SET body = excluded.body, rev = excluded.rev", c.urn, text, tx.rev)
	tx.done = append(tx.done, c)
	return err
}

// overlaid lays the members of one object over those of another.
func overlaid(body, newer []byte) ([]byte, error) {
	var a, b map[string]json.RawMessage
	if err := json.Unmarshal(newer, &b); err != nil || len(body) == 0 {
		return newer, err
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	maps.Copy(a, b)
	return json.Marshal(a)
}

// Looked keeps looks, each in the place of the collector's last one.
func (s *Store) Looked(ctx context.Context, all []store.Look) error {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	return s.told("saving what was looked at", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, l := range all {
			if _, err := tx.Exec(ctx, "INSERT INTO assent_look VALUES ($1, $2) ON CONFLICT (collector) DO UPDATE SET body = excluded.body",
				key(model.URN(l.Collector)), strings.ToValidUTF8(string(l.Body), "\uFFFD")); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Looks returns the last look of every collector, by name.
func (s *Store) Looks(ctx context.Context) ([]store.Look, error) {
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	rows, err := s.pool.Query(ctx, `SELECT collector, body FROM assent_look ORDER BY collector COLLATE "C"`)
	if err != nil {
		return nil, s.told("loading what was looked at", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l store.Look, err error) {
		var body []byte
		err = row.Scan(&l.Collector, &body)
		l.Body = body
		return l, err
	})
	return all, s.told("loading what was looked at", err)
}
