package lint

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/assent-iom/assent/model/intent"
)

// Kind is what is wrong with a document.
type Kind string

// The kinds.
const (
	Contradicted Kind = "contradicted" // a never clause forbids all that it allows
	Shadowed     Kind = "shadowed"     // another clause lets all of it through
	Nobody       Kind = "nobody"       // it is about no declared actor
	Nowhere      Kind = "nowhere"      // it is about no declared environment
	Idle         Kind = "idle"         // no clause allows the actor anything
	Unbuilt      Kind = "unbuilt"      // nothing is allowed in the environment
	Expired      Kind = "expired"      // the exception has ended
	Needless     Kind = "needless"     // the exception waives what is not asked
)

// Problem is one thing that a set of documents does not mean, or not any more.
type Problem struct {
	Kind   Kind   `json:"kind"`
	What   string `json:"what"` // the clause or document
	Source string `json:"source,omitempty"`
	Why    string `json:"why"`
	Repair string `json:"repair"`
}

// Check reads a set. The result is sorted by where it is.
func Check(set *intent.Set, at time.Time) []Problem {
	out := []Problem{}
	add := func(kind Kind, what string, pos intent.Pos, why, repair string) {
		out = append(out, Problem{kind, what, pos.String(), why, repair})
	}
	if set.Empty() {
		return out
	}
	granting, forbidding := allows(set), nevers(set)
	for i, b := range granting {
		if len(b.who) == 0 {
			add(Nobody, b.name, b.pos, "no declared Actor is meant by its who", "declare the actor, or take the clause away")
			continue
		}
		if len(b.in) == 0 {
			add(Nowhere, b.name, b.pos, "no declared Environment is meant by its in", "declare the environment, or take the clause away")
			continue
		}
		if by, all := union(b, forbidding, anyOf, forbidsAll); all {
			add(Contradicted, b.name, b.pos, sources(forbidding, by)+" forbid"+s(by)+" all of it",
				"take one or the other away: never wins, and an Exception can only lift it for a while")
			continue
		}
		if by, all := union(b, granting, except(granting, i), standsFor); all {
			add(Shadowed, b.name, b.pos, sources(granting, by)+" let"+s(by)+" all of it through, under no stricter limits",
				"take it away; or make the other narrower, if this one was meant to be the stricter")
		}
	}
	for i, b := range forbidding {
		if len(b.who) == 0 && !b.everyone {
			add(Nobody, b.name, b.pos, "no declared Actor is meant by its who, and it forbids nobody anything", "name who is meant; a never clause without who is about everybody")
			continue
		}
		if by, all := union(b, forbidding, except(forbidding, i), standsFor); all {
			add(Shadowed, b.name, b.pos, sources(forbidding, by)+" forbid"+s(by)+" all of it", "take it away, if the reason is the same")
		}
	}
	out = append(out, people(set, granting)...)
	out = append(out, exceptions(set, at)...)
	sort.SliceStable(out, func(i, j int) bool { return before(out[i].Source, out[j].Source) })
	return out
}

// before orders FILE:LINE by file and number.
func before(a, b string) bool {
	file, line := split(a)
	otherFile, otherLine := split(b)
	if file != otherFile {
		return file < otherFile
	}
	return line < otherLine
}

func split(source string) (file string, line int) {
	i := strings.LastIndexByte(source, ':')
	if i < 0 {
		return source, 0
	}
	_, _ = fmt.Sscan(source[i+1:], &line) // a place without a number comes first
	return source[:i], line
}

// forbidsAll reports whether a never clause is about everything that a clause
// allows. Conditions on what is built make no difference: it forbids them too.
func forbidsAll(n, b box) bool {
	b.must = nil
	return covers(n, b)
}

// standsFor reports whether a clause does all that another one does.
func standsFor(wide, narrow box) bool { return covers(wide, narrow) && noStricter(wide, narrow) }

func anyOf(int) bool { return true }

// except are the clauses that may stand for one: all others, but of those that say
// the same, only the earlier.
func except(all []box, i int) func(int) bool {
	return func(j int) bool { return j < i || j > i && !standsFor(all[i], all[j]) }
}

// sources names clauses and where they are.
func sources(all []box, at []int) string {
	var out []string
	for _, i := range at {
		out = append(out, all[i].name+" ("+all[i].pos.String()+")")
	}
	return strings.Join(out, " and ")
}

// s is the ending of a verb.
func s(who []int) string {
	if len(who) == 1 {
		return "s"
	}
	return ""
}

// people looks for actors and environments that no clause is about.
func people(set *intent.Set, granting []box) []Problem {
	var out []Problem
	for _, a := range set.Actors {
		if a.Kind == "human" {
			continue // people approve, too
		}
		if !slices.ContainsFunc(granting, func(b box) bool { return slices.Contains(b.who, a.Name) }) {
			out = append(out, Problem{Idle, "Actor " + a.Name, a.Pos.String(), "no clause allows it anything", "add an allow clause that names it, or take the document away"})
		}
	}
	for _, e := range set.Environments {
		if !slices.ContainsFunc(granting, func(b box) bool { return slices.Contains(b.in, e.Name) }) {
			out = append(out, Problem{Unbuilt, "Environment " + e.Name, e.Pos.String(), "no clause allows anything in it", "that refuses every change there: say so with a never clause, or allow what is meant"})
		}
	}
	return out
}

// exceptions looks for those that lift nothing.
func exceptions(set *intent.Set, at time.Time) []Problem {
	var out []Problem
	for _, e := range set.Exceptions {
		what := "Exception " + e.Name
		if !at.Before(e.Until.Start().AddDate(0, 0, 1)) {
			out = append(out, Problem{Expired, what, e.Pos.String(), "its last day was " + string(e.Until), "take it away; what it waived is asked again"})
			continue
		}
		i := slices.IndexFunc(set.Blueprints, func(b *intent.Blueprint) bool { return b.Name == e.Waives.Blueprint })
		if i < 0 {
			continue
		}
		asked := func(all intent.Conditions, name string) bool {
			return slices.ContainsFunc(all, func(c intent.Condition) bool { return c.Property == name })
		}
		var needless []string
		for _, name := range e.Waives.Require {
			if !asked(set.Blueprints[i].Require, name) {
				needless = append(needless, "require "+name)
			}
		}
		for _, name := range e.Waives.Forbid {
			if !asked(set.Blueprints[i].Forbid, name) {
				needless = append(needless, "forbid "+name)
			}
		}
		if len(needless) > 0 {
			out = append(out, Problem{Needless, what, e.Pos.String(), "blueprint " + e.Waives.Blueprint + " does not " + list(needless), "take it out of the exception"})
		}
	}
	return out
}
