package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// heardSchema is made in every file, as builtSchema is.
const heardSchema = `
CREATE TABLE IF NOT EXISTS heard (
  id   TEXT PRIMARY KEY,
  at   INTEGER NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS heard_at ON heard (at);
`

// maxHeard bounds what is kept: the oldest go first.
const maxHeard = 20_000

// Heard is a change that somebody's log has told of.
type Heard struct {
	ID   string
	At   time.Time
	Body json.RawMessage
}

// Heard keeps one; told again, it is the same one.
func (s *Store) Heard(ctx context.Context, h Heard) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("saving an event: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO heard (id, at, body) VALUES (?, ?, ?)", h.ID, h.At.UnixNano(), string(h.Body))
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM heard WHERE id IN (SELECT id FROM heard ORDER BY at DESC, id LIMIT -1 OFFSET ?)", maxHeard)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("saving an event: %w", err)
	}
	return nil
}

// AllHeard returns them, oldest first.
func (s *Store) AllHeard(ctx context.Context) ([]Heard, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, at, body FROM heard ORDER BY at, id")
	if err != nil {
		return nil, fmt.Errorf("loading events: %w", err)
	}
	defer rows.Close()
	var all []Heard
	for rows.Next() {
		var h Heard
		var at int64
		var body string
		if err := rows.Scan(&h.ID, &at, &body); err != nil {
			return nil, fmt.Errorf("loading events: %w", err)
		}
		h.At, h.Body = time.Unix(0, at).UTC(), json.RawMessage(body)
		all = append(all, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("loading events: %w", err)
	}
	return all, nil
}
