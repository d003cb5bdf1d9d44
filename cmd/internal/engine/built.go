package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

// maxExecuted bounds the changes that wait for the disk. When there are so many,
// noting the next one waits, which slows learning, not calls.
const maxExecuted = 4096

// Settle takes what complete listings have read since its last change as what was
// built: from then on, what differs has drifted.
func Settle(ctx context.Context, s Models, running model.Snapshot, r *collect.Runner) error {
	all, err := s.Built(ctx)
	if err != nil {
		return err
	}
	settled, renamed := reconcile.Settle(all, running, func(res model.Resource) time.Time {
		c := r.Covers(collect.Scope{Platform: res.Platform, Account: res.Account, Region: res.Region, Type: res.Type})
		switch {
		case c.State != collect.Complete || res.SeenAt.Before(c.ListedAt):
			return time.Time{}
		case c.Watched:
			return res.SeenAt
		}
		return c.ListedAt // a page may be older than its SeenAt, and not older than this
	})
	if len(renamed) > 0 { // known by their own names from now on
		var own []model.Built
		for _, b := range settled {
			if !slices.ContainsFunc(all, func(had model.Built) bool { return had.URN == b.URN }) {
				own = append(own, b)
			}
		}
		if err := s.Executed(ctx, own, renamed); err != nil {
			return err
		}
	}
	return s.ReadBack(ctx, settled)
}

// executed is one change that was executed.
type executed struct {
	changed []model.Built
	gone    []model.URN
}

// builds keeps what was executed. Its goroutine ends with close.
type builds struct {
	queue   chan executed
	settle  chan struct{} // capacity 1: a listing is complete
	done    chan struct{}
	once    sync.Once
	trouble func(error)
	back    atomic.Pointer[readBacks] // nil: nobody reads before the next listing
	mine    map[string]bool           // decisions whose changes were kept; of the goroutine, and after done anybody's

	mu     sync.RWMutex
	closed bool // guarded by mu; nothing is queued after it
}

// startBuilds starts it. settle takes what listings have read as what was built.
func startBuilds(s Models, settle func() error, trouble func(error)) *builds {
	b := &builds{queue: make(chan executed, maxExecuted), settle: make(chan struct{}, 1), done: make(chan struct{}), trouble: trouble, mine: map[string]bool{}}
	go func() {
		defer close(b.done)
		for {
			var err error
			select {
			case e, open := <-b.queue:
				if !open {
					return
				}
				err = s.Executed(context.Background(), e.changed, e.gone) // bounded by the store's own patience
				for _, built := range e.changed {
					b.mine[built.Decision] = true
					if back := b.back.Load(); back != nil && err == nil {
						back.add(built)
					}
				}
			case <-b.settle:
				err = settle()
			}
			if err != nil {
				b.once.Do(func() { b.trouble(err) })
			}
		}
	}()
	return b
}

// listed notes that a listing is complete. It does not block.
func (b *builds) listed() {
	select {
	case b.settle <- struct{}{}:
	default: // it will be looked at already
	}
}

// stop takes nothing more, and waits for what was noted to be on the disk.
func (b *builds) stop() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	<-b.done
}

func (b *builds) close() {
	b.stop()
	if back := b.back.Load(); back != nil {
		back.close()
	}
}

// executed is what the gate tells of executed changes; nil: nobody keeps it.
func (e *Engine) executed() func(policy.Decision, []model.Observation) {
	if e.builds == nil || e.cfg.Question {
		return nil
	}
	return func(d policy.Decision, seen []model.Observation) {
		e.builds.note(d, seen, e.cfg.Now().UTC(), e.stands.heldOf)
	}
}

// note keeps that a decided change was executed: what it named and changed, and what
// its answer showed. held says what of a thing had drifted, and was none of its business.
func (b *builds) note(d policy.Decision, seen []model.Observation, at time.Time, held func(model.URN) []string) {
	all := map[model.URN]model.Built{}
	add := func(urn model.URN, kind, role string) {
		if unsaid := strings.Contains(string(urn), "*"); unsaid && (role != model.RoleCreated || slices.ContainsFunc(seen, func(o model.Observation) bool { return o.Resource.Type == kind })) {
			return // what its answer shows says more
		}
		if urn != "" && all[urn].URN == "" {
			built := model.Built{URN: urn, Type: kind, At: at, Actor: d.Action.Actor.ID, Decision: d.ID, Operation: d.Action.Name(), Held: held(urn)}
			if role == model.RoleCreated || role == "" && makes(d.Action, kind) {
				built.Made = &model.Making{At: at, Actor: built.Actor, Decision: built.Decision, Operation: built.Operation}
			}
			all[urn] = built
		}
	}
	named(d.Action, add)
	var e executed
	for _, o := range seen {
		if o.Gone {
			e.gone = append(e.gone, o.Resource.URN)
			delete(all, o.Resource.URN)
			continue
		}
		add(o.Resource.URN, o.Resource.Type, "")
	}
	for _, built := range all {
		e.changed = append(e.changed, built)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(e.changed)+len(e.gone) > 0 && !b.closed {
		b.queue <- e
	}
}

// named calls f for all that an action, or a part of it, makes or changes.
func named(a model.Action, f func(urn model.URN, kind, role string)) {
	for _, t := range a.Targets {
		if t.Role != model.RoleDependency {
			f(t.URN, t.Type, t.Role)
		}
	}
	for _, p := range a.Parts {
		if p.Mutates() {
			named(p, f)
		}
	}
}

// makes reports whether an action, or a part of it, creates a thing of a type.
func makes(a model.Action, kind string) bool {
	return slices.ContainsFunc(a.Targets, func(t model.Target) bool { return t.Role == model.RoleCreated && t.Type == kind }) ||
		slices.ContainsFunc(a.Parts, func(p model.Action) bool { return makes(p, kind) })
}
