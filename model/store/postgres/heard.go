package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
)

// maxHeard bounds the changes that are kept of which logs have told: the oldest go
// first.
const maxHeard = 20_000

// Heard keeps one; told again, it is the same one.
func (s *Store) Heard(ctx context.Context, h store.Heard) error {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	return s.told("saving an event", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO assent_heard VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body",
			key(model.URN(h.ID)), h.At.UnixNano(), strings.ToValidUTF8(string(h.Body), "\uFFFD"))
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM assent_heard WHERE id IN (SELECT id FROM assent_heard ORDER BY at DESC, id OFFSET $1)", maxHeard)
		}
		return err
	}))
}

// AllHeard returns them, oldest first.
func (s *Store) AllHeard(ctx context.Context) ([]store.Heard, error) {
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	rows, err := s.pool.Query(ctx, `SELECT id, at, body FROM assent_heard ORDER BY at, id COLLATE "C"`)
	if err != nil {
		return nil, s.told("loading events", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h store.Heard, err error) {
		var at int64
		var body string
		err = row.Scan(&h.ID, &at, &body)
		h.At, h.Body = time.Unix(0, at).UTC(), []byte(body)
		return h, err
	})
	return all, s.told("loading events", err)
}

// Salt is store.Store's: all that share the model share it.
func (s *Store) Salt(ctx context.Context, fresh []byte) (salt []byte, err error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	if _, err = s.pool.Exec(ctx, "INSERT INTO assent_salt (value) VALUES ($1) ON CONFLICT DO NOTHING", fresh); err == nil {
		err = s.pool.QueryRow(ctx, "SELECT value FROM assent_salt").Scan(&salt)
	}
	return salt, s.told("reading the model's salt", err)
}
