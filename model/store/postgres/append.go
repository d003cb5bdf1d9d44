package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/assent-iom/assent/model"
)

// item is one observation on its way to the log.
type item struct {
	seen  model.Observation
	lease string // empty: nobody's; else it is kept only while the lease holds
	fence int64
}

// appended is what became of a batch.
type appended struct {
	kept int64 // of its events; -1: it was in the log already
	head int64
}

// append appends a batch in one transaction: all that may be kept, or nothing. The
// numbers of a writer's batches MUST rise; the same batch again is appended once.
func (s *Store) append(ctx context.Context, writer string, number int64, items []item) (a appended, err error) {
	bodies, leases, fences := make([]string, len(items)), make([]string, len(items)), make([]int64, len(items))
	for i, it := range items {
		if bodies[i], err = encode(it.seen); err != nil {
			return a, fmt.Errorf("saving %s: %w", it.seen.Resource.URN, err)
		}
		leases[i], fences[i] = it.lease, it.fence
	}
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	err = s.pool.QueryRow(ctx, "SELECT kept, last FROM assent_append($1, $2, $3, $4, $5)", writer, number, bodies, leases, fences).Scan(&a.kept, &a.head)
	return a, s.told("saving the shared model", err)
}

// Save appends observations in one transaction, and returns when they are in the log.
func (s *Store) Save(ctx context.Context, observations []model.Observation) error {
	if len(observations) == 0 {
		return nil
	}
	items := make([]item, len(observations))
	for i, o := range observations {
		items[i].seen = o
	}
	_, err := s.append(ctx, name(), 1, items)
	return err
}

// unfit reports whether a batch would never be taken, however often it is tried.
func unfit(err error) bool {
	var f *failure
	if !errors.As(err, &f) {
		return err != nil // it could not be written down
	}
	var refused *pgconn.PgError
	return errors.As(f.err, &refused) && (refused.Code[:2] == "22" || refused.Code[:2] == "54" || refused.Code[:2] == "23")
}
