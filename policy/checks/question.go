package checks

import (
	"context"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// Question is what a decision asks of the documents about one thing, and one of
// those whose rights are needed: everything that a judge of the clauses alone reads.
// It is the input of the policy that policy/rego exports. What a graph, a clock or
// a memory is needed for is answered in it.
type Question struct {
	Asks       bool     `json:"asks"` // some clause has to allow it; otherwise only never clauses are about it
	DryRun     bool     `json:"dry_run"`
	Subject    string   `json:"subject"`  // the declared actor; empty: nobody declared
	Subjects   []string `json:"subjects"` // the actor, and everybody that it acts for
	Actor      Asker    `json:"actor"`
	Verb       string   `json:"verb"`
	Changes    bool     `json:"changes"` // the verb is one of change
	Unclear    bool     `json:"unclear"` // no decoder understood it
	Exact      bool     `json:"exact"`   // all of it was understood
	Capability string   `json:"capability"`
	Operation  string   `json:"operation"` // service:Operation
	Thing      Asked    `json:"thing"`
	// Props is what the action says of each property: all values.
	Props map[string][]Said `json:"props"`
	// NoWorse are the conditions of blueprints (NAME/require/N, NAME/forbid/N) from
	// which the change surely leaves it no farther away than it is.
	NoWorse  []string       `json:"no_worse"`
	Targets  int            `json:"targets"` // how many resources the whole action changes
	Radius   Broken         `json:"radius"`
	Exposure *Opened        `json:"exposure"` // null: it lets nobody in
	InCaps   bool           `json:"in_caps"`  // everything that it changes, within the caps of its environment
	Windows  []string       `json:"windows"`  // of the environment, that are open
	At       int64          `json:"at"`       // nanoseconds since 1970
	Day      string         `json:"day"`      // in UTC, as 2026-09-30
	Given    map[string]Yes `json:"given"`    // of each clause that asks for approvals, and of unknownActions
	Outside  string         `json:"outside"`  // the most that what is not exported lets through: deny, hold, allow
}

// Asker is who calls, as the evidence says.
type Asker struct {
	Known  bool              `json:"known"` // there is an id, and evidence of it
	Kind   string            `json:"kind"`
	Ticket string            `json:"ticket"`
	Claims map[string]string `json:"claims"`
}

// Asked is the thing that a Question is about.
type Asked struct {
	URN      string            `json:"urn"`
	Canon    string            `json:"canon"` // under which the model knows it
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Perhaps  string            `json:"perhaps"` // another type that it may be; empty: Type is told
	Created  bool              `json:"created"`
	Known    bool              `json:"known"`
	Tags     map[string]string `json:"tags"`
	Env      string            `json:"env"` // empty: none, or it cannot be told
	Possible []string          `json:"possible"`
	Owner    string            `json:"owner"`
	Rivals   bool              `json:"rivals"` // two owners are equally near
	Others   []string          `json:"others"` // who may own it instead
}

// Said is one value of a property.
type Said struct {
	Known bool `json:"known"`
	Value any  `json:"value"`
}

// Broken is the blast radius.
type Broken struct {
	Dependents int  `json:"dependents"`
	Complete   bool `json:"complete"`
}

// Opened is what becomes reachable.
type Opened struct {
	Opened   int  `json:"opened"`
	Complete bool `json:"complete"`
}

// Yes says how it is with the approvals that a clause asks for.
type Yes string

// The answers.
const (
	Given  Yes = "given"
	Waits  Yes = "waits"
	Nobody Yes = "nobody" // there are too few who could give it, or whose it is cannot be told
)

// exported are the codes of the findings that the exported policy reaches itself, and
// those that only remark.
var exported = []string{CodeUnknown, CodePartial, CodeNoTarget, CodeNothing, CodeNoGrant, CodeNever, CodeDependents, CodeTargets, CodeBreaks,
	CodeBehalf, CodeApproval, CodeBlueprint, CodeWaived, CodeWindow, CodeFreeze, CodeAlong, CodeRatchet, CodeTicket, CodeExposes, CodeExposed,
	CodeNoPlace, CodeUnknownPlace, CodeNobody, CodeNoOwner, CodeTwoOwners}

// Questions returns what a decision asks of the documents. The findings that d has,
// of whoever has judged it, count as far as the exported policy does not reach them.
func (p *Program) Questions(ctx context.Context, d policy.Decision, s model.Snapshot) ([]Question, error) {
	h := &hearing{p: p, d: &d, s: s, subjects: p.subjects(d.Action.Actor), approvals: d.Approvals}
	given, judged := d.Approvals, d
	judged.Findings = nil
	if err := p.Judge(ctx, &judged, s); err != nil {
		return nil, err
	}
	outside := policy.Allow
	for _, f := range append(slices.Clone(d.Findings), judged.Findings...) {
		if !slices.Contains(exported, f.Code) {
			outside = min(outside, f.Verdict)
		}
	}
	d = judged
	d.Approvals, d.Findings, d.Needs = given, nil, nil
	if err := h.split(d.Action, nil); err != nil {
		return nil, err
	}
	most := Question{DryRun: d.Action.DryRun, Targets: h.differ(), Radius: Broken{d.Radius.Dependents, d.Radius.Complete}, InCaps: h.withinCaps(),
		At: d.At.UnixNano(), Day: d.At.UTC().Format(time.DateOnly), Outside: outside.String(), Subjects: []string{},
		Actor: Asker{Known: d.Action.Actor.ID != "" && d.Action.Actor.Authn != "", Kind: string(d.Action.Actor.Kind), Ticket: d.Action.Actor.Ticket, Claims: d.Action.Actor.Claims}}
	if x := d.Exposure; x != nil {
		most.Exposure = &Opened{x.Opened, x.Complete}
	}
	for _, s := range h.subjects {
		most.Subjects = append(most.Subjects, s.declared())
	}
	more := 0
	for _, l := range h.leaves {
		if l.Action.Mutates() {
			more = max(more, selectedCount(l))
		}
	}
	most.Targets += more
	changes := d.Action.Mutates() && !policy.Adopts(d.Action)
	var all []Question
	for i, l := range h.touched() {
		for _, t := range l.changed {
			q := h.question(most, l, t)
			q.Asks = changes && i < len(h.leaves) && l.Action.Mutates()
			for j, s := range h.subjects {
				if j > 0 && !q.Asks {
					break // never clauses look at all of them at once
				}
				q.Subject = s.declared()
				all = append(all, q)
			}
		}
	}
	return all, nil
}

// declared is the name of the document; nobody has none.
func (s subject) declared() string {
	if s.doc == nil {
		return ""
	}
	return s.doc.Name
}

func (h *hearing) question(q Question, l *leaf, t *thing) Question {
	q.Verb, q.Changes, q.Unclear, q.Exact = string(l.Verb), l.Verb.Mutates(), l.unclear(), l.Fidelity == model.Exact
	q.Capability, q.Operation = l.Capability, l.Name()
	q.Thing = Asked{URN: string(t.urn), Canon: string(t.canon), Name: t.name, Type: t.kind, Perhaps: t.perhaps, Created: t.role == model.RoleCreated, Known: t.known, Tags: t.tags,
		Possible: []string{}, Rivals: t.rivals != nil, Others: append([]string{}, t.others...)}
	for _, e := range t.possible {
		q.Thing.Possible = append(q.Thing.Possible, e.Name)
	}
	if t.owner != nil {
		q.Thing.Owner = t.owner.Name
	}
	q.Props = map[string][]Said{}
	for _, p := range l.Props {
		q.Props[p.Name] = append(q.Props[p.Name], Said{p.Known, p.Value})
	}
	q.NoWorse = []string{}
	for _, b := range h.p.plans {
		for says, all := range map[string]intent.Conditions{"require": b.Require, "forbid": b.Forbid} {
			for i, c := range all {
				if noWorse(says+"s", c, l) {
					q.NoWorse = append(q.NoWorse, intent.ConditionName(b.Name, says, i))
				}
			}
		}
	}
	slices.Sort(q.NoWorse)
	q.Windows, q.Given = []string{}, map[string]Yes{}
	if t.env == nil {
		return q
	}
	q.Thing.Env = t.env.Name
	for _, w := range t.env.Windows {
		if w.Open(h.d.At) {
			q.Windows = append(q.Windows, w.Name)
		}
	}
	say := func(name string, all []asked) {
		switch lacks := h.lacking(name, all, t); {
		case len(lacks) == 0:
			q.Given[name] = Given
		case givable(lacks, t):
			q.Given[name] = Waits
		default:
			q.Given[name] = Nobody
		}
	}
	for _, g := range h.p.grants {
		if len(g.asks) > 0 {
			say(g.name, g.asks)
		}
	}
	say("environment "+t.env.Name+"/unknownActions", byOwner)
	return q
}
