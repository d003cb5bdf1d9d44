package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Connect gives connections to a database, as a Store has them, for what else is kept
// there.
func Connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	s, err := New(ctx, Config{URL: url, NewGraph: func() Graph { return nil }})
	if err != nil {
		return nil, err
	}
	return s.pool, nil
}
