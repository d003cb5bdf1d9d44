package checks

import (
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/reconcile"
)

// Portable says in portable words what a resource is: what it is for, and what is known
// of it, with where that stands in its attributes.
type Portable func(model.Resource) (capability string, props []model.Property)

// Violations are what of the things that exist is not as blueprints want it, as far as
// it is known. A blueprint for some verbs alone is about those calls, and an exception
// lifts it here too.
func (h Running) Violations(s model.Snapshot) map[model.URN][]reconcile.Field {
	out := map[model.URN][]reconcile.Field{}
	if len(h.Program.plans) == 0 {
		return out
	}
	s.Each(func(r model.Resource) bool {
		capability, props := h.Portable(r)
		if len(props) > 0 {
			if fields := h.of(r, capability, props, s); len(fields) > 0 {
				out[r.URN] = fields
			}
		}
		return true
	})
	return out
}

// Running holds what exists against a Program's blueprints. Now says which exceptions
// are in force.
type Running struct {
	*Program
	Portable Portable
	Now      func() intent.Day
}

// of holds one thing against every blueprint that is about it.
func (h Running) of(r model.Resource, capability string, props []model.Property, s model.Snapshot) (out []reconcile.Field) {
	t := h.thing(&model.Action{Platform: r.Platform, Account: r.Account, Region: r.Region}, model.Target{URN: r.URN, Type: r.Type, Role: model.RoleTarget}, s)
	l := &leaf{Action: model.Action{Capability: capability, Props: props}}
	for _, b := range h.plans {
		if len(b.For.Verbs) > 0 || !b.concerns(h.Program, l, t) {
			continue
		}
		for _, c := range b.Require {
			if all := said(l, c.Property); len(all) > 0 && meets(c, all) == no {
				out = h.field(out, b, "requires", c, all, t)
			}
		}
		for _, c := range b.Forbid {
			if all := said(l, c.Property); violates(c, all) == yes {
				out = h.field(out, b, "forbids", c, all, t)
			}
		}
	}
	return out
}

// fieldAt is a JSON pointer as the path of a field, without positions in lists.
func fieldAt(pointer string) string {
	var steps []string
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if _, err := strconv.Atoi(step); err != nil {
			steps = append(steps, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
	}
	return strings.Join(steps, ".")
}

// field is one violation, unless an exception lifts it.
func (h Running) field(out []reconcile.Field, b *plan, says string, c intent.Condition, all []model.Property, t *thing) []reconcile.Field {
	today := h.Now()
	for _, e := range h.set.Exceptions {
		names := e.Waives.Require
		if says == "forbids" {
			names = e.Waives.Forbid
		}
		if e.Waives.Blueprint == b.Name && slices.Contains(names, c.Property) && e.From <= today && today <= e.Until && named(e.For.Resource, t, intent.Match, t.urn) {
			return out
		}
	}
	f := reconcile.Field{State: reconcile.Violating, Declared: says + " " + c.String(), Of: b.Owner, Source: at("Blueprint "+b.Name, c.Pos)}
	for _, p := range all {
		if one(c, p) != unknown && (says == "requires") == (one(c, p) == no) {
			f.Path, f.Running = fieldAt(p.Native), p.Value
			break
		}
	}
	if f.Path == "" {
		f.Path = c.Property
	}
	f.Critical = b.OnViolation != intent.Warn && h.rules.Critical(t.kind, f.Path)
	return append(out, f)
}
