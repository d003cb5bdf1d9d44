package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/proxy/gate"
)

const (
	// baselineTime bounds one look at what was built: it is one row, by its key.
	baselineTime = time.Second
	// maxUnderWay bounds the changes that are remembered until they are read back. Where
	// there are more the oldest quarter is forgotten: most of their clients have given up.
	maxUnderWay = 4096
)

// baselines are how things were built.
type baselines interface {
	BuiltOf(context.Context, model.URN) (model.Built, bool, error)
}

// standings tells how things stand against what was built. What is being changed
// right now, or was and is not read back yet, has not drifted: nobody can tell.
type standings struct {
	store   baselines
	rules   *reconcile.Rules
	words   checks.Portable
	now     func() time.Time
	trouble func(error)

	mu       sync.Mutex
	underWay map[model.URN]change // guarded by mu
}

// change is one that is under way.
type change struct {
	at   time.Time
	held []string // what had drifted before it, and is not what it is about
}

func newStandings(s baselines, words checks.Portable, now func() time.Time, trouble func(error)) (*standings, error) {
	rules, err := reconcile.ReadRules()
	return &standings{store: s, rules: rules, words: words, now: now, trouble: trouble, underWay: map[model.URN]change{}}, err
}

// event notes what is sent, and what became of it.
func (s *standings) event(e gate.Event, snapshot model.Snapshot) {
	d := e.Decision
	if e.Held != nil || e.Turned != nil || d.Blocks() || !d.Action.Mutates() {
		return
	}
	at := s.now()
	held := map[model.URN][]string{}
	if e.Outcome == nil {
		named(d.Action, func(urn model.URN, _, _ string) { held[urn] = s.holds(d.Action, urn, snapshot) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := e.Outcome != nil && !gate.CarriedOut(e.Outcome.Result)
	named(d.Action, func(urn model.URN, _, _ string) {
		switch {
		case failed:
			delete(s.underWay, urn)
		case e.Outcome == nil:
			s.forget()
			s.underWay[urn] = change{at, held[urn]}
		}
	})
}

// forget makes room for one change more. It is called with mu held.
func (s *standings) forget() {
	if len(s.underWay) < maxUnderWay {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(s.underWay), func(a, b model.URN) int {
		return cmp.Or(s.underWay[a].at.Compare(s.underWay[b].at), cmp.Compare(a, b))
	})
	for _, urn := range oldest[:maxUnderWay/4] {
		delete(s.underWay, urn)
	}
}

// holds are the fields of a thing that have drifted, and that an action is surely not
// about.
func (s *standings) holds(a model.Action, urn model.URN, snapshot model.Snapshot) (out []string) {
	st, ok := s.on(snapshot).(model.Reconciled)
	if !ok || len(a.Parts) > 0 {
		return nil
	}
	r, there := snapshot.Resource(urn)
	if !there {
		return nil
	}
	var drifted []string
	for _, d := range st.Standing(urn).Drifted {
		drifted = append(drifted, d.Path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), baselineTime)
	defer cancel()
	if b, known, err := s.store.BuiltOf(ctx, urn); err == nil && known && !b.Settled() {
		drifted = b.Held // of the change before, that nobody has read back yet
	}
	effect := reconcile.EffectOf(s.rules, a, r.Type)
	for _, path := range drifted {
		if touch := effect.On(r, path); touch.Told && !touch.Changed {
			out = append(out, path)
		}
	}
	return out
}

// heldOf are the fields that a change under way is not about.
func (s *standings) heldOf(urn model.URN) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.underWay[urn].held
}

// settledSince reports whether something was read back after whatever was done to it.
func (s *standings) settledSince(b model.Built) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, changing := s.underWay[b.URN]
	if changing && !b.ReadAt.After(c.at) {
		return false
	}
	delete(s.underWay, b.URN)
	return b.Settled()
}

// on is a snapshot that knows what was built, too.
func (s *standings) on(g model.Snapshot) model.Snapshot {
	t, ok := g.(versioned)
	if !ok {
		return g
	}
	return &judged{versioned: t, from: s, known: map[model.URN]model.Standing{}}
}

// versioned is all that a version of the model can do.
type versioned interface {
	model.Topology
	model.Supposing
	model.Filler
}

// judged is one version of the model for one decision. What was built is looked up
// once for each thing.
type judged struct {
	versioned
	from  *standings
	mu    sync.Mutex
	known map[model.URN]model.Standing // guarded by mu
}

var (
	_ model.Reconciled = (*judged)(nil)
	_ model.Portraying = (*judged)(nil)
)

// Portrait implements model.Portraying.
func (j *judged) Portrait(urn model.URN) model.Portrait {
	p := model.Portrait{URN: urn}
	if r, there := j.Resource(urn); there {
		p.Capability, p.Props = j.from.words(r)
	}
	return p
}

// Standing implements model.Reconciled. What cannot be looked up is not known.
func (j *judged) Standing(urn model.URN) model.Standing {
	j.mu.Lock()
	defer j.mu.Unlock()
	if st, looked := j.known[urn]; looked {
		return st
	}
	st := model.Standing{URN: urn}
	r, there := j.Resource(urn)
	ctx, cancel := context.WithTimeout(context.Background(), baselineTime)
	defer cancel()
	b, built, err := j.from.store.BuiltOf(ctx, urn)
	switch {
	case err != nil:
		j.from.trouble(err)
	case there && built && j.from.settledSince(b):
		st = reconcile.Input{Rules: j.from.rules, Running: j.versioned}.Standing(r, b)
	}
	st.Built = built && err == nil
	j.known[urn] = st
	return st
}
