package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// Bounds of one action. A call over them is a fault: it is refused unread.
const (
	maxLeaves  = 10_000 // the largest published batch is 1,000 items
	maxNesting = 8      // templates in templates
	// maxFindings bounds what one decision lists; a call over 1,000 targets would
	// say the same a thousand times.
	maxFindings = 24
)

// What a decision that no clause granted names as its grant.
const (
	grantRead   = "read"    // it changes nothing, and no never clause is about it
	grantDryRun = "dry-run" // the server was asked not to do it
)

// hearing is one run of Judge.
type hearing struct {
	p        *Program
	d        *policy.Decision
	s        model.Snapshot
	subjects []subject
	leaves   []*leaf
	// along are what goes with the leaves, a leaf a type: no clause has to grant it,
	// and every never clause may be about it.
	along    []*leaf
	findings []ranked
	said     map[string]bool // findings by code and why
	grants   []string
	hits     []hit
	changes  []radius.Change // what becomes of what it changes
	reach    *radius.Reach   // and what breaks with that

	approvals []policy.Approval          // those that were given for the action
	counted   map[string]policy.Approval // those that a clause asked for, by id
	scoped    string
}

// ranked orders findings: what forbids before what is missing.
type ranked struct {
	rank int
	policy.Finding
}

// Judge implements policy.Judge. It sets the verdict.
func (p *Program) Judge(ctx context.Context, d *policy.Decision, s model.Snapshot) error {
	h := &hearing{p: p, d: d, s: s, subjects: p.subjects(d.Action.Actor), approvals: d.Approvals}
	d.Approvals, d.Needs = nil, nil
	d.Verdict = policy.Deny
	if doc := h.subjects[0].doc; doc != nil {
		d.Explain = string(doc.Explain)
	}
	if err := h.split(d.Action, nil); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("judging: %w", err)
	}
	h.places()
	h.forbidden()
	if policy.Adopts(d.Action) {
		h.adopting()
	} else if d.Action.Mutates() {
		h.radius()
		h.underWay()
		h.exposure()
		h.age()
		h.budgets()
		h.conforming()
		h.connected()
		h.standing()
		h.identified()
		if err := h.granted(ctx); err != nil {
			return err
		}
	} else if d.Action.DryRun {
		h.grants = append(h.grants, grantDryRun)
	} else {
		h.grants = append(h.grants, grantRead)
	}
	h.conclude()
	return nil
}

// split lists the actions to judge: a call with parts is judged part by part,
// and for its own targets too.
func (h *hearing) split(a model.Action, path []int) error {
	if len(path) > maxNesting || len(h.leaves) >= maxLeaves {
		return errors.New("the call has too many parts to judge")
	}
	itself := len(a.Parts) == 0 || len(a.Targets) > 0 || a.Fidelity == model.Opaque ||
		a.Verb.Mutates() && !slices.ContainsFunc(a.Parts, model.Action.Mutates)
	if itself {
		l := &leaf{Action: a, path: path}
		l.Parts = nil
		for _, t := range a.Targets {
			if t.Role != model.RoleDependency {
				l.changed = append(l.changed, h.p.thing(&l.Action, t, h.s))
			}
		}
		if len(l.changed) == 0 { // an account's or a cluster's own setting: something, somewhere
			l.changed = append(l.changed, h.p.thing(&l.Action, model.Target{URN: "*", Role: model.RoleTarget}, h.s))
		}
		h.leaves = append(h.leaves, l)
		h.goAlong(a)
	}
	for i, part := range a.Parts {
		if part.Platform == "" {
			part.Platform = a.Platform
		}
		if part.Account == "" {
			part.Account = a.Account
		}
		if part.Region == "" {
			part.Region = a.Region
		}
		if err := h.split(part, append(slices.Clone(path), i)); err != nil {
			return err
		}
	}
	return nil
}

func (h *hearing) add(rank int, f policy.Finding) {
	key := f.Code + "\n" + f.Why
	if h.said[key] {
		return
	}
	if h.said == nil {
		h.said = map[string]bool{}
	}
	h.said[key] = true
	h.findings = append(h.findings, ranked{rank, f})
}

// places fills in the environments and who is accountable.
func (h *hearing) places() {
	set := false
	h.d.Environments = nil
	for _, l := range h.touched() {
		for _, t := range l.changed {
			if t.env != nil && !slices.Contains(h.d.Environments, t.env.Name) {
				h.d.Environments = append(h.d.Environments, t.env.Name)
			}
			if t.owner != nil && !set {
				h.d.Accountable, set = h.p.owners.accountable(t.owner, t.from), true
				h.d.Accountable.Others = alsoClaim(h.p.owners.others(t))
			}
		}
	}
	slices.Sort(h.d.Environments)
}

// forbidden looks for never clauses. They are the only thing that stops a read.
func (h *hearing) forbidden() {
	if h.d.Action.DryRun {
		return
	}
	for _, l := range h.touched() {
		for _, n := range h.p.bans(l) {
			if !n.concerns(&h.d.Action.Actor, h.subjects) {
				continue
			}
			for _, t := range l.changed {
				if n.forbids(h.p, l, t) {
					h.hits = append(h.hits, hit{n, l, t})
				}
			}
		}
	}
	byPlace(h.hits)
	for _, b := range h.hits {
		h.add(0, h.neverFinding(b.n, b.l, b.t))
	}
}

// identified checks that everybody whose rights are needed is declared.
func (h *hearing) identified() {
	if h.p.set.Empty() {
		return // there is one thing to say then, and granted says it
	}
	for i, s := range h.subjects {
		if s.doc == nil {
			h.add(2, h.nobodyFinding(s, i > 0))
		}
	}
	if doc := h.subjects[0].doc; doc != nil && doc.OnBehalfOf == intent.Required && len(h.subjects) == 1 {
		h.add(2, h.behalfFinding(doc))
	}
}

