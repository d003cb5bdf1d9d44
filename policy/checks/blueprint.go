package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// plan is one blueprint.
type plan struct {
	*intent.Blueprint
	in bits
}

// concerns reports whether a blueprint is about a thing. A blueprint forbids: where
// the environment cannot be told it is about all that are possible.
func (b *plan) concerns(p *Program, l *leaf, t *thing) bool {
	return (len(b.For.Verbs) == 0 || slices.Contains(b.For.Verbs, l.Verb)) &&
		(len(b.For.Capability) == 0 || some(b.For.Capability, l.Capability, intent.Match)) &&
		(b.in == nil || slices.ContainsFunc(t.possible, func(e *intent.Environment) bool { return b.in.has(p.envs[e]) }))
}

// conforming holds what every change would make true against the blueprints.
func (h *hearing) conforming() {
	for _, l := range h.leaves {
		if !l.Action.Mutates() || len(l.Props) == 0 {
			continue
		}
		for _, t := range l.changed {
			for _, b := range h.p.plans {
				if !b.concerns(h.p, l, t) {
					continue
				}
				for _, c := range b.Require {
					if all := said(l, c.Property); meets(c, all) != yes {
						h.violation(b, "requires", c, l, t, all)
					}
				}
				for _, c := range b.Forbid {
					if all := said(l, c.Property); violates(c, all) != no {
						h.violation(b, "forbids", c, l, t, all)
					}
				}
			}
		}
	}
}

// must reports the first condition of a clause that a change does not surely meet.
// A clause grants, so what a creation does not say is not met; a change to
// something that exists says what it changes.
func (g *grant) must(l *leaf) (unmet string) {
	for _, c := range g.Must {
		all := said(l, c.Property)
		if meets(c, all) != yes || len(all) == 0 && l.Verb == model.Create {
			return "must." + c.Property
		}
	}
	return ""
}

// violation says that a change is not as a blueprint wants it.
func (h *hearing) violation(b *plan, says string, c intent.Condition, l *leaf, t *thing, all []model.Property) {
	got, native := "cannot be told", "" // what it is, and where the call says so
	for _, p := range all {
		if !p.Known {
			native = p.Native
			break
		}
		if verdict := one(c, p); (says == "requires") == (verdict != yes) {
			got, native = "is "+short(text(p.Value)), p.Native
			if p.Source == "default" {
				got += " by default"
			}
			break
		}
	}
	if native != "" {
		got += " (" + native + ")"
	}
	f := policy.Finding{
		Code: CodeBlueprint, Title: "it is not built as declared", Verdict: policy.Deny,
		Why:    fmt.Sprintf("%s%s %s %s, and it %s; %s", l.spot(), b.Name, says, c, got, does(l, t)),
		Repair: h.rebuild(b, says, c, native), Source: at("Blueprint "+b.Name, c.Pos),
		Fix: setting(c, says == "forbids", l),
	}
	switch e := h.exempt(b, says, c, t); {
	case e != nil:
		f.Code, f.Title, f.Verdict = CodeWaived, "a violation is waived", policy.Allow
		f.Why += "; waived until " + string(e.Until) + " by " + e.ApprovedBy + ": " + e.Reason
		f.Repair, f.Source = "mend it until then", at("Exception "+e.Name, e.Pos)
	case b.ratchets() && t.role != model.RoleCreated && noWorse(says, c, l):
		f = ratcheted(f)
	case b.OnViolation == intent.Warn:
		f.Verdict = policy.Allow
	}
	h.add(1, f)
}

// rebuild says what to write into the call.
func (h *hearing) rebuild(b *plan, says string, c intent.Condition, native string) string {
	where := "say " + c.Property + " in the call"
	if native != "" {
		where = "change " + native
	}
	want := "so that it is not " + strings.TrimPrefix(c.String(), c.Property+": ")
	if says == "requires" {
		want = "so that " + c.String()
	}
	return where + " " + want + "; or ask " + b.keeper() + " for an Exception"
}

// exempt finds an exception that is in force for a thing.
func (h *hearing) exempt(b *plan, says string, c intent.Condition, t *thing) *intent.Exception {
	for _, e := range h.p.set.Exceptions {
		names := e.Waives.Require
		if says == "forbids" {
			names = e.Waives.Forbid
		}
		if e.Waives.Blueprint == b.Name && slices.Contains(names, c.Property) && h.covered(e, t) {
			return e
		}
	}
	return nil
}

// lifted finds an exception from a never clause that is in force for a thing.
func (h *hearing) lifted(n *never, t *thing) *intent.Exception {
	for _, e := range h.p.set.Exceptions {
		if e.Waives.Never == n.name && (n.Waivable == nil || *n.Waivable) && h.covered(e, t) {
			return e
		}
	}
	return nil
}

// covered reports whether an exception is in force, and surely for this thing and
// everybody behind the action.
func (h *hearing) covered(e *intent.Exception, t *thing) bool {
	if !e.Holds(h.d.At) || !named(e.For.Resource, t, intent.Match, t.urn) {
		return false
	}
	who := h.p.who(e.For.Who)
	return who == nil || !slices.ContainsFunc(h.subjects, func(s subject) bool { return !who.has(s.index) })
}

// short keeps a value from filling a message.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most-3] + "..."
	}
	return s
}
