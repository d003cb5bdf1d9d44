// Package replay compares decisions that were made with what other documents would
// have made of them: what a change of intent would change, before it bites, and
// which of its clauses nothing that happened has needed.
//
// It judges nothing itself: proxy/gate makes decisions again.
package replay

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// maxChanges bounds the kinds of change that a report tells apart; the others are
// counted together.
const maxChanges = 1000

// Change is one kind of difference, with how often it was seen.
type Change struct {
	Was       policy.Verdict `json:"was"`
	Now       policy.Verdict `json:"now"`
	Operation string         `json:"operation"`
	Actor     string         `json:"actor"`
	Places    string         `json:"places,omitempty"` // environments, as the new documents name them
	Why       string         `json:"why"`              // the first reason, or the clause that allows it
	Source    string         `json:"source,omitempty"`
	Repair    string         `json:"repair,omitempty"`
	Count     int            `json:"count"`
	Example   string         `json:"example"` // a decision's id
}

// Report is what replaying showed.
type Report struct {
	Judged  int      `json:"judged"`
	Same    int      `json:"same"` // the same verdict
	Changes []Change `json:"changes"`
	More    int      `json:"more,omitempty"` // decisions whose change is not listed: there were too many kinds
	// Left are decisions that cannot be made again, by reason.
	Left map[string]int `json:"left,omitempty"`
	// Unused are allow clauses that granted nothing of what was replayed.
	Unused []Clause `json:"unused,omitempty"`
}

// Clause is one clause of the documents.
type Clause struct {
	Name   string `json:"name"` // intent/clause
	Source string `json:"source,omitempty"`
}

// Replay collects a Report.
type Replay struct {
	report Report
	places map[kind]int
	used   map[string]bool
	cut    bool // some decision names more clauses than it lists
}

type kind struct {
	was, now                      policy.Verdict
	operation, actor, places, why string
}

// New begins a report.
func New() *Replay {
	return &Replay{places: map[kind]int{}, used: map[string]bool{}, report: Report{Changes: []Change{}}}
}

// Leave counts a decision that cannot be made again.
func (r *Replay) Leave(why string) {
	if r.report.Left == nil {
		r.report.Left = map[string]int{}
	}
	r.report.Left[why]++
}

// Add compares a decision with the same one made again.
func (r *Replay) Add(was, now policy.Decision) {
	r.report.Judged++
	for _, name := range strings.Split(now.Grant, ", ") {
		r.used[name] = true
	}
	r.cut = r.cut || strings.HasSuffix(now.Grant, " more")
	if was.Verdict == now.Verdict {
		r.report.Same++
		return
	}
	c := Change{Was: was.Verdict, Now: now.Verdict, Operation: now.Action.Name(), Actor: now.Action.Actor.ID,
		Places: strings.Join(now.Environments, ", "), Why: now.Grant, Count: 1, Example: was.ID}
	if f, ok := now.First(); ok && now.Verdict != policy.Allow {
		c.Why, c.Source, c.Repair = f.Title+" ("+f.Code+")", f.Source, f.Repair
	}
	k := kind{c.Was, c.Now, c.Operation, c.Actor, c.Places, c.Why}
	if at, known := r.places[k]; known {
		r.report.Changes[at].Count++
		return
	}
	if len(r.report.Changes) == maxChanges {
		r.report.More++
		return
	}
	r.places[k] = len(r.report.Changes)
	r.report.Changes = append(r.report.Changes, c)
}

// Report ends the comparison. set are the documents that were replayed against;
// nil leaves their unused clauses out, and so does a call that used more clauses
// than its decision lists. What would be refused comes first, then what
// would be held, then what would be let through; the most frequent first.
func (r *Replay) Report(set *intent.Set) Report {
	out := r.report
	slices.SortStableFunc(out.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Now, b.Now), cmp.Compare(b.Count, a.Count), strings.Compare(a.Operation, b.Operation), strings.Compare(a.Actor, b.Actor))
	})
	if set == nil || r.cut {
		return out
	}
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for _, clause := range doc.Allow {
			if name := doc.Name + "/" + clause.ID; !r.used[name] {
				out.Unused = append(out.Unused, Clause{name, clause.Pos.String()})
			}
		}
	}
	return out
}
