package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// resolveEvery is how often a daemon holds what exists against outcomes that nobody saw.
// Where there are none, that reads what was written to the ledger meanwhile, and no more.
const resolveEvery = time.Minute

// lookPause is how often it is asked whether what others have read has arrived.
const lookPause = 100 * time.Millisecond

// Looks is what is known to exist, and how collectors have looked at it: everything that
// they say they have looked at is in Running.
type Looks struct {
	Kept    []collect.Kept
	Running model.Snapshot
}

// Resolve records what listings tell of decisions whose outcome nobody saw, and returns
// that: nothing is recorded where they tell nothing. One process does it at a time; what
// was read of the log is remembered beside it, and not read again.
func Resolve(ctx context.Context, log *store.Store, looks Looks, now time.Time, appended func(context.Context, ledger.Entry) error) (resolved []ledger.Resolved, err error) {
	for more := true; more && err == nil; {
		err = log.Beside(ctx, "unseen", func(was []byte) ([]byte, error) {
			var unseen reconcile.Unseen
			if json.Unmarshal(was, &unseen) != nil || unseen.Origin != log.Origin() {
				unseen = reconcile.Unseen{Origin: log.Origin()} // nothing was remembered of this log
			}
			if more, err = unseen.Follow(ctx, log); err != nil {
				return nil, err
			}
			if !more {
				if resolved, err = tell(ctx, log, unseen, looks, now, appended); err != nil {
					return nil, err
				}
			}
			return json.Marshal(unseen)
		})
	}
	return resolved, err
}

// tell records what listings tell of what is open, and returns what it has recorded.
func tell(ctx context.Context, log *store.Store, unseen reconcile.Unseen, looks Looks, now time.Time, appended func(context.Context, ledger.Entry) error) (resolved []ledger.Resolved, err error) {
	until := collect.Until(looks.Kept)
	found, left, err := unseen.ByWhatExists(ctx, log, reconcile.Looked{
		Seen: looks.Running.Resource,
		Until: func(platform, account, region, kind string) time.Time {
			return until(collect.Scope{Platform: platform, Account: account, Region: region, Type: kind})
		},
	})
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(found, ledger.MaxListed) {
		e, err := resolution(ctx, log, some, left, now)
		if err == nil {
			err = appended(ctx, e)
		}
		if err != nil {
			return resolved, err
		}
		resolved = append(resolved, some...)
	}
	return resolved, nil
}

// resolution is the entry that says it.
func resolution(ctx context.Context, log *store.Store, resolved []ledger.Resolved, left int, now time.Time) (e ledger.Entry, err error) {
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return e, err
	}
	head, err := tlog.ReadCheckpoint(signed)
	if err != nil {
		return e, err
	}
	return ledger.ReconcileEntry(ledger.Reconciliation{At: now, Sources: []ledger.Source{{Kind: ledger.SourceCollectors}}, Origin: head.Origin, Size: head.Size, Root: head.Root,
		Own: map[string]uint64{}, Unknown: uint64(left), Resolved: resolved})
}

// resolves does so for as long as ctx lasts.
func (e *Engine) resolves(ctx context.Context, c *collecting) {
	tick := time.NewTicker(resolveEvery)
	defer tick.Stop()
	ailing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := e.resolve(ctx, c.Runner)
		if err != nil && !ailing && ctx.Err() == nil {
			e.cfg.Trouble("what became of calls whose answer nobody saw is not recorded", err)
		}
		ailing = err != nil
	}
}

// resolve does so once, in this proxy's own ledger: one that is elsewhere cannot be read
// from here.
func (e *Engine) resolve(ctx context.Context, r *collect.Runner) error {
	looks, err := e.memory.looks(ctx, r)
	if err != nil {
		return err
	}
	resolved, err := Resolve(ctx, e.ledger, looks, e.cfg.Now().UTC(), func(ctx context.Context, entry ledger.Entry) error {
		_, err := e.book.Append(ctx, entry)
		return err
	})
	for _, one := range resolved {
		e.cfg.Resolved(one)
	}
	return err
}

// looks is what is known, and how it was looked at. Of a shared model that is what all who
// share it have kept, once it has arrived here.
func (m *Memory) looks(ctx context.Context, r *collect.Runner) (Looks, error) {
	if m.replica == nil {
		kept := r.Kept()
		return Looks{kept, m.Graph.Snapshot()}, nil // in this order: what is in the one is in the other
	}
	ctx, end := context.WithTimeout(ctx, flushTime)
	defer end()
	kept, err := Looked(ctx, m)
	if err != nil {
		return Looks{}, err
	}
	asked, pause := time.Now(), time.NewTicker(lookPause)
	defer pause.Stop()
	for {
		if since, _ := m.replica.Behind(time.Now()); since.After(asked) {
			return Looks{kept, m.Graph.Snapshot()}, nil
		}
		select {
		case <-ctx.Done():
			return Looks{}, fmt.Errorf("what others have read has not arrived here: %w", context.Cause(ctx))
		case <-pause.C:
		}
	}
}
