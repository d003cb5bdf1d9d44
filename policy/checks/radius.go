package checks

import (
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

const (
	// radiusBound ends the search for dependents; past it an action is over any
	// limit that a person would write.
	radiusBound = 10_000
	// ownersAsked bounds how many dependents are asked for their owner, nearest
	// first: the list is to tell whom to talk to.
	ownersAsked = 1000
	ownersKept  = 16
)

// radius finds what depends on everything that the action changes.
func (h *hearing) radius() {
	var of []model.URN
	complete, deletes := true, false
	for _, l := range h.leaves {
		if !l.Action.Mutates() {
			continue
		}
		for _, t := range l.changed {
			if t.role == model.RoleCreated {
				continue // nothing can depend on it yet
			}
			deletes = deletes || l.Verb == model.Delete
			if t.unknown() && l.Verb != model.Create {
				complete = false
			}
			of = append(of, t.canon)
		}
	}
	sort.Slice(of, func(i, j int) bool { return of[i] < of[j] })
	reach := model.Reach{Complete: true}
	if len(of) > 0 {
		reach = h.s.Dependents(of, radiusBound)
	}
	r := policy.Radius{Dependents: len(reach.Hops), Complete: reach.Complete && complete}
	owners := map[string]bool{}
	for i, hop := range reach.Hops {
		if i < policy.RadiusSample {
			r.Sample = append(r.Sample, hop)
		}
		if i < ownersAsked {
			if o := h.ownerOf(hop); o != nil {
				owners[o.Name] = true
			}
		}
	}
	for name := range owners {
		r.Owners = append(r.Owners, name)
	}
	sort.Strings(r.Owners)
	r.Owners = r.Owners[:min(len(r.Owners), ownersKept)]
	h.d.Radius = r
	if deletes && r.Dependents > 0 {
		h.add(7, policy.Finding{
			Code: CodeBreaks, Title: "it deletes what others depend on", Verdict: policy.Allow,
			Why:    h.dependents(),
			Repair: "talk to their owners first; limits: {dependents: 0} in the clause refuses such a delete",
		})
	}
}

// ownerOf finds who answers for a dependent.
func (h *hearing) ownerOf(hop model.Hop) *intent.Owner {
	res, ok := h.s.Resource(hop.URN)
	if !ok {
		return nil
	}
	t := h.p.thing(model.Action{Platform: res.Platform, Account: res.Account, Region: res.Region},
		model.Target{URN: hop.URN, Type: hop.Type, Role: model.RoleTarget}, h.s)
	return t.owner
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
			text = "what depends on it cannot be told"
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

// within reports whether the whole action keeps a clause's limits and an
// environment's cap.
func (h *hearing) within(l intent.Limits, env *intent.Environment, targets int) bool {
	if l.Targets != nil && targets > *l.Targets {
		return false
	}
	return h.dependentsWithin(l.Dependents) && h.dependentsWithin(env.Caps.Dependents)
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
