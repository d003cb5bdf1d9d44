package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/assent-iom/assent/model"
)

// builtSchema is made in every file, also in one that an older program made: that
// program does not look at it.
const builtSchema = `
CREATE TABLE IF NOT EXISTS built (
  urn  TEXT PRIMARY KEY,
  body TEXT NOT NULL
) WITHOUT ROWID, STRICT;
`

// Executed notes that changes were executed: what was read back before stays, and
// is older than the change. What is gone is forgotten.
func (s *Store) Executed(ctx context.Context, changed []model.Built, gone []model.URN) error {
	return s.built(ctx, func(exec func(query string, args ...any) error) error {
		for _, b := range changed {
			b.Attrs, b.Tags = nil, nil
			body, err := json.Marshal(b)
			if err != nil {
				return err
			}
			if err := exec("INSERT INTO built (urn, body) VALUES (?, ?) ON CONFLICT (urn) DO UPDATE SET body = json_patch(body, excluded.body)", string(b.URN), string(body)); err != nil {
				return err
			}
		}
		for _, urn := range gone {
			if err := exec("DELETE FROM built WHERE urn = ?", string(urn)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReadBack keeps how things were found after their last change. One that has been
// changed again meanwhile is left alone; who made it stays.
func (s *Store) ReadBack(ctx context.Context, all []model.Built) error {
	return s.built(ctx, func(exec func(query string, args ...any) error) error {
		for _, b := range all {
			body, err := json.Marshal(b)
			if err != nil {
				return err
			}
			at, err := json.Marshal(b.At)
			if err != nil {
				return err
			}
			if err := exec("UPDATE built SET body = json_patch(?, json_object('made', json(body -> '$.made'))) WHERE urn = ? AND json_extract(body, '$.at') = json_extract(?, '$')", string(body), string(b.URN), string(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) built(ctx context.Context, do func(exec func(query string, args ...any) error) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("saving what was built: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	err = do(func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("saving what was built: %w", err)
	}
	return nil
}

// BuiltOf returns how one resource was built, if it was.
func (s *Store) BuiltOf(ctx context.Context, urn model.URN) (b model.Built, ok bool, err error) {
	var body []byte
	err = s.db.QueryRowContext(ctx, "SELECT body FROM built WHERE urn = ?", string(urn)).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return b, false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &b)
	}
	if err != nil {
		return b, false, fmt.Errorf("looking up what was built: %w", err)
	}
	return b, true, nil
}

// Built returns all that was built, in URN order.
func (s *Store) Built(ctx context.Context) ([]model.Built, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT body FROM built ORDER BY urn")
	if err != nil {
		return nil, fmt.Errorf("loading what was built: %w", err)
	}
	defer rows.Close()
	var all []model.Built
	for rows.Next() {
		var body []byte
		var b model.Built
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("loading what was built: %w", err)
		}
		if err := json.Unmarshal(body, &b); err != nil {
			return nil, fmt.Errorf("loading what was built: %w", err)
		}
		all = append(all, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("loading what was built: %w", err)
	}
	return all, nil
}
