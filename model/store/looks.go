package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// looksSchema is made in every file, as builtSchema is.
const looksSchema = `
CREATE TABLE IF NOT EXISTS looks (
  collector TEXT PRIMARY KEY,
  body      TEXT NOT NULL
) WITHOUT ROWID, STRICT;
`

// Look is how one collector has looked at what exists, in its own words. It MUST be
// kept after what it has found: see Writer.Flush.
type Look struct {
	Collector string
	Body      json.RawMessage
}

// Looked keeps looks, each in the place of the collector's last one.
func (s *Store) Looked(ctx context.Context, all []Look) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("saving what was looked at: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	for _, l := range all {
		if _, err := tx.ExecContext(ctx, "INSERT INTO looks (collector, body) VALUES (?, ?) ON CONFLICT (collector) DO UPDATE SET body = excluded.body", l.Collector, string(l.Body)); err != nil {
			return fmt.Errorf("saving what was looked at: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("saving what was looked at: %w", err)
	}
	return nil
}

// Looks returns the last look of every collector, by name.
func (s *Store) Looks(ctx context.Context) ([]Look, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT collector, body FROM looks ORDER BY collector")
	if err != nil {
		return nil, fmt.Errorf("loading what was looked at: %w", err)
	}
	defer rows.Close()
	var all []Look
	for rows.Next() {
		var l Look
		var body string
		if err := rows.Scan(&l.Collector, &body); err != nil {
			return nil, fmt.Errorf("loading what was looked at: %w", err)
		}
		l.Body = json.RawMessage(body)
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("loading what was looked at: %w", err)
	}
	return all, nil
}
