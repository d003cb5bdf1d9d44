package checks

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// bucket holds the grants of one verb by literal capability; those with a
// pattern, or for any capability, are in the rest.
type bucket struct {
	exact map[string]*shelf
	rest  shelf
}

// shelf holds grants by the URNs that they name in full, as drafted ones do by
// the thousand; those with a pattern, or for any resource, are in the rest.
type shelf struct {
	exact map[string]*pile
	rest  pile
}

// pile holds grants by the actors that they are for, where they are many; those
// for many actors are in all.
type pile struct {
	all []*grant         // by name
	of  map[int][]*grant // by name
}

// Where a pile is taken apart.
const (
	highPile   = 8 // grants
	manyActors = 8 // of one grant
)

func (q *pile) put(g *grant) { q.all = append(q.all, g) }

// sort takes a high pile apart.
func (q *pile) sort() {
	if len(q.all) <= highPile {
		return
	}
	q.of = map[int][]*grant{}
	var many []*grant
	for _, g := range q.all {
		if n := g.who.count(); n > manyActors {
			many = append(many, g)
			continue
		}
		for i := range len(g.who) * 64 {
			if g.who.has(i) {
				q.of[i] = append(q.of[i], g)
			}
		}
	}
	q.all = many
}

// run goes through the grants of a pile that may be for an actor, by name.
type run struct{ a, b []*grant }

func (q *pile) forActor(who int) run {
	if q == nil {
		return run{}
	}
	return run{q.all, q.of[who]}
}

func (r *run) next() *grant {
	from := &r.a
	if len(r.a) == 0 || len(r.b) > 0 && r.b[0].place < r.a[0].place {
		from = &r.b
	}
	if len(*from) == 0 {
		return nil
	}
	g := (*from)[0]
	*from = (*from)[1:]
	return g
}

func (s *shelf) put(g *grant) {
	for _, r := range g.What.Resource {
		if !strings.Contains(r, ":") || strings.Contains(r, "*") {
			s.rest.put(g)
			return
		}
	}
	if len(g.What.Resource) == 0 {
		s.rest.put(g)
		return
	}
	if s.exact == nil {
		s.exact = map[string]*pile{}
	}
	for _, r := range g.What.Resource {
		if s.exact[r] == nil {
			s.exact[r] = &pile{}
		}
		s.exact[r].put(g)
	}
}

func (s *shelf) sort() {
	s.rest.sort()
	for _, q := range s.exact {
		q.sort()
	}
}

// candidates returns every grant that could cover a thing for an actor, in four
// runs.
func (b *bucket) candidates(who int, capability, urn string) [4]run {
	out := [4]run{2: b.rest.exact[urn].forActor(who), 3: b.rest.rest.forActor(who)}
	if s := b.exact[capability]; s != nil {
		out[0], out[1] = s.exact[urn].forActor(who), s.rest.forActor(who)
	}
	return out
}

func (p *Program) index(g *grant) {
	for _, v := range g.May {
		b := p.allow[v]
		if b == nil {
			b = &bucket{exact: map[string]*shelf{}}
			p.allow[v] = b
		}
		if !literal(g.What.Capability) {
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

// literal reports whether words name what they are about, and no pattern is among
// them.
func literal(words intent.Words) bool {
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "*") })
}

// banned holds the never clauses of one verb: for each capability that some clause
// names, those that are about it.
type banned struct {
	all []*never
	of  map[string][]*never
}

// ban indexes the never clauses by the verbs and capabilities that they may be
// about.
func (p *Program) ban() {
	p.banned = map[model.Verb]*banned{}
	if len(p.nevers) == 0 {
		return
	}
	named := map[string]bool{}
	for _, g := range p.grants {
		if literal(g.What.Capability) {
			for _, c := range g.What.Capability {
				named[c] = true
			}
		}
	}
	for _, n := range p.nevers {
		if literal(n.What.Capability) {
			for _, c := range n.What.Capability {
				named[c] = true
			}
		}
	}
	for _, v := range model.Verbs() {
		b := &banned{of: map[string][]*never{}}
		p.banned[v] = b
		for _, n := range p.nevers {
			if len(n.May) > 0 && !slices.Contains(n.May, v) || len(n.May) == 0 && !v.Mutates() && v != model.Reveal {
				continue
			}
			b.all = append(b.all, n)
		}
		for c := range named {
			var some []*never
			for _, n := range b.all {
				if maybe(n.What.Capability, c) {
					some = append(some, n)
				}
			}
			b.of[c] = some
		}
	}
}

// bans returns every never clause that could be about a leaf.
func (p *Program) bans(l *leaf) []*never {
	b := p.banned[l.Verb]
	if b == nil || l.unclear() {
		return p.nevers
	}
	if some, ok := b.of[l.Capability]; ok {
		return some
	}
	return b.all
}

// hit is a never clause that is about a thing.
type hit struct {
	n *never
	l *leaf
	t *thing
}

// byPlace orders hits by the names of their clauses, and leaves those of one as
// they are.
func byPlace(hits []hit) {
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.n.place, b.n.place) })
}
