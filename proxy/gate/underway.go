package gate

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// CodeUnderWay is the finding of an action that does not go together with one that
// is under way.
const CodeUnderWay = "AS2025"

const (
	// claimTries is how often an action is judged anew because another was allowed
	// meanwhile; then it is judged with nobody beside it.
	claimTries = 8
	// learnWithin is how long what was answered counts as under way, until the model
	// has learnt of it: answers take that long at most, but for streams.
	learnWithin = 30 * time.Second
)

// underWay are the changes that were allowed and are not known to have ended: what
// they do is not in the model yet, and the next decision has to know. An entry
// lives from before its decision is recorded until its outcome is, and the answer
// was learnt from: they are bounded by the requests that the proxy lets be in
// flight. When the process dies they die with it; the ledger closes their decisions
// as unknown.
type underWay struct {
	now func() time.Time
	// alone is read-locked while an action is judged and claimed, and locked by one
	// that others have overtaken too often.
	alone sync.RWMutex

	mu    sync.Mutex // guards what follows
	count counts
	open  map[string]*claimed
}

// counts are of claims, ever: of all, and of those that break something. One that
// breaks nothing is only overtaken by those that do.
type counts struct{ all, breaking uint64 }

type claimed struct {
	does     model.Pending
	settled  chan struct{} // closed when its decision is recorded, or it ended
	answered time.Time     // when its outcome was recorded, while the model still learns
}

func newUnderWay(now func() time.Time) *underWay {
	return &underWay{now: now, open: map[string]*claimed{}}
}

// list returns what is under way, but for one decision, in the order of decisions.
func (u *underWay) list(but string) []model.Pending {
	all, _ := u.seen(but)
	return all
}

func (u *underWay) seen(but string) (all []model.Pending, count counts) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, c := range u.open {
		if !c.answered.IsZero() && u.now().Sub(c.answered) > learnWithin {
			delete(u.open, id)
		} else if id != but {
			all = append(all, c.does)
		}
	}
	slices.SortFunc(all, func(a, b model.Pending) int { return strings.Compare(a.Decision, b.Decision) })
	return all, u.count
}

// claim adds what a decision does, unless others were added since it was made.
func (u *underWay) claim(id string, does model.Pending, count counts) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count.breaking != count.breaking || does.Breaks && u.count.all != count.all {
		return false
	}
	u.count.all++
	if does.Breaks {
		u.count.breaking++
	}
	does.Decision = id
	settled := make(chan struct{})
	if before := u.open[id]; before != nil && !before.does.Recorded { // decided anew: others may wait
		settled = before.settled
	}
	u.open[id] = &claimed{does: does, settled: settled}
	return true
}

// recorded says which entry of the ledger a decision is.
func (u *underWay) recorded(id string, index uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.open[id]; c != nil && !c.does.Recorded {
		c.does.Index, c.does.Recorded = index, true
		close(c.settled)
	}
}

// answered: it has happened, and the model is about to learn so.
func (u *underWay) answered(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.open[id]; c != nil {
		c.answered = u.now()
	}
}

// drop forgets it: it ended, or never began.
func (u *underWay) drop(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.open[id]; c != nil {
		if !c.does.Recorded {
			close(c.settled)
		}
		delete(u.open, id)
	}
}

// unsettled returns a decision among those named that may still be refused.
func (u *underWay) unsettled(d policy.Decision) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, c := range u.open {
		if !c.does.Recorded && slices.ContainsFunc(d.Findings, func(f policy.Finding) bool {
			return f.Code == CodeUnderWay && strings.HasPrefix(f.Why, id+" ")
		}) {
			return c.settled
		}
	}
	return nil
}

// conflicts reports whether a decision was made against one that is under way: soon
// it will be made otherwise.
func conflicts(d policy.Decision) bool {
	return slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Code == CodeUnderWay })
}

// claim decides on an action and, if it may go, adds it to what is under way, as one
// step: of two that do not go together, the second sees the first. A conflict with
// one that may still be refused waits until it is clear.
func (g *Gate) claim(ctx context.Context, a model.Action, at time.Time, id string, approvals ...policy.Approval) policy.Decision {
	for try := 0; ; try++ {
		d, claimed := g.tryClaim(ctx, a, at, id, try >= claimTries, approvals)
		if !claimed {
			continue
		}
		settled := g.open.unsettled(d)
		if settled == nil || !d.Blocks() || try >= 2*claimTries {
			return d
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return d
		}
	}
}

// tryClaim reports false where another was claimed while this was decided.
func (g *Gate) tryClaim(ctx context.Context, a model.Action, at time.Time, id string, alone bool, approvals []policy.Approval) (policy.Decision, bool) {
	if alone {
		g.open.alone.Lock()
		defer g.open.alone.Unlock()
	} else {
		g.open.alone.RLock()
		defer g.open.alone.RUnlock()
	}
	open, count := g.open.seen(id)
	d := g.decideAmid(ctx, a, at, id, open, approvals...)
	if d.Blocks() || d.Fault != "" || len(d.Does.Changes)+len(d.Does.Uses) == 0 {
		return d, true
	}
	return d, g.open.claim(id, d.Does, count)
}
