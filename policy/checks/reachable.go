package checks

import (
	"fmt"
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

// unfitKept bounds how many are named that must not be made reachable.
const unfitKept = 8

// fit holds what becomes reachable against what its environment lets be exposed: how it
// stands against what was built, and what is declared of it.
func (h *hearing) fit(found radius.Exposure) {
	if !slices.ContainsFunc(h.p.set.Environments, func(e *intent.Environment) bool { return e.Exposes != intent.ExposesAny }) {
		return
	}
	if !found.Complete {
		h.unread()
	}
	unfit := 0
	for _, hop := range found.Opened {
		if unfit == unfitKept {
			return
		}
		t := h.other(hop.URN)
		if rule := exposes(t); rule != intent.ExposesAny && h.unfit(t, rule) {
			unfit++
		}
	}
}

// exposes is what an environment lets be made reachable; one that cannot be told, the
// strictest of those that it may be.
func exposes(t *thing) intent.Exposes {
	rule := intent.ExposesAny
	for _, e := range append([]*intent.Environment{t.env}, t.possible...) {
		switch {
		case e == nil || e.Exposes == intent.ExposesAny:
		case e.Exposes == intent.ExposesSettled:
			return intent.ExposesSettled
		default:
			rule = intent.ExposesSound
		}
	}
	return rule
}

// unread refuses what opens something that nobody has read, where only what is known may
// be made reachable.
func (h *hearing) unread() {
	for _, l := range h.leaves {
		if !l.Action.Mutates() || radius.Opens(l.Action).None() {
			continue
		}
		for _, t := range l.changed {
			if exposes(t) == intent.ExposesSettled && !h.stays(l, t) {
				h.add(1, h.unfitFinding(t, "what it would make reachable is not all known; "+does(l, t),
					"let it be read first (get, describe or list it through assent, or assent collect), then ask again", envSource(t)))
			}
		}
	}
}

// unfit reports whether a thing must not be made reachable, and says why. Where it has to
// be built, what nobody built itself stands as that does which made it: a pod's Deployment.
func (h *hearing) unfit(t *thing, rule intent.Exposes) (bad bool) {
	standing := radius.StandingOf(h.s, t.canon)
	all := []*thing{t}
	if !standing.Built && rule == intent.ExposesSettled {
		for _, urn := range radius.Makers(h.s, t.canon) {
			maker := h.other(urn)
			all = append(all, maker)
			if st := radius.StandingOf(h.s, urn); st.Built {
				standing = st
				break
			}
		}
	}
	for _, one := range all {
		bad = h.violates(t, one, rule) || bad
	}
	of := h.other(standing.URN)
	if standing.Built {
		return h.strays(t, of, standing, rule) || bad
	}
	if rule == intent.ExposesSettled && h.changing(t) == nil {
		h.add(1, h.unfitFinding(t, "nobody built it by way of assent, or adopted it", h.owning(t)+" takes it as it is: assent adopt "+string(t.canon)+"; or it is built anew by way of assent", envSource(t)))
		return true
	}
	return bad
}

// violates looks for what of a thing is not as declared.
func (h *hearing) violates(t, one *thing, rule intent.Exposes) bool {
	for _, v := range h.violating(one, h.p.claims(one)) {
		if rule != intent.ExposesSettled && !v.field.Critical || h.touches(one, v.field.Path) {
			continue
		}
		why := fmt.Sprintf("%s of %s is %s, %s, by %s", v.field.Path, name(one.canon), short(text(v.field.Running)), v.needs(), v.claim.Source)
		if e := h.lets(v.claim.By, one); e != nil {
			h.add(1, h.waived(e, "it makes "+name(t.canon)+" reachable, though "+why))
			continue
		}
		h.add(1, h.unfitFinding(t, why, "set it right first, or ask "+h.answering(v.claim.Owner)+" to declare it otherwise at "+v.claim.Source, v.claim.Source))
		return true
	}
	return false
}

// strays looks for what of a thing has drifted.
func (h *hearing) strays(t, of *thing, standing model.Standing, rule intent.Exposes) bool {
	for _, d := range slices.Concat(standing.Grave(), standing.Drifted) { // what is critical is said first
		if rule != intent.ExposesSettled && !d.Critical || h.touches(of, d.Path) {
			continue
		}
		h.add(1, h.unfitFinding(t, fmt.Sprintf("%s of %s has drifted: it is %s, and was built as %s", d.Path, name(of.canon), orNothing(d.Now), orNothing(d.Was)),
			fmt.Sprintf("set it back: assent revert %s; or %s takes it as it is: assent adopt %s --field %s", of.canon, h.owning(of), of.canon, d.Path), envSource(t)))
		return true
	}
	return false
}

func orNothing(v any) string {
	if v == nil {
		return "nothing"
	}
	return short(text(v))
}

// changing is the change that the action itself makes of a thing; nil: none.
func (h *hearing) changing(t *thing) *leaf {
	for _, l := range h.leaves {
		if l.Action.Mutates() && slices.ContainsFunc(l.changed, func(c *thing) bool { return c.canon == t.canon }) {
			return l
		}
	}
	return nil
}

// touches reports whether the action makes something else of a field: what that is, is
// judged for itself.
func (h *hearing) touches(t *thing, path string) bool {
	l := h.changing(t)
	if l == nil {
		return false
	}
	res, _ := radius.Whole(h.s, t.canon)
	return reconcile.EffectOf(h.p.rules, l.Action, t.kind).On(res, path).Changed
}

// stays reports whether a change surely leaves the whole of what an object is meant to be
// as it is: a label opens nothing.
func (h *hearing) stays(l *leaf, t *thing) bool {
	if l.Platform != "kubernetes" || t.role == model.RoleCreated || !t.known {
		return false
	}
	res, _ := radius.Whole(h.s, t.canon)
	touch := reconcile.EffectOf(h.p.rules, l.Action, t.kind).On(res, "spec")
	return touch.Told && !touch.Changed
}

// unfitFinding says that something must not be made reachable, and how it can be.
func (h *hearing) unfitFinding(t *thing, why, repair, source string) policy.Finding {
	return policy.Finding{
		Code: CodeUnfit, Title: "it makes reachable what is not fit for that", Verdict: policy.Deny,
		Why: "it would make " + string(t.canon) + " reachable, and " + why, Repair: repair, Source: source,
	}
}

// owning says who owns a thing.
func (h *hearing) owning(t *thing) string {
	if t.owner == nil {
		return "its owner"
	}
	return h.answering(t.owner.Name)
}

// envSource is where it is declared what may be made reachable.
func envSource(t *thing) string {
	if t.env == nil {
		return ""
	}
	return at("Environment "+t.env.Name, t.env.Pos)
}

// opening reports whether some part of the action opens anything, but by what surely
// stays as it is.
func (h *hearing) opening() bool {
	return slices.ContainsFunc(h.leaves, func(l *leaf) bool {
		return l.Action.Mutates() && !radius.Opens(l.Action).None() && slices.ContainsFunc(l.changed, func(t *thing) bool { return !h.stays(l, t) })
	})
}
