package checks

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

const (
	// radiusBound ends the search for dependents; past it an action is over any
	// limit that a person would write.
	radiusBound = 10_000
	ownersKept  = 16
	// tierProduction is the word of an environment whose dependents are counted.
	tierProduction intent.Tier = "production"
)

// radius finds what breaks with everything that the action changes.
func (h *hearing) radius() {
	var changes []radius.Change
	unknown, deletes := false, false
	h.takesAlong(&changes)
	for _, l := range h.leaves {
		if !l.Action.Mutates() {
			continue
		}
		effects := radius.Effects(l.Action)
		for _, t := range l.changed {
			if t.role == model.RoleCreated {
				continue // nothing can depend on it yet
			}
			deletes = deletes || l.Verb == model.Delete
			for _, e := range effects {
				if t.unknown() && !selected(l.Action) {
					unknown = unknown || e.Felt() && l.Verb != model.Create
				} else if !t.unknown() {
					changes = append(changes, radius.Change{URN: t.canon, Type: t.kind, Effect: e})
				}
			}
		}
	}
	reach := radius.Availability(h.s, changes, radius.Budget{Nodes: radiusBound}) // without Stop: law 5
	h.changes, h.reach = changes, reach
	r := policy.Radius{Dependents: reach.Count, Complete: reach.Complete && !unknown, Reasons: reach.Reasons}
	if unknown {
		r.Reasons = append(r.Reasons, "which resource it changes cannot be told")
	}
	h.countAlong(&r)
	for _, hop := range reach.Nearest(radius.Looked) {
		if len(r.Sample) < policy.RadiusSample {
			r.Sample = append(r.Sample, hop)
		}
		res, ok := radius.Brief(h.s, hop.URN)
		if !ok {
			continue
		}
		t := h.dependent(hop, res)
		if t.owner != nil {
			own(&r, t.owner)
		}
		if t.env != nil && t.env.Tier == tierProduction {
			r.Production++
		}
		if radius.FacingIn(h.s, *res) {
			r.UserFacing++
		}
	}
	slices.Sort(r.Owners)
	r.Owners = r.Owners[:min(len(r.Owners), ownersKept)]
	h.d.Radius = r
	if f, ok := h.alongFinding(); ok {
		h.add(7, f)
	}
	if deletes && reach.Count > 0 {
		h.add(7, policy.Finding{
			Code: CodeBreaks, Title: "it deletes what others depend on", Verdict: policy.Allow,
			Why:    h.dependents(),
			Repair: "talk to their owners first; limits: {dependents: 0} in the clause refuses such a delete",
		})
	}
}

// own adds an owner.
func own(r *policy.Radius, o *intent.Owner) {
	if !slices.Contains(r.Owners, o.Name) {
		r.Owners = append(r.Owners, o.Name)
	}
}

// ownerOf finds who answers for a dependent.
func (h *hearing) ownerOf(hop model.Hop) *intent.Owner {
	res, ok := radius.Brief(h.s, hop.URN)
	if !ok {
		return nil
	}
	return h.dependent(hop, res).owner
}

// dependent looks at a dependent as at a target.
func (h *hearing) dependent(hop model.Hop, res *model.Resource) *thing {
	return h.p.thing(&model.Action{Platform: res.Platform, Account: res.Account, Region: res.Region},
		model.Target{URN: hop.URN, Type: hop.Type, Role: model.RoleTarget}, h.s)
}

// dependents says how many there are, which are nearest, and whose they are.
func (h *hearing) dependents() string {
	r := h.d.Radius
	text := count(r.Dependents, "resource") + " depend"
	if r.Dependents == 1 {
		text += "s"
	}
	text += " on it"
	if !r.Complete {
		text = "at least " + text
		if r.Dependents == 0 {
			text = "what depends on it cannot be told" + h.because()
		}
	}
	var names []string
	for _, hop := range r.Sample {
		label := name(hop.URN)
		if hop.Type != "" {
			label += " (" + hop.Type + ")"
		}
		if o := h.ownerOf(hop); o != nil {
			label += " of " + o.Name
		}
		names = append(names, label)
	}
	if len(names) > 0 {
		text += ", nearest: " + strings.Join(names, ", ")
	}
	if len(r.Owners) > 0 {
		text += "; owners: " + strings.Join(r.Owners, ", ")
	}
	return text
}

// because says why not everything that depends on it is known.
func (h *hearing) because() string {
	if len(h.d.Radius.Reasons) == 0 {
		return ""
	}
	return " (" + strings.Join(h.d.Radius.Reasons, "; ") + ")"
}

// within reports whether the whole action keeps a clause's limits and an
// environment's cap.
func (h *hearing) within(l intent.Limits, env *intent.Environment, targets int) bool {
	if l.Targets != nil && targets > *l.Targets {
		return false
	}
	return h.exposedWithin(l.Exposed) && h.dependentsWithin(l.Dependents) && h.dependentsWithin(env.Caps.Dependents)
}

func (h *hearing) dependentsWithin(limit *int) bool {
	return limit == nil || h.d.Radius.Complete && h.d.Radius.Dependents <= *limit
}

func (h *hearing) withinCaps() bool {
	for _, l := range h.leaves {
		for _, t := range l.changed {
			if t.env == nil || !h.dependentsWithin(t.env.Caps.Dependents) {
				return false
			}
		}
	}
	return true
}
