package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy"
)

// standing holds an action against what is declared of single things: nobody but its
// owner changes a declared field, nothing is made to be otherwise than declared, and
// nothing is built on what somebody has changed to be otherwise.
func (h *hearing) standing() {
	if len(h.p.declared)+len(h.p.plans) == 0 {
		return
	}
	known := map[model.URN]*sick{}
	for _, l := range h.touched() {
		if !l.Action.Mutates() && !slices.Contains(h.along, l) {
			continue
		}
		builds := buildsOn(l)
		for _, t := range l.changed {
			claims := h.p.claims(t)
			quarantined := h.sick(known, t, claims)
			healing := h.fields(l, t, claims, quarantined) || h.undoes(l, t, quarantined)
			switch {
			case quarantined != nil && !healing && l.Verb != model.Delete:
				h.quarantine(l, t, quarantined, "it changes", t)
			case quarantined == nil && builds && t.role != model.RoleCreated:
				h.footing(known, l, t, t.canon, radius.FootingHops, "it stands on")
			}
		}
		if !builds || len(l.changed) == 0 {
			continue
		}
		for _, need := range h.needs(l) {
			if s := h.sickAt(known, need); s != nil {
				h.quarantine(l, l.changed[0], s, "it would use", h.other(need))
			} else {
				h.footing(known, l, l.changed[0], need, radius.FootingHops-1, "it would use "+name(need)+", which stands on")
			}
		}
	}
}

// buildsOn reports whether something relies on more afterwards than before.
func buildsOn(l *leaf) bool {
	switch l.Verb {
	case model.Create, model.Update, model.Scale, model.Enable, model.Attach, model.Grant, model.Execute, model.Unknown:
	default:
		return false
	}
	return slices.ContainsFunc(radius.Effects(l.Action), func(e radius.Effect) bool { return e != radius.Tag })
}

// needs are what a call names without changing it, and what its targets would depend on
// after it, as the model knows them.
func (h *hearing) needs(l *leaf) []model.URN {
	var out []model.URN
	add := func(urn model.URN) {
		if canon, ok := h.s.Resolve(string(urn)); ok && !slices.Contains(out, canon) {
			out = append(out, canon)
		}
	}
	for _, t := range l.Targets {
		if t.Role == model.RoleDependency {
			add(t.URN)
		}
	}
	if l.Ties != nil {
		for _, r := range l.Ties.Relations {
			if !slices.ContainsFunc(l.changed, func(t *thing) bool { return t.canon == r.To || t.urn == r.To }) {
				add(r.To)
			}
		}
	}
	return out
}

// footing looks for what is in quarantine among that on which something stands.
func (h *hearing) footing(known map[model.URN]*sick, l *leaf, t *thing, of model.URN, hops int, how string) {
	for _, hop := range radius.Footing(h.s, of, hops) {
		if changes(l, hop.URN) {
			continue // what becomes of that is judged for itself
		}
		if s := h.sickAt(known, hop.URN); s != nil {
			h.quarantine(l, t, s, how, h.other(hop.URN))
		}
	}
}

// changes reports whether a leaf changes something itself.
func changes(l *leaf, urn model.URN) bool {
	return slices.ContainsFunc(l.changed, func(t *thing) bool { return t.canon == urn })
}

// other looks at something that an action does not change.
func (h *hearing) other(urn model.URN) *thing {
	res, _ := h.s.Resource(urn)
	return h.dependent(model.Hop{URN: urn, Type: res.Type}, &res)
}

// sick is a thing that somebody has changed to be otherwise than it is declared, by a
// Resource document or by a blueprint.
type sick struct {
	field reconcile.Field
	claim reconcile.Claim // of a blueprint: its Owner and Source alone
	drift model.Deviation
}

// needs says what the field has to be.
func (s *sick) needs() string {
	if s.claim.By == "" {
		return "and " + s.claim.Owner + " " + text(s.field.Declared)
	}
	return "and has to be " + short(text(s.field.Declared))
}

func (h *hearing) sickAt(known map[model.URN]*sick, urn model.URN) *sick {
	if s, looked := known[urn]; looked {
		return s
	}
	t := h.other(urn)
	return h.sick(known, t, h.p.claims(t))
}

// sick finds a critical field of a thing that has drifted, and is not as declared.
func (h *hearing) sick(known map[model.URN]*sick, t *thing, claims []reconcile.Claim) *sick {
	if s, looked := known[t.canon]; looked {
		return s
	}
	known[t.canon] = nil
	if len(claims)+len(h.p.plans) == 0 || !t.known {
		return nil
	}
	drifted := radius.StandingOf(h.s, t.canon).Grave()
	if len(drifted) == 0 {
		return nil
	}
	for _, v := range h.violating(t, claims) {
		for _, d := range drifted {
			if v.field.Critical && reconcile.Overlap(v.field.Path, d.Path) {
				v.drift = d
				known[t.canon] = &v
				return &v
			}
		}
	}
	return nil
}

