package postgres

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
)

// baselines are how things were built, as a replica has them: a decision asks no
// database. Its methods may be called from anywhere.
type baselines struct {
	mu  sync.RWMutex // guards what follows
	all map[string]baseline
	rev int64 // all changes up to it are in all; -1: nothing was ever read
}

type baseline struct {
	model.Built
	rev  int64
	gone bool // kept until the log says so too
}

// of returns how one thing was built.
func (b *baselines) of(urn model.URN) (model.Built, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	one, ok := b.all[key(urn)]
	return one.Built, ok && !one.gone
}

// take takes in changes that this process has made itself, before the log tells of them.
func (b *baselines) take(changes []change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.put(changes)
}

// put takes in what is newer than what is known. mu is held.
func (b *baselines) put(changes []change) error {
	for _, c := range changes {
		if c.rev <= b.rev || c.rev < b.all[c.urn].rev {
			continue
		}
		one := baseline{rev: c.rev, gone: c.body == nil}
		if !one.gone {
			if err := json.Unmarshal(c.body, &one.Built); err != nil {
				return err
			}
		}
		b.all[c.urn] = one
	}
	return nil
}

// follow reads what was built since the last time; all of it, when that is too long
// ago or anew is asked for. It is called by one goroutine at a time.
func (b *baselines) follow(ctx context.Context, from querier, anew bool) error {
	b.mu.RLock()
	since := b.rev
	b.mu.RUnlock()
	if anew {
		since = -1
	}
	changes, rev, tail, err := readBuilt(ctx, from, since)
	switch {
	case err != nil:
		return err
	case since >= 0 && (rev < since || tail > since): // the log went back, or has forgotten
		return b.follow(ctx, from, true)
	case rev == since:
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if since < 0 {
		b.all, b.rev = map[string]baseline{}, -1
	}
	if err := b.put(changes); err != nil {
		return err
	}
	b.rev = rev
	for _, c := range changes {
		if one := b.all[c.urn]; one.gone && one.rev <= rev {
			delete(b.all, c.urn)
		}
	}
	return nil
}

// readBuilt reads the changes after one, in one statement: of one moment.
func readBuilt(ctx context.Context, from querier, since int64) (changes []change, rev, tail int64, err error) {
	ctx, end := context.WithTimeout(ctx, loadTime)
	defer end()
	rows, err := from.Query(ctx, "SELECT g.rev, g.tail, b.urn, b.body, b.rev FROM assent_built_log g LEFT JOIN assent_built b ON b.rev > $1", since)
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var urn, body *string
		var at *int64
		if err := rows.Scan(&rev, &tail, &urn, &body, &at); err != nil {
			return nil, 0, 0, err
		}
		if urn == nil {
			continue // there is none
		}
		c := change{urn: *urn, rev: *at}
		if body != nil {
			c.body = []byte(*body)
		}
		changes = append(changes, c)
	}
	return changes, rev, tail, rows.Err()
}

// Executed is Store.Executed, and BuiltOf says so at once.
func (r *Replica) Executed(ctx context.Context, changed []model.Built, gone []model.URN) error {
	done, err := r.cfg.Store.executed(ctx, changed, gone)
	if err == nil {
		err = r.builds.take(done)
	}
	return err
}

// ReadBack is Store.ReadBack, and BuiltOf says so at once.
func (r *Replica) ReadBack(ctx context.Context, all []model.Built) error {
	done, err := r.cfg.Store.readBack(ctx, all)
	if bad := r.builds.take(done); err == nil {
		err = bad
	}
	return err
}

// BuiltOf returns how one resource was built, as far as this process has heard: it asks
// no database.
func (r *Replica) BuiltOf(urn model.URN) (model.Built, bool) { return r.builds.of(urn) }

// forgetGone deletes the rows of what is gone, but the newest.
func forgetGone(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `WITH g AS (UPDATE assent_built_log SET tail = greatest(tail, rev - $1) RETURNING tail)
		DELETE FROM assent_built b USING g WHERE b.body IS NULL AND b.rev <= g.tail`, keepGone)
	return err
}

// keepGone is how many changes long it is kept what is gone, for followers that are a
// little behind.
const keepGone = 10_000
