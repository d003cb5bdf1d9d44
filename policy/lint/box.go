// Package lint reads declared documents for what they do not say: clauses that can
// never take effect, clauses that another one makes needless, actors that nothing
// is allowed to; and compares two sets by what they allow and forbid.
//
// A clause is a box: who, what, where, each a finite set or a few patterns. Boxes
// can be held against each other, and cut up along their lists, without judging
// anything. What is said is always true. Conditions are compared word for word, and
// a pattern is covered by one other pattern or by none.
package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// box is what a clause is about. A nil list is everything.
type box struct {
	name  string // intent/clause
	pos   intent.Pos
	owner string

	who, in    []string // names of actors and environments; anyone and anywhere are all of the set's
	everyone   bool     // also who is not declared
	everywhere bool     // also what is in no environment
	verbs      []model.Verb
	what       intent.What
	must       intent.Conditions
	limits     intent.Limits
	approvals  []intent.Approvals
	when       []string // names of windows
	ticket     []string // patterns: any of them
	evidence   []string // CLAIM=PATTERN: all of them
	final      bool     // a never clause that no exception may lift
}

// changes are the verbs of a never clause that names none: every change, and every
// reveal of a secret.
func changes() []model.Verb {
	var all []model.Verb
	for _, v := range model.Verbs() {
		if v.Mutates() || v == model.Reveal {
			all = append(all, v)
		}
	}
	return all
}

func names(set *intent.Set, who, in intent.Words) (actors, places []string) {
	for _, a := range set.Actors {
		if slices.ContainsFunc(who, a.Names) {
			actors = append(actors, a.Name)
		}
	}
	for _, e := range set.Environments {
		if slices.ContainsFunc(in, e.Names) {
			places = append(places, e.Name)
		}
	}
	return actors, places
}

// allows returns the boxes of the clauses that take part.
func allows(set *intent.Set) []box {
	var all []box
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for _, c := range doc.Allow {
			b := box{name: doc.Name + "/" + c.ID, pos: c.Pos, owner: doc.Owner, verbs: c.May, what: c.What, must: c.Must, limits: c.Limits, approvals: c.Approvals}
			if c.When != nil {
				b.when, b.ticket = c.When.Window, c.When.Ticket
				for _, claim := range slices.Sorted(maps.Keys(c.When.Evidence)) {
					b.evidence = append(b.evidence, claim+"="+c.When.Evidence[claim])
				}
			}
			b.who, b.in = names(set, c.Who, c.In)
			all = append(all, b)
		}
	}
	return all
}

// nevers returns the boxes of the clauses that forbid.
func nevers(set *intent.Set) []box {
	var all []box
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for _, c := range doc.Never {
			b := box{name: doc.Name + "/" + c.ID, pos: c.Pos, owner: doc.Owner, verbs: c.May, what: c.What, final: c.Waivable != nil && !*c.Waivable}
			who, in := c.Who, c.In
			if len(who) == 0 {
				who = intent.Words{"*"}
			}
			if len(in) == 0 {
				in = intent.Words{"*"}
			}
			b.everyone, b.everywhere = slices.Contains(who, "*"), slices.Contains(in, "*")
			b.who, b.in = names(set, who, in)
			if len(b.verbs) == 0 {
				b.verbs = changes()
			}
			all = append(all, b)
		}
	}
	return all
}

// covers reports whether whatever is in the narrow box is in the wide one, limits
// and approvals apart.
func covers(wide, narrow box) bool {
	return subset(narrow.who, wide.who) && (wide.everyone || !narrow.everyone) &&
		subset(narrow.in, wide.in) && (wide.everywhere || !narrow.everywhere) &&
		subset(narrow.verbs, wide.verbs) && coversWhat(wide.what, narrow.what) && subsetOf(wide.must, narrow.must)
}

// subset reports whether all of narrow is in wide.
func subset[T comparable](narrow, wide []T) bool {
	for _, v := range narrow {
		if !slices.Contains(wide, v) {
			return false
		}
	}
	return true
}

