package checks

import (
	"fmt"
	"math"
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// goAlong makes leaves of what goes along with an action.
func (h *hearing) goAlong(a model.Action) {
	if a.Affected == nil || !a.Mutates() {
		return
	}
	for _, g := range a.Affected.Groups {
		l := &leaf{Action: model.Action{Platform: a.Platform, Service: g.Service, Operation: g.Operation, Verb: g.Verb,
			Capability: g.Capability, Account: a.Account, Fidelity: model.Exact, Where: "with it"}}
		for _, urn := range g.Targets {
			l.changed = append(l.changed, h.p.thing(&l.Action, model.Target{URN: urn, Type: g.Type, Role: model.RoleTarget}, h.s))
		}
		h.along = append(h.along, l)
	}
}

// touched is everything that the action changes: what it names, and what goes along.
func (h *hearing) touched() []*leaf {
	if len(h.along) == 0 {
		return h.leaves
	}
	return slices.Concat(h.leaves, h.along)
}

// selected reports whether it is known what a collection is: then that is judged, and
// not the star that stands for it.
func selected(a model.Action) bool { return a.Affected != nil && a.Affected.Complete }

// takesAlong adds what goes along to the changes: whoever depends on that breaks too.
func (h *hearing) takesAlong(changes *[]radius.Change) {
	for _, l := range h.along {
		effect := radius.Destroy
		if l.Verb != model.Delete {
			effect = radius.Config
		}
		for _, t := range l.changed {
			*changes = append(*changes, radius.Change{URN: t.canon, Type: t.kind, Effect: effect})
		}
	}
}

// countAlong counts what goes along as dependents: they are the first to break. What
// only loses its owner goes on as it is.
func (h *hearing) countAlong(r *policy.Radius) {
	deleted := 0
	for _, l := range h.leaves {
		a := l.Action.Affected
		if a == nil {
			continue
		}
		deleted += a.Count
		for _, g := range a.Groups {
			if g.Verb != model.Delete {
				deleted -= len(g.Targets)
			}
		}
		if !a.Complete {
			r.Complete = false
			r.Reasons = append(r.Reasons, a.Why...)
		}
	}
	r.Dependents += deleted
	for _, l := range h.along {
		if l.Verb != model.Delete {
			continue
		}
		for _, t := range l.changed {
			if len(r.Sample) < policy.RadiusSample {
				r.Sample = append(r.Sample, model.Hop{URN: t.canon, Type: t.kind, Depth: 1, Effect: radius.Destroy.String()})
			}
			if t.env != nil && t.env.Tier == tierProduction {
				r.Production++
			}
			if t.owner != nil {
				own(r, t.owner)
			}
		}
	}
}

// selectedCount is how many a collection stands for beyond itself; what is not known is
// more than any limit.
func selectedCount(l *leaf) int {
	if l.Action.Affected == nil || !slices.ContainsFunc(l.changed, (*thing).unknown) {
		return 0
	}
	if !l.Action.Affected.Complete {
		return math.MaxInt32
	}
	return l.Action.Affected.Count
}

// alongFinding tells what goes along.
func (h *hearing) alongFinding() (f policy.Finding, ok bool) {
	var what []string
	data := 0
	for _, l := range h.leaves {
		if l.Action.Affected == nil {
			continue
		}
		for _, g := range l.Action.Affected.Groups {
			if g.Verb == model.Delete {
				what = append(what, fmt.Sprintf("%d %s", len(g.Targets), g.Type))
			}
			if g.Data {
				data += len(g.Targets)
			}
		}
	}
	if len(what) == 0 {
		return f, false
	}
	f = policy.Finding{
		Code: CodeAlong, Title: "it takes others along", Verdict: policy.Allow,
		Why:    "with it goes " + join(what, 8),
		Repair: "limits: {dependents: 0} in the clause refuses a delete that takes anything along",
	}
	if data > 0 {
		f.Why += "; the data of " + count(data, "volume") + " is lost"
	}
	return f, true
}