// granted looks for a clause for every change, everybody behind it, and every
// target.
func (h *hearing) granted(ctx context.Context) error {
	if h.p.set.Empty() {
		h.add(1, h.nothingFinding())
		return nil
	}
	targets, more := h.differ(), 0
	for _, l := range h.leaves {
		if l.Action.Mutates() {
			more = max(more, selectedCount(l))
		}
	}
	for _, l := range h.leaves {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("judging: %w", err)
		}
		if !l.Action.Mutates() {
			continue
		}
		if l.Fidelity == model.Partial && len(l.Unknown) > 0 {
			h.add(8, h.partialFinding(l))
		}
		for _, t := range l.changed {
			h.target(l, t, targets+more)
		}
	}
	return nil
}

// differ returns how many resources the changes name.
func (h *hearing) differ() int {
	var one model.URN
	var urns map[model.URN]bool // if there is more than one
	n := 0
	for _, l := range h.leaves {
		if !l.Action.Mutates() {
			continue
		}
		for _, t := range l.changed {
			switch {
			case n == 0:
				one, n = t.urn, 1
			case n == 1 && t.urn == one:
			default:
				if urns == nil {
					urns = map[model.URN]bool{one: true}
				}
				urns[t.urn] = true
				n = len(urns)
			}
		}
	}
	return n
}

// target judges one target of one change.
func (h *hearing) target(l *leaf, t *thing, targets int) {
	switch {
	case t.rivals != nil:
		h.add(9, h.rivalsFinding(t))
	case t.owner == nil:
		h.add(9, h.ownerFinding(t))
	}
	if t.env == nil {
		h.add(3, h.placeFinding(t))
		return
	}
	h.freezes(t)
	if l.unclear() {
		h.unclear(l, t)
		return
	}
	if t.urn == "*" && l.Fidelity != model.Exact {
		h.add(1, h.targetFinding(l))
		return
	}
	for _, s := range h.subjects {
		if s.doc == nil {
			continue // identified has said so
		}
		g, over, needs := h.find(s, l, t, targets)
		if g != nil && len(needs) == 0 {
			h.grants = append(h.grants, g.name)
		} else if g != nil {
			h.held(4, needs, at(g.name, g.Pos), t)
		} else if over != nil {
			h.overLimit(over, t, targets)
		} else {
			h.add(4, h.grantFinding(s, l, t))
		}
	}
}

// unclear applies what an environment says of actions that nobody understands.
func (h *hearing) unclear(l *leaf, t *thing) {
	f := h.unknownFinding(l, t)
	switch t.env.UnknownActions {
	case intent.UnknownHold:
		name := "environment " + t.env.Name + "/unknownActions"
		needs := h.lacking(name, byOwner, t)
		if f.Verdict = policy.Allow; len(needs) > 0 {
			h.held(1, needs, f.Source, t)
		} else if h.withinCaps() {
			h.grants = append(h.grants, name)
		} else {
			f.Verdict = policy.Deny
			f.Why += "; " + h.dependents()
		}
	case intent.UnknownObserve:
		f.Verdict = policy.Allow
		if h.withinCaps() {
			h.grants = append(h.grants, "environment "+t.env.Name+"/unknownActions")
		} else {
			f.Verdict = policy.Deny
			f.Why += "; " + h.dependents()
		}
	}
	h.add(1, f)
}

// find returns a clause that covers a target within its own limits, the one that
// needs nobody's approval first, then one whose approvals somebody can give, with
// what is lacking of those it asks for; or else one that would cover it but for its
// limits.
func (h *hearing) find(s subject, l *leaf, t *thing, targets int) (ok, over *grant, needs []policy.Need) {
	b := h.p.allow[l.Verb]
	if b == nil {
		return nil, nil, nil
	}
	env, can := h.p.envs[t.env], false
	for _, list := range b.candidates(s.index, l.Capability, string(t.urn)) {
		for g := list.next(); g != nil; g = list.next() {
			if fits, _ := g.covers(s.index, env, l, t); !fits {
				continue
			}
			if !h.open(g, t.env) || !h.within(g.Limits, t.env, targets) {
				if over == nil {
					over = g
				}
				continue
			}
			lacks := h.lacking(g.name, g.asks, t)
			if len(lacks) == 0 {
				return g, nil, nil
			}
			if ok == nil || !can && givable(lacks, t) {
				ok, needs, can = g, lacks, givable(lacks, t)
			}
		}
	}
	return ok, over, needs
}

// conclude orders the findings and sets the verdict: what was granted, lowered
// by the strictest finding.
func (h *hearing) conclude() {
	slices.SortStableFunc(h.findings, func(a, b ranked) int { return a.rank - b.rank })
	verdict := policy.Allow
	if len(h.grants) == 0 {
		verdict = policy.Deny
		for _, f := range h.findings { // an action that is only held lacks its grant for that reason
			if f.Verdict == policy.Hold {
				verdict = policy.Hold
			}
		}
	}
	for _, f := range h.findings {
		verdict = min(verdict, f.Verdict)
		if len(h.d.Findings) < maxFindings {
			h.d.Findings = append(h.d.Findings, f.Finding)
		}
	}
	h.d.Verdict = verdict
	if h.observed() {
		h.d.Mode = policy.Observe
	}
	if verdict != policy.Hold {
		h.d.Needs = nil // an approval alone would not help, or is not needed
	}
	if verdict == policy.Allow {
		h.d.Approvals = h.approved()
		slices.Sort(h.grants)
		h.d.Grant = join(slices.Compact(h.grants), 8)
	}
	// They are given only where the action was refused without them.
	if by := h.broken(); by != nil {
		h.override(by)
	}
}
