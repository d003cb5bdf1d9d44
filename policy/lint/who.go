package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// Query asks who may do what. An empty field asks about everything.
type Query struct {
	Actor    string // the name of a declared Actor
	Verb     model.Verb
	What     string // a capability, or a resource (with a colon, a slash, or as a plain name); patterns
	Resource bool   // What is a resource
	In       string // the name of an Environment
}

// Right is one way in which somebody may do something. The clauses allow no more
// than this; what the model knows, blueprints, rules, budgets and freezes may still
// take away from it.
type Right struct {
	Actor  string       `json:"actor"`
	Verbs  []model.Verb `json:"verbs"`
	In     []string     `json:"in"`
	Clause string       `json:"clause"`
	Source string       `json:"source"`
	If     []string     `json:"if,omitempty"`     // what else the clause asks for
	Except []string     `json:"except,omitempty"` // never clauses that take a part of it
}

// Who answers a query: every clause that may let it through, an actor at a time.
func Who(set *intent.Set, q Query) []Right {
	out := []Right{}
	if set.Empty() {
		return out
	}
	forbidding := nevers(set)
	for _, b := range allows(set) {
		if !q.touches(b) {
			continue
		}
		for _, actor := range b.who {
			if q.Actor != "" && q.Actor != actor {
				continue
			}
			part := b
			part.who = []string{actor}
			if q.Verb != "" {
				part.verbs = []model.Verb{q.Verb}
			}
			if q.In != "" {
				part.in = []string{q.In}
			}
			if q.What != "" && q.Resource && len(part.what.Resource) == 0 {
				part.what.Resource = intent.Words{q.What}
			}
			if q.What != "" && !q.Resource && len(part.what.Capability) == 0 {
				part.what.Capability = intent.Words{q.What}
			}
			if _, all := union(part, forbidding, anyOf, forbidsAll); all {
				continue
			}
			r := Right{Actor: actor, Verbs: part.verbs, In: part.in, Clause: b.name, Source: b.pos.String(), If: b.conditions()}
			for _, n := range forbidding {
				if meet(n, part) {
					r.Except = append(r.Except, n.name+" ("+n.pos.String()+")")
				}
			}
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Right) int { return strings.Compare(a.Actor, b.Actor) })
	return out
}

// touches reports whether a clause may be about what is asked.
func (q Query) touches(b box) bool {
	if q.Verb != "" && !slices.Contains(b.verbs, q.Verb) || q.In != "" && !slices.Contains(b.in, q.In) {
		return false
	}
	if q.What == "" {
		return true
	}
	if q.Resource {
		return meetResources(b.what.Resource, intent.Words{q.What})
	}
	return meetWords(b.what.Capability, intent.Words{q.What})
}

// meet reports whether two boxes may have something in common.
func meet(a, b box) bool {
	common := func(x, y []string) bool {
		return slices.ContainsFunc(x, func(w string) bool { return slices.Contains(y, w) })
	}
	return common(a.who, b.who) && common(a.in, b.in) &&
		slices.ContainsFunc(a.verbs, func(v model.Verb) bool { return slices.Contains(b.verbs, v) }) &&
		meetWords(a.what.Capability, b.what.Capability) && meetWords(a.what.Operation, b.what.Operation) &&
		meetWords(a.what.Type, b.what.Type) && meetResources(a.what.Resource, b.what.Resource) &&
		(a.what.Owner == "" || b.what.Owner == "" || a.what.Owner == b.what.Owner)
}

// meetWords reports whether two lists of patterns may have a word in common.
func meetWords(a, b intent.Words) bool {
	return meetAny(a, b, func(x, y string) bool { return intent.Overlaps(x, y) })
}

// meetResources is meetWords for resources: a plain name may be that of any URN.
func meetResources(a, b intent.Words) bool {
	return meetAny(a, b, func(x, y string) bool { return plain(x) != plain(y) || intent.Overlaps(x, y) })
}

func meetAny(a, b intent.Words, meet func(x, y string) bool) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return x == "*" || y == "*" || meet(x, y) })
	})
}

// conditions are what a clause asks for beside who, may, capability and in.
func (b box) conditions() []string {
	var out []string
	for _, part := range []struct {
		what  string
		words intent.Words
	}{{"what is one of", b.what.Capability}, {"the resource is", b.what.Resource}, {"the operation is", b.what.Operation}, {"the type is", b.what.Type}} {
		if len(part.words) > 0 {
			out = append(out, part.what+" "+list(part.words))
		}
	}
	if b.what.Owner != "" {
		out = append(out, b.what.Owner+" owns it")
	}
	for _, k := range slices.Sorted(maps.Keys(b.what.Tag)) {
		out = append(out, "it is tagged "+k+"="+b.what.Tag[k])
	}
	for _, c := range b.must {
		out = append(out, c.String())
	}
	if len(b.ticket) > 0 {
		out = append(out, "it is for a ticket "+strings.Join(b.ticket, " or "))
	}
	if len(b.evidence) > 0 {
		out = append(out, "their proof says "+strings.Join(b.evidence, ", "))
	}
	if len(b.when) > 0 {
		out = append(out, "it is in window "+strings.Join(b.when, " or "))
	}
	if n := b.limits.Targets; n != nil {
		out = append(out, fmt.Sprintf("it changes at most %d at once", *n))
	}
	if n := b.limits.Dependents; n != nil {
		out = append(out, fmt.Sprintf("at most %d depend on it", *n))
	}
	if n := b.limits.Exposed; n != nil {
		out = append(out, fmt.Sprintf("at most %d become reachable", *n))
	}
	for _, a := range b.approvals {
		out = append(out, fmt.Sprintf("%d of %s approve it", number(a.Count), a.From))
	}
	return out
}