// violating are the fields of a thing that are not as Resource documents and blueprints
// have them, as far as it is known.
func (h *hearing) violating(t *thing, claims []reconcile.Claim) (out []sick) {
	if len(claims) > 0 {
		res, _ := radius.Whole(h.s, t.canon)
		for _, f := range reconcile.Unmet(h.p.rules, res, claims) {
			i := slices.IndexFunc(claims, func(c reconcile.Claim) bool { return c.Path == f.Path })
			out = append(out, sick{field: f, claim: claims[i]})
		}
	}
	if len(h.p.plans) == 0 {
		return out
	}
	res, known := h.s.Resource(t.canon)
	p := radius.PortraitOf(h.s, t.canon)
	if !known || len(p.Props) == 0 {
		return out
	}
	today := func() intent.Day { return intent.Day(h.d.At.UTC().Format(time.DateOnly)) }
	for _, f := range (Running{Program: h.p, Now: today}).of(res, p.Capability, p.Props, h.s) {
		out = append(out, sick{field: f, claim: reconcile.Claim{URN: t.canon, Path: f.Path, Owner: f.Of, Source: f.Source}})
	}
	return out
}

// undoes reports whether a change sets right what a thing is in quarantine for by a
// blueprint. What it makes of it the blueprint judges too.
func (h *hearing) undoes(l *leaf, t *thing, s *sick) bool {
	if s == nil || s.claim.By != "" {
		return false
	}
	res, _ := radius.Whole(h.s, t.canon)
	effect := reconcile.EffectOf(h.p.rules, l.Action, t.kind)
	return effect.Undoes(res, s.drift, effect.On(res, s.drift.Path))
}

// fields holds what a change makes of a thing's declared fields against what they are
// declared to be. healing: it sets right what the thing is in quarantine for.
func (h *hearing) fields(l *leaf, t *thing, claims []reconcile.Claim, s *sick) (healing bool) {
	if len(claims) == 0 {
		return false
	}
	res, _ := radius.Whole(h.s, t.canon)
	effect := reconcile.EffectOf(h.p.rules, l.Action, t.kind)
	if t.role == model.RoleCreated {
		res = model.Resource{URN: t.canon, Type: t.kind}
	}
	for _, c := range claims {
		touch := effect.On(res, c.Path)
		if !touch.Changed || t.role == model.RoleCreated && !touch.Told {
			continue
		}
		mine, gone := h.speaksFor(c.Owner), l.Verb == model.Delete
		if !c.Reserved && touch.Told && !gone {
			nearer := s != nil && s.claim.Path == c.Path && effect.Closer(res, c.Path, c.Want(), touch)
			if nearer || reconcile.Meets(h.p.rules, t.kind, c.Path, c.Want(), touch.After) {
				healing = healing || s != nil && s.claim.Path == c.Path
				continue
			}
		}
		if mine && (c.Reserved || !touch.Told) {
			continue
		}
		if e := h.lets(c.By, t); e != nil {
			h.add(1, h.waived(e, does(l, t)+" though "+c.Source+" declares "+c.Path))
			continue
		}
		h.add(1, h.fieldFinding(l, t, c, touch, mine))
	}
	return healing
}

// fieldFinding says whose a field is, and what it has to be.
func (h *hearing) fieldFinding(l *leaf, t *thing, c reconcile.Claim, touch reconcile.Touch, mine bool) policy.Finding {
	what := c.Path + " of " + string(t.canon)
	becomes := "would be " + short(text(touch.After))
	switch {
	case l.Verb == model.Delete:
		becomes = "would be gone"
	case !touch.Told:
		becomes = "may be anything afterwards, as far as the call can be told"
	case touch.After == nil:
		becomes = "would not be there"
	}
	is := "is " + c.Owner + "'s to say"
	if !c.Reserved {
		is = "is declared to be " + short(text(c.Want()))
	}
	f := policy.Finding{
		Code: CodeOthersField, Title: "it changes what another owner has declared", Verdict: policy.Deny,
		Why:    fmt.Sprintf("%s%s %s by %s, and %s; %s", l.spot(), what, is, c.Owner, becomes, does(l, t)),
		Repair: "ask " + h.answering(c.Owner) + " to change it, or to declare it otherwise at " + c.Source, Source: c.Source,
	}
	if mine {
		f.Code, f.Title = CodeUndeclares, "afterwards it would not be as declared"
		f.Repair = "change what is declared first, at " + c.Source + "; then make the change"
	}
	return f
}

// quarantine says that something is built on what has drifted.
func (h *hearing) quarantine(l *leaf, t *thing, s *sick, how string, of *thing) {
	what := string(of.canon)
	why := fmt.Sprintf("%s%s %s, whose %s has drifted from what %s declares: it is %s, %s; %s", l.spot(), how, name(of.canon), s.drift.Path,
		s.claim.Source, short(text(s.field.Running)), s.needs(), does(l, t))
	if e := h.lets(s.claim.By, of); e != nil {
		h.add(1, h.waived(e, why))
		return
	}
	h.add(1, policy.Finding{
		Code: CodeQuarantine, Title: "it builds on what has drifted", Verdict: policy.Deny, Why: why,
		Repair: fmt.Sprintf("set it back: assent revert %s; or %s takes it as it is: assent adopt %s --field %s", what, h.answering(s.claim.Owner), what, s.drift.Path),
		Source: s.claim.Source,
	})
}

// waived is the remark that an exception lets something pass.
func (h *hearing) waived(e *intent.Exception, why string) policy.Finding {
	return policy.Finding{Code: CodeWaived, Title: "a violation is waived", Verdict: policy.Allow,
		Why:    why + "; waived until " + string(e.Until) + " by " + e.ApprovedBy + ": " + e.Reason,
		Repair: "mend it until then", Source: at("Exception "+e.Name, e.Pos)}
}
