package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// LeaseTime is how long a lease lasts that nobody renews: how long a collector
// rests after its proxy died, and longer than a busy machine's worst moment.
const LeaseTime = 15 * time.Second

// renewals are how often a lease is renewed in its time.
const renewals = 3

// Lease is a lease that somebody holds.
type Lease struct {
	Name   string    `json:"name"`
	Holder string    `json:"holder"`
	Fence  int64     `json:"fence"`
	Until  time.Time `json:"until"` // by the database's clock
}

// Acquire takes a lease, or prolongs it, for the holder; won is false when somebody
// else has it, whose lease is returned. A new holder's fence is higher than all
// before.
func (s *Store) Acquire(ctx context.Context, name, holder string, last time.Duration) (l Lease, won bool, err error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	const take = `
INSERT INTO assent_lease AS l (name, holder, fence, until) VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
  fence = l.fence + (l.holder <> excluded.holder)::int
WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
RETURNING name, holder, fence, until`
	err = s.pool.QueryRow(ctx, take, name, holder, last.Milliseconds()).Scan(&l.Name, &l.Holder, &l.Fence, &l.Until)
	if err == nil {
		return l, true, nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.pool.QueryRow(ctx, "SELECT name, holder, fence, until FROM assent_lease WHERE name = $1", name).Scan(&l.Name, &l.Holder, &l.Fence, &l.Until)
	}
	return l, false, s.told("taking the lease of "+name, err)
}

// Release ends a lease early, if it still is the holder's.
func (s *Store) Release(ctx context.Context, l Lease) error {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	_, err := s.pool.Exec(ctx, "UPDATE assent_lease SET until = '-infinity' WHERE name = $1 AND holder = $2 AND fence = $3", l.Name, l.Holder, l.Fence)
	return s.told("releasing the lease of "+l.Name, err)
}

// Leases lists those that are held now, by name.
func (s *Store) Leases(ctx context.Context) ([]Lease, error) {
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	rows, err := s.pool.Query(ctx, "SELECT name, holder, fence, until FROM assent_lease WHERE until > clock_timestamp() ORDER BY name")
	if err != nil {
		return nil, s.told("listing leases", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Lease])
	return all, s.told("listing leases", err)
}

// Hold waits for a lease and keeps it: the context that it returns ends when the
// lease may have been lost, or ctx ends. It asks nothing of the clock's truth: the
// holder counts from before it asked. Call release when done. Its error is ctx's.
func (s *Store) Hold(ctx context.Context, name, holder string, last time.Duration) (held context.Context, l Lease, release func(), err error) {
	for {
		if held, l, release, err = s.try(ctx, name, holder, last); held != nil {
			return held, l, release, err
		}
		if !rest(ctx, last/renewals) {
			return nil, Lease{}, nil, ctx.Err()
		}
	}
}

// try is Hold without waiting: held is nil when somebody else has the lease.
func (s *Store) try(ctx context.Context, name, holder string, last time.Duration) (held context.Context, l Lease, release func(), err error) {
	asked := time.Now()
	l, won, err := s.Acquire(ctx, name, holder, last)
	if err != nil || !won {
		return nil, l, nil, err
	}
	held, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		s.keep(held, l, last, asked)
	}()
	return held, l, func() {
		cancel()
		<-done
		after, end := context.WithTimeout(context.WithoutCancel(ctx), connectTime)
		defer end()
		_ = s.Release(after, l) // or it ends by itself
	}, nil
}

// keep renews a lease until it may be over.
func (s *Store) keep(ctx context.Context, l Lease, last time.Duration, asked time.Time) {
	for rest(ctx, last/renewals) {
		next := time.Now()
		left := last - next.Sub(asked)
		if left <= 0 {
			return
		}
		one, end := context.WithTimeout(ctx, left)
		now, won, err := s.Acquire(one, l.Name, l.Holder, last)
		end()
		switch {
		case err == nil && (!won || now.Fence != l.Fence):
			return
		case err == nil:
			asked = next
		}
		if time.Since(asked) >= last {
			return
		}
	}
}

// rest waits, and reports false if ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
