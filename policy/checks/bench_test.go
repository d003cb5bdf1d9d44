package checks

import (
	"testing"

	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/decide/decidetest"
)

// clauses asks the clauses alone about the things of a change: is it forbidden, is it
// allowed. Nothing is looked up, and nothing recorded.
func (h *hearing) clauses() (granted bool) {
	for _, l := range h.leaves {
		for _, t := range l.changed {
			for _, n := range h.p.bans(l) {
				if n.concerns(&h.d.Action.Actor, h.subjects) && n.forbids(h.p, l, t) {
					return false
				}
			}
			for _, s := range h.subjects {
				if g, _, needs := h.find(s, l, t, 1); g == nil || len(needs) > 0 {
					return false
				}
			}
		}
	}
	return true
}

// BenchmarkClauses is the part of a verdict that grows with the clauses: 10,000 of
// them. A whole decision: policy/decide, policy/beside.
func BenchmarkClauses(b *testing.B) {
	p, err := Compile(decidetest.Company(10_000))
	if err != nil {
		b.Fatal(err)
	}
	s := decidetest.Estate()
	var all []*hearing
	for _, a := range decidetest.Changes(512) {
		d := &policy.Decision{Action: a}
		h := &hearing{p: p, d: d, s: radius.NewWitness(s, false), subjects: p.subjects(a.Actor)}
		if err := h.split(a, nil); err != nil {
			b.Fatal(err)
		}
		all = append(all, h)
	}
	decidetest.Figures(b, func(i int) {
		if !all[i%len(all)].clauses() {
			b.Fatal("it is not granted")
		}
	})
}

// TestAskingTheClausesMakesNoGarbage: 0 allocations, however many clauses there are.
func TestAskingTheClausesMakesNoGarbage(t *testing.T) {
	p, err := Compile(decidetest.Company(2000))
	if err != nil {
		t.Fatal(err)
	}
	s := decidetest.Estate()
	for _, a := range decidetest.Changes(64) {
		h := &hearing{p: p, d: &policy.Decision{Action: a}, s: radius.NewWitness(s, false), subjects: p.subjects(a.Actor)}
		if err := h.split(a, nil); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() {
			if !h.clauses() {
				t.Fatal("it is not granted")
			}
		}); n != 0 {
			t.Errorf("%v allocations for %s", n, a.Targets[0].URN)
		}
	}
}
