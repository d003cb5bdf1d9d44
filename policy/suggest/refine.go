package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Kind is what is proposed of something declared.
type Kind string

// The kinds.
const (
	Remove  Kind = "remove"  // nothing has used it
	Narrow  Kind = "narrow"  // a part of it is not used
	Promote Kind = "promote" // an exception that has become the rule
)

// Proposal is what decisions say of a clause or an exception. It is for its owner to
// decide: what was rare is not what was not meant.
type Proposal struct {
	Kind   Kind   `json:"kind"`
	What   string `json:"what"` // intent/clause, or Exception NAME
	Source string `json:"source,omitempty"`
	Why    string `json:"why"`
	Repair string `json:"repair"`
	Used   int    `json:"used"` // by how many decisions
}

// often is how many changes make an exception the rule.
const often = 3

// codeWaived is the remark of a decision that an exception let pass (policy/checks).
const codeWaived = "AS2013"

// Refinery holds documents against what was decided by them.
type Refinery struct {
	set    *intent.Set
	begins map[string]time.Time // name → the first decision whose documents had it
	used   map[string]*use
	judged int
	cut    bool // some decision names more clauses than it lists
}

// use is what is seen of one clause, or exception.
type use struct {
	times  int
	last   time.Time
	verbs  map[model.Verb]bool
	things map[model.URN]bool
}

// Refine begins to hold a set against decisions.
func Refine(set *intent.Set) *Refinery {
	return &Refinery{set: set, begins: map[string]time.Time{}, used: map[string]*use{}}
}

// Add takes a decision, and the documents that it was made by; nil: they are not
// kept, and nothing is known of how long they had been in force.
func (r *Refinery) Add(d policy.Decision, by *intent.Set) {
	if by != nil {
		for _, name := range names(by) {
			if at, known := r.begins[name]; !known || d.At.Before(at) {
				r.begins[name] = d.At
			}
		}
	}
	if !d.Action.Mutates() || d.Fault != "" {
		return
	}
	r.judged++
	r.cut = r.cut || strings.HasSuffix(d.Grant, " more")
	for _, name := range strings.Split(d.Grant, ", ") {
		r.see(name, d)
	}
	for _, f := range d.Findings {
		if f.Code == codeWaived {
			name, _, _ := strings.Cut(f.Source, ", ")
			r.see(name, d)
		}
	}
}

func (r *Refinery) see(name string, d policy.Decision) {
	if name == "" {
		return
	}
	u := r.used[name]
	if u == nil {
		u = &use{verbs: map[model.Verb]bool{}, things: map[model.URN]bool{}}
		r.used[name] = u
	}
	if u.times++; d.At.After(u.last) {
		u.last = d.At
	}
	u.add(d.Action)
}

func (u *use) add(a model.Action) {
	u.verbs[a.Verb] = true
	for _, t := range a.Targets {
		if t.Role != model.RoleDependency && len(u.things) < maxResources {
			u.things[t.URN] = true
		}
	}
	for _, part := range a.Parts {
		u.add(part)
	}
}

// names are those of everything that can be used.
func names(set *intent.Set) (all []string) {
	for _, doc := range set.Intents {
		if doc.Mode == intent.Observing {
			continue
		}
		for _, c := range doc.Allow {
			all = append(all, doc.Name+"/"+c.ID)
		}
	}
	for _, e := range set.Exceptions {
		all = append(all, "Exception "+e.Name)
	}
	return all
}

// Proposals returns what the decisions say, for what has been in force for idle at
// least: first what can go, then what can be narrower, then what has become the rule.
func (r *Refinery) Proposals(at time.Time, idle time.Duration) []Proposal {
	out := []Proposal{}
	old := func(name string) (since string, ok bool) {
		begins, known := r.begins[name]
		return begins.UTC().Format(time.DateOnly), known && at.Sub(begins) >= idle
	}
	for _, doc := range r.set.Intents {
		if doc.Mode == intent.Observing || r.cut {
			continue // a call that used more clauses than its decision lists: nobody knows which
		}
		for _, c := range doc.Allow {
			name := doc.Name + "/" + c.ID
			since, ok := old(name)
			if !ok {
				continue
			}
			u := r.used[name]
			if u == nil {
				out = append(out, Proposal{Kind: Remove, What: name, Source: c.Pos.String(),
					Why:    fmt.Sprintf("it has allowed nothing since %s, of %d changes that were judged", since, r.judged),
					Repair: "take the clause away, or ask " + doc.Owner + " what it is kept for"})
				continue
			}
			var idle []string
			for _, v := range c.May {
				if !u.verbs[v] {
					idle = append(idle, string(v))
				}
			}
			if len(idle) > 0 {
				out = append(out, Proposal{Kind: Narrow, What: name, Source: c.Pos.String(), Used: u.times,
					Why:    fmt.Sprintf("it has allowed %d changes since %s, and never to %s", u.times, since, strings.Join(idle, ", ")),
					Repair: "take " + strings.Join(idle, ", ") + " out of its may:"})
			}
		}
	}
	for _, e := range r.set.Exceptions {
		name := "Exception " + e.Name
		waives := "never clause " + e.Waives.Never
		switch {
		case e.Waives.Blueprint != "":
			waives = "Blueprint " + e.Waives.Blueprint
		case e.Waives.Resource != "":
			waives = "Resource " + e.Waives.Resource
		}
		since, ok := old(name)
		switch u := r.used[name]; {
		case u == nil && ok:
			out = append(out, Proposal{Kind: Remove, What: name, Source: e.Pos.String(), Why: "nothing has needed it since " + since, Repair: "take it away; what it waives is asked again"})
		case u != nil && u.times >= often:
			out = append(out, Proposal{Kind: Promote, What: name, Source: e.Pos.String(), Used: u.times,
				Why:    fmt.Sprintf("it has let %d changes of %s pass, the last on %s, and ends on %s", u.times, things(len(u.things)), u.last.UTC().Format(time.DateOnly), e.Until),
				Repair: "if it is meant to stay so, let whoever keeps " + waives + " make it narrower; if not, mend " + things(len(u.things)) + " until then"})
		}
	}
	order := []Kind{Remove, Narrow, Promote}
	slices.SortStableFunc(out, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.What, b.What))
	})
	return out
}

func things(n int) string {
	if n == 1 {
		return "1 resource"
	}
	return fmt.Sprintf("%d resources", n)
}
