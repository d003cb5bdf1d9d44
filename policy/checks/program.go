package checks

import (
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/reconcile"
)

// Program is a set of documents, compiled. It is immutable and safe for
// concurrent use.
type Program struct {
	set    *intent.Set
	actors map[*intent.Actor]int
	envs   map[*intent.Environment]int
	owners ownership
	allow  map[model.Verb]*bucket
	grants []*grant // all of them, by name: for the nearest one
	nevers []*never // by name
	plans  []*plan  // blueprints, by name
	frozen map[*intent.Environment][]freeze
	rules  *reconcile.Rules
	// declared is what Resource documents say, by the id that they give.
	declared map[string][]reconcile.Claim
	counts   bool // somebody, or some environment, has a budget
}

// bits is a set of small numbers: the actors or environments of a clause.
type bits []uint64

func (b bits) has(i int) bool { return i >= 0 && b[i>>6]&(1<<(i&63)) != 0 }
func (b bits) set(i int)      { b[i>>6] |= 1 << (i & 63) }

// grant is one allow clause.
type grant struct {
	*intent.Allow
	name    string // intent/clause
	by      string // the intent's owner
	who, in bits
	asks    []asked // the approvals it needs
}

// freeze is one of an environment; a nil set excepts nobody.
type freeze struct {
	intent.Freeze
	except bits
}

// never is one never clause. A nil set is everybody, or everywhere.
type never struct {
	*intent.Never
	name    string
	by      string
	who, in bits
}

// bucket holds the grants of one verb by literal capability; those with a
// pattern, or for any capability, are in the rest.
type bucket struct {
	exact map[string]*shelf
	rest  shelf
}

// shelf holds grants by the URNs that they name in full, as drafted ones do by
// the thousand; those with a pattern, or for any resource, are in the rest.
type shelf struct {
	exact map[string][]*grant
	rest  []*grant
}

func (s *shelf) put(g *grant) {
	for _, r := range g.What.Resource {
		if !strings.Contains(r, ":") || strings.Contains(r, "*") {
			s.rest = append(s.rest, g)
			return
		}
	}
	if len(g.What.Resource) == 0 {
		s.rest = append(s.rest, g)
		return
	}
	if s.exact == nil {
		s.exact = map[string][]*grant{}
	}
	for _, r := range g.What.Resource {
		s.exact[r] = append(s.exact[r], g)
	}
}

// candidates returns every grant that could cover a thing, in four runs.
func (b *bucket) candidates(capability, urn string) [4][]*grant {
	out := [4][]*grant{2: b.rest.exact[urn], 3: b.rest.rest}
	if s := b.exact[capability]; s != nil {
		out[0], out[1] = s.exact[urn], s.rest
	}
	return out
}

// Compile compiles a set. A nil or empty set compiles to a Program that denies
// everything.
func Compile(set *intent.Set) (*Program, error) {
	if set == nil {
		set = &intent.Set{Digest: intent.None}
	}
	p := &Program{set: set, actors: map[*intent.Actor]int{}, envs: map[*intent.Environment]int{}, allow: map[model.Verb]*bucket{}}
	for i, a := range set.Actors {
		p.actors[a] = i
	}
	for i, e := range set.Environments {
		p.envs[e] = i
	}
	p.owners = newOwnership(set)
	p.counts = slices.ContainsFunc(set.Environments, func(e *intent.Environment) bool { return e.Caps.Rate != nil || e.Caps.Ticket != nil }) ||
		slices.ContainsFunc(set.Actors, func(a *intent.Actor) bool { return a.Budget != nil })
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for i := range doc.Allow {
			c := &doc.Allow[i]
			p.grants = append(p.grants, &grant{Allow: c, name: doc.Name + "/" + c.ID, by: doc.Owner, who: p.who(c.Who), in: p.in(c.In), asks: newAsked(c.Approvals)})
		}
		for i := range doc.Never {
			c := &doc.Never[i]
			p.nevers = append(p.nevers, &never{Never: c, name: doc.Name + "/" + c.ID, by: doc.Owner, who: p.who(c.Who), in: p.in(c.In)})
		}
	}
	p.frozen = map[*intent.Environment][]freeze{}
	for _, e := range set.Environments {
		for _, f := range e.Freezes {
			p.frozen[e] = append(p.frozen[e], freeze{f, p.who(f.Except)})
		}
	}
	for _, b := range set.Blueprints {
		p.plans = append(p.plans, &plan{Blueprint: b, in: p.in(b.For.In)})
	}
	if err := p.declare(); err != nil {
		return nil, err
	}
	// by name, so that the order of documents and clauses is irrelevant
	sort.Slice(p.grants, func(i, j int) bool { return p.grants[i].name < p.grants[j].name })
	sort.Slice(p.nevers, func(i, j int) bool { return p.nevers[i].name < p.nevers[j].name })
	for _, g := range p.grants {
		p.index(g)
	}
	return p, nil
}

func (p *Program) index(g *grant) {
	for _, v := range g.May {
		b := p.allow[v]
		if b == nil {
			b = &bucket{exact: map[string]*shelf{}}
			p.allow[v] = b
		}
		literal := len(g.What.Capability) > 0 && !strings.Contains(strings.Join(g.What.Capability, ""), "*")
		if !literal {
			b.rest.put(g)
			continue
		}
		for _, c := range g.What.Capability {
			if b.exact[c] == nil {
				b.exact[c] = &shelf{}
			}
			b.exact[c].put(g)
		}
	}
}

// who resolves the words of a clause to actors; nil if there are none.
func (p *Program) who(words intent.Words) bits {
	if len(words) == 0 {
		return nil
	}
	b := make(bits, len(p.set.Actors)/64+1)
	for i, a := range p.set.Actors {
		for _, w := range words {
			if a.Names(w) {
				b.set(i)
			}
		}
	}
	return b
}

// in resolves the words of a clause to environments; nil if there are none.
func (p *Program) in(words intent.Words) bits {
	if len(words) == 0 {
		return nil
	}
	b := make(bits, len(p.set.Environments)/64+1)
	for i, e := range p.set.Environments {
		for _, w := range words {
			if e.Names(w) {
				b.set(i)
			}
		}
	}
	return b
}
