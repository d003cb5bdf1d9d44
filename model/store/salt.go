package store

import (
	"context"
	"fmt"
)

// saltSchema is made in every file, as builtSchema is.
const saltSchema = `
CREATE TABLE IF NOT EXISTS salt (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  value BLOB NOT NULL
) STRICT;
`

// Salt returns the salt of the commitments in the model (model.Veil): fresh, where it
// had none yet. It lies beside the names that were made with it, and nowhere else.
func (s *Store) Salt(ctx context.Context, fresh []byte) (salt []byte, err error) {
	if _, err = s.db.ExecContext(ctx, "INSERT INTO salt (one, value) VALUES (1, ?) ON CONFLICT DO NOTHING", fresh); err == nil {
		err = s.db.QueryRowContext(ctx, "SELECT value FROM salt").Scan(&salt)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the model's salt: %w", err)
	}
	return salt, nil
}