// subsetOf reports whether every condition of the wide clause is one of the narrow
// clause too, word for word.
func subsetOf(wide, narrow intent.Conditions) bool {
	for _, c := range wide {
		if !slices.ContainsFunc(narrow, func(n intent.Condition) bool { return n.String() == c.String() }) {
			return false
		}
	}
	return true
}

func coversWhat(wide, narrow intent.What) bool {
	if !patterns(wide.Capability, narrow.Capability) || !patterns(wide.Operation, narrow.Operation) ||
		!patterns(wide.Type, narrow.Type) || !resources(wide.Resource, narrow.Resource) {
		return false
	}
	for k, v := range wide.Tag {
		if got, ok := narrow.Tag[k]; !ok || !intent.Match(v, got) {
			return false
		}
	}
	return wide.Owner == "" || wide.Owner == narrow.Owner
}

// resources is patterns for those of URNs and of plain names, which say nothing of
// each other.
func resources(wide, narrow intent.Words) bool {
	return covered(wide, narrow, func(w, n string) bool { return plain(w) == plain(n) && intent.Match(w, n) })
}

// plain reports whether a pattern is of a name, and not of a URN.
func plain(pattern string) bool { return !strings.Contains(pattern, ":") && pattern != "*" }

// patterns reports whether each pattern of narrow is covered by one of wide.
func patterns(wide, narrow intent.Words) bool { return covered(wide, narrow, intent.Match) }

// covered holds two lists of patterns against each other. No pattern at all is
// everything.
func covered(wide, narrow intent.Words, covers func(wide, narrow string) bool) bool {
	if len(wide) == 0 || slices.Contains(wide, "*") {
		return true
	}
	if len(narrow) == 0 {
		return false
	}
	for _, n := range narrow {
		if !slices.ContainsFunc(wide, func(w string) bool { return w == n || covers(w, n) }) {
			return false
		}
	}
	return true
}

// noStricter reports whether a covers b in its limits and approvals too: whatever b
// lets through, a does. Of two never clauses, the one that may be lifted does not
// stand for the one that may not.
func noStricter(a, b box) bool {
	if b.final && !a.final || len(a.when) > 0 && (len(b.when) == 0 || !subset(b.when, a.when)) ||
		len(a.ticket) > 0 && (len(b.ticket) == 0 || !subset(b.ticket, a.ticket)) || !subset(a.evidence, b.evidence) {
		return false
	}
	within := func(wide, narrow *int) bool { return wide == nil || narrow != nil && *narrow <= *wide }
	if !within(a.limits.Dependents, b.limits.Dependents) || !within(a.limits.Targets, b.limits.Targets) || !within(a.limits.Exposed, b.limits.Exposed) {
		return false
	}
	for _, asked := range a.approvals {
		if !slices.ContainsFunc(b.approvals, func(other intent.Approvals) bool {
			return asked.From == other.From && number(asked.Count) <= number(other.Count) && period(asked.Expires) >= period(other.Expires)
		}) {
			return false
		}
	}
	return true
}

func number(n *int) int {
	if n == nil {
		return 1
	}
	return *n
}

func period(p *intent.Period) intent.Period {
	if p == nil {
		return intent.DefaultApproval
	}
	return *p
}

// example is one request of a box, in words.
func (b box) example() string {
	one := func(words []string, none string) string {
		if len(words) == 0 {
			return none
		}
		return words[0]
	}
	verbs := make([]string, len(b.verbs))
	for i, v := range b.verbs {
		verbs[i] = string(v)
	}
	what := one(b.what.Resource, "")
	kind := one(b.what.Operation, one(b.what.Type, one(b.what.Capability, "anything")))
	text := one(b.who, "anybody") + " " + one(verbs, "changes") + " " + kind
	if what != "" {
		text += " " + what
	}
	if b.what.Owner != "" {
		text += " of " + b.what.Owner
	}
	for _, k := range slices.Sorted(maps.Keys(b.what.Tag)) {
		text += fmt.Sprintf(" tagged %s=%s", k, b.what.Tag[k])
	}
	return text + " in " + one(b.in, "any environment")
}

func list(words []string) string { return strings.Join(words, ", ") }
