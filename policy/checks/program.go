package checks

import (
	mathbits "math/bits"
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
	banned map[model.Verb]*banned
	where  *intent.Map
	known  acquaintance
	plans  []*plan // blueprints, by name
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

func (b bits) count() (n int) {
	for _, word := range b {
		n += mathbits.OnesCount64(word)
	}
	return n
}

// grant is one allow clause.
type grant struct {
	*intent.Allow
	name    string // intent/clause
	by      string // the intent's owner
	who, in bits
	asks    []asked // the approvals it needs
	place   int     // among the grants, by name
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
	place   int          // among the never clauses, by name
	all     bool         // whoever it is
	kinds   bool         // some of its words are kinds of actor
	any     bool         // wherever it is
	folded  intent.Words // What.Resource in lower case
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
	p.where = set.Map()
	p.known = newAcquaintance(set)
	p.owners = newOwnership(set)
	words := newResolver(p)
	p.counts = slices.ContainsFunc(set.Environments, func(e *intent.Environment) bool { return e.Caps.Rate != nil || e.Caps.Ticket != nil }) ||
		slices.ContainsFunc(set.Actors, func(a *intent.Actor) bool { return a.Budget != nil })
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for i := range doc.Allow {
			c := &doc.Allow[i]
			p.grants = append(p.grants, &grant{Allow: c, name: doc.Name + "/" + c.ID, by: doc.Owner, who: words.who(c.Who), in: words.in(c.In), asks: newAsked(c.Approvals)})
		}
		for i := range doc.Never {
			c := &doc.Never[i]
			p.nevers = append(p.nevers, &never{Never: c, name: doc.Name + "/" + c.ID, by: doc.Owner, who: words.who(c.Who), in: words.in(c.In),
				all: slices.Contains(c.Who, "*"), any: slices.Contains(c.In, "*"), folded: folded(c.What.Resource),
				kinds: slices.ContainsFunc(c.Who, func(w string) bool { return strings.HasPrefix(w, "kind:") })})
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
	for i, g := range p.grants {
		g.place = i
		p.index(g)
	}
	for _, b := range p.allow {
		b.rest.sort()
		for _, s := range b.exact {
			s.sort()
		}
	}
	for i, n := range p.nevers {
		n.place = i
	}
	p.ban()
	return p, nil
}

// resolver remembers what it resolved: thousands of clauses share a few words.
type resolver struct {
	p         *Program
	whos, ins map[string]bits
}

func newResolver(p *Program) *resolver { return &resolver{p, map[string]bits{}, map[string]bits{}} }

func (r *resolver) who(words intent.Words) bits { return remembered(r.whos, words, r.p.who) }
func (r *resolver) in(words intent.Words) bits  { return remembered(r.ins, words, r.p.in) }

func remembered(known map[string]bits, words intent.Words, resolve func(intent.Words) bits) bits {
	key := strings.Join(words, "\n")
	b, ok := known[key]
	if !ok {
		b = resolve(words)
		known[key] = b
	}
	return b
}

func folded(words intent.Words) intent.Words {
	out := make(intent.Words, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
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
