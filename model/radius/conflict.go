package radius

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

const (
	// conflictsKept bounds what Conflicts names.
	conflictsKept = 8
	// blamed bounds how many changes under way are looked at one by one, to tell
	// which of them it is.
	blamed = 32
)

// Conflicts finds the changes under way that an action does not go together with:
// one ends what the other needs, or both together break what neither breaks alone
// (two replicas of two). Alone is what the action breaks by itself, by changes.
func Conflicts(s model.Snapshot, changes []Change, uses []model.URN, alone *Reach) []model.Conflict {
	switch known := s.(type) {
	case *Witness:
		if known.conflicts = Conflicts(known.Snapshot, changes, uses, alone); len(known.pending) > 0 {
			c := &conflicting{s: known.Snapshot, changes: changes, uses: uses, pending: known.pending}
			known.conflicts = c.find(alone)
		}
		return known.conflicts
	case *recalled:
		return known.facts.Conflicts
	}
	return nil
}

type conflicting struct {
	s       model.Snapshot
	changes []Change
	uses    []model.URN
	pending []model.Pending
	found   []model.Conflict
}

func (c *conflicting) add(p *model.Pending, kind string, urn model.URN) {
	n := model.Conflict{Decision: p.Decision, Index: p.Index, Kind: kind, URN: urn}
	if len(c.found) < conflictsKept && !slices.Contains(c.found, n) {
		c.found = append(c.found, n)
	}
}

func (c *conflicting) find(alone *Reach) []model.Conflict {
	ends, touches := map[model.URN]bool{}, map[model.URN]bool{}
	breaks := false
	for _, m := range c.changes {
		touches[m.URN] = true
		ends[m.URN] = ends[m.URN] || m.Effect >= Replace
		breaks = breaks || m.Effect.Breaks()
	}
	for _, urn := range c.uses {
		touches[urn] = true
	}
	for i := range c.pending {
		p := &c.pending[i]
		if !p.Breaks && !breaks {
			continue // most are of this kind
		}
		for _, o := range p.Changes {
			switch e := effectOf(o); {
			case e >= Replace && touches[o.URN]:
				c.add(p, model.ConflictEnds, o.URN)
			case ends[o.URN]:
				c.add(p, model.ConflictNeeded, o.URN)
			}
		}
		for _, urn := range p.Uses {
			if ends[urn] {
				c.add(p, model.ConflictNeeded, urn)
			}
		}
	}
	if len(c.found) == 0 {
		c.along(touches, ends)
	}
	if len(c.found) == 0 && breaks {
		c.together(alone)
	}
	return c.found
}

// along finds what the action needs and does not end, that goes with what is ended
// by one under way: the subnets of a network.
func (c *conflicting) along(touches, ends map[model.URN]bool) {
	looked := 0
	for i := range c.pending {
		if !c.pending[i].Breaks {
			continue
		}
		var ending []Change
		for _, m := range breaking(&c.pending[i]) {
			if m.Effect >= Replace {
				ending = append(ending, m)
			}
		}
		if len(ending) == 0 {
			continue
		}
		if looked++; looked > blamed {
			return
		}
		for _, h := range c.walk(ending).Nearest(0) {
			if effectOf(h) == Destroy && touches[h.URN] && !ends[h.URN] {
				c.add(&c.pending[i], model.ConflictEnds, h.URN)
			}
		}
	}
}

// effectOf is the effect that a change under way was said to have; one that nobody
// knows ends things: unknown never helps.
func effectOf(h model.Hop) Effect {
	e, err := ParseEffect(h.Effect)
	if err != nil {
		return Destroy
	}
	return e
}

// breaking are the changes under way after which something cannot be used.
func breaking(p *model.Pending) []Change {
	var out []Change
	for _, h := range p.Changes {
		if e := effectOf(h); e.Breaks() {
			out = append(out, Change{URN: h.URN, Type: h.Type, Effect: e})
		}
	}
	return out
}

// together finds what breaks with both and with neither alone.
func (c *conflicting) together(alone *Reach) {
	var all []Change
	var who []int
	for i := range c.pending {
		if more := breaking(&c.pending[i]); len(more) > 0 {
			all, who = append(all, more...), append(who, i)
		}
	}
	if len(all) == 0 {
		return
	}
	mine := alone.effects()
	worse := func(others []Change) (urn model.URN) {
		theirs := c.walk(others).effects()
		for _, h := range c.walk(slices.Concat(c.changes, others)).Nearest(0) {
			if e := effectOf(h); e.Breaks() && e > mine[h.URN] && e > theirs[h.URN] {
				return h.URN
			}
		}
		return ""
	}
	first := worse(all)
	if first == "" {
		return
	}
	for _, i := range who[:min(len(who), blamed)] {
		if urn := worse(breaking(&c.pending[i])); urn != "" {
			c.add(&c.pending[i], model.ConflictTogether, urn)
		}
	}
	if len(c.found) == 0 { // it takes more than two
		for _, i := range who {
			c.add(&c.pending[i], model.ConflictTogether, first)
		}
	}
}

func (c *conflicting) walk(changes []Change) *Reach {
	return Availability(c.s, changes, Budget{}) // without Stop: law 5
}

// effects are what becomes of everybody affected, and of the targets.
func (r *Reach) effects() map[model.URN]Effect {
	out := map[model.URN]Effect{}
	for _, h := range r.Nearest(0) {
		out[h.URN] = max(out[h.URN], effectOf(h))
	}
	for at, urn := range r.targets {
		if at < len(r.entries) {
			out[urn] = max(out[urn], r.entries[at].effect)
		}
	}
	return out
}

// Home is the namespace that a Kubernetes object lives in: it has to be there for
// whatever is done to the object.
func Home(urn model.URN) (model.URN, bool) {
	rest, ok := strings.CutPrefix(string(urn), "k8s://")
	if !ok {
		return "", false
	}
	f := strings.Split(rest, "/")
	if len(f) < 5 || f[len(f)-2] == "" {
		return "", false
	}
	n := len(f)
	return model.URN("k8s://" + strings.Join(f[:n-4], "/") + "/core/Namespace//" + f[n-2]), true
}
