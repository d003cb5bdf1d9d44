package checks

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// Bounds of the search for a path. Past them it is not known whether there is one.
const (
	pathDepth = 8
	pathNodes = 2000
)

// unseen stands for the connections of a thing that nobody knows.
const unseen = "what nobody has read"

// connected holds what every change would connect its things with against the topology
// rules of the blueprints.
func (h *hearing) connected() {
	for _, b := range h.p.plans {
		if len(b.Topology) == 0 {
			continue
		}
		for _, l := range h.leaves {
			if !l.Action.Mutates() || l.Verb == model.Delete {
				continue
			}
			for _, t := range l.changed {
				if !b.concerns(h.p, l, t) {
					continue
				}
				for i := range b.Topology {
					h.rule(b, &b.Topology[i], l, t)
				}
			}
		}
	}
}

// rule judges one rule for one thing.
func (h *hearing) rule(b *plan, r *intent.Topology, l *leaf, t *thing) {
	after := h.holds(b, r, h.links(r, l, t, true), t)
	if after.conforms() {
		return
	}
	f := policy.Finding{
		Code: CodeTopology, Title: "it is not connected as declared", Verdict: policy.Deny,
		Why:    fmt.Sprintf("%s%s wants %s: %s, and %s; %s", l.spot(), b.Name, r.ID, ruleText(r), after.text(), does(l, t)),
		Repair: after.repair(r) + "; or ask " + b.keeper() + " for an Exception", Source: at("Blueprint "+b.Name, r.Pos),
	}
	switch e := h.excused(b, r, t); {
	case e != nil:
		f.Code, f.Title, f.Verdict = CodeWaived, "a violation is waived", policy.Allow
		f.Why += "; waived until " + string(e.Until) + " by " + e.ApprovedBy + ": " + e.Reason
		f.Repair, f.Source = "mend it until then", at("Exception "+e.Name, e.Pos)
	case b.ratchets() && t.role != model.RoleCreated && after.noWorseThan(h.holds(b, r, h.links(r, l, t, false), t)):
		f = ratcheted(f)
	case b.OnViolation == intent.Warn:
		f.Verdict = policy.Allow
	}
	h.add(1, f)
}

// excused finds an exception from a topology rule that is in force for a thing.
func (h *hearing) excused(b *plan, r *intent.Topology, t *thing) *intent.Exception {
	for _, e := range h.p.set.Exceptions {
		if e.Waives.Blueprint == b.Name && slices.Contains(e.Waives.Topology, r.ID) && h.covered(e, t) {
			return e
		}
	}
	return nil
}

// keeper is who can grant an exception from a blueprint.
func (b *plan) keeper() string {
	who := b.Owner
	if b.Waivable != nil && b.Waivable.By != "" {
		who = strings.TrimPrefix(b.Waivable.By, "owner:")
	}
	if who == "" {
		who = "whoever keeps the intent documents"
	}
	return who
}

// link is one connection of a thing.
type link struct {
	kind   string
	other  *thing // nil: addresses
	cidr   string // of traffic; empty where it is not known whose
	ports  [2]int
	all    bool   // every port
	sure   truth  // unknown: it may have ended
	native string // where the call says so
}

// name is how a link is told, and told apart.
func (k link) name() string {
	if k.other != nil {
		return k.kind + " " + string(k.other.urn)
	}
	who := k.cidr
	if who == "" {
		who = "an address that cannot be told"
	}
	if k.all {
		return k.kind + " " + who
	}
	return fmt.Sprintf("%s %s on %d-%d", k.kind, who, k.ports[0], k.ports[1])
}

// linked are the connections that a rule looks at.
type linked struct {
	all      []link
	complete bool
}

// links returns the connections of a thing that a rule is about: as they would be
// after the change, or as they are.
func (h *hearing) links(r *intent.Topology, l *leaf, t *thing, after bool) linked {
	_, _, out, kinds := r.Form()
	of := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	if slices.Contains(kinds, intent.Ingress) || slices.Contains(kinds, intent.Egress) {
		props := l.Before
		if after {
			props = l.Props
		}
		return h.traffic(props, of)
	}
	set := linked{complete: true}
	if t.role != model.RoleCreated && !(after && l.Ties != nil && l.Ties.Whole) {
		near := h.near(t.canon, out)
		set.all, set.complete = h.relations(near, of, out), near.Complete && t.known && !t.sketch
	}
	if after {
		h.change(&set, l, t, of, out)
	}
	return set
}

// near returns the relations of something, with where each is stated where that is known.
func (h *hearing) near(of model.URN, out bool) model.Near { return radius.Near(h.s, of, !out) }

// relations makes links of relations that are there.
func (h *hearing) relations(near model.Near, of func(string) bool, out bool) []link {
	var all []link
	for _, r := range near.Relations {
		other := r.To
		if !out {
			other = r.From
		}
		if of(r.Type) {
			all = append(all, link{kind: r.Type, other: h.someone(other), sure: yes})
		}
	}
	return all
}

// someone looks at whoever is at the other end as at a target.
func (h *hearing) someone(urn model.URN) *thing {
	res, _ := h.s.Resource(urn)
	return h.p.thing(&model.Action{Platform: res.Platform, Account: res.Account, Region: res.Region},
		model.Target{URN: urn, Type: res.Type, Role: model.RoleTarget}, h.s)
}

// change brings what a call says into the links of a thing.
func (h *hearing) change(set *linked, l *leaf, t *thing, of func(string) bool, out bool) {
	if l.Ties == nil {
		set.complete = false
		return
	}
	set.complete = set.complete && l.Ties.Complete
	ends := l.Verb == model.Detach || l.Verb == model.Revoke || l.Verb == model.Disable
	var made []link
	for _, r := range l.Ties.Relations {
		self, other := r.From, r.To
		if !out {
			self, other = r.To, r.From
		}
		if self != t.urn && self != t.canon || !of(r.Type) {
			continue
		}
		made = append(made, link{kind: r.Type, other: h.someone(other), sure: yes, native: pointer(r.Source)})
	}
	same := func(a, b link) bool { return a.kind == b.kind && a.other.canon == b.other.canon }
	kept := set.all[:0:0]
	for _, was := range set.all {
		named := slices.ContainsFunc(made, func(m link) bool { return same(m, was) })
		rival := slices.ContainsFunc(made, func(m link) bool { return m.kind == was.kind && m.other.kind == was.other.kind })
		switch {
		case ends && named:
			continue
		case ends || named || l.Verb == model.Attach || l.Verb == model.Grant:
		case rival: // another one in its place, or beside it
			was.sure = unknown
		}
		kept = append(kept, was)
	}
	if !ends {
		for _, m := range made {
			if i := slices.IndexFunc(kept, func(k link) bool { return same(k, m) }); i >= 0 {
				kept[i].native = m.native
			} else {
				kept = append(kept, m)
			}
		}
	}
	set.all = kept
}

// pointer makes of where a relation was found a place in the parameters.
func pointer(source string) string {
	if source == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(source, ".", "/")
}

// traffic makes links of the rules of a firewall.
func (h *hearing) traffic(props []model.Property, of func(string) bool) linked {
	set := linked{complete: true}
	for _, p := range props {
		kind, ok := strings.CutPrefix(p.Name, "network.")
		if !ok || kind != intent.Ingress && kind != intent.Egress || !of(kind) {
			continue
		}
		list, isList := p.Value.([]any)
		if !p.Known || !isList {
			set.complete = false
			continue
		}
		for _, rule := range list {
			r, ok := ruleOf(rule)
			if !ok {
				set.complete = false
				continue
			}
			k := link{kind: kind, cidr: r.CIDR, sure: yes, native: p.Native, all: r.From == nil || r.To == nil}
			if !k.all {
				k.ports = [2]int{*r.From, *r.To}
			}
			if r.CIDR == "" && r.Group != "" {
				urn := model.URN(r.Group)
				if canon, ok := h.s.Resolve(r.Group); ok {
					urn = canon
				}
				k.other = h.someone(urn)
			}
			set.all = append(set.all, k)
		}
	}
	return set
}

// fits tells whether the other end of a link is who a rule says. whole: all of a range
// of addresses has to be.
func (h *hearing) fits(b *plan, e *intent.End, k link, whole bool) truth {
	if e == nil {
		return yes
	}
	zone := b.Zones[e.Zone]
	if k.other == nil {
		if e.Zone == "" || len(e.Type)+len(e.Resource)+len(e.Tag)+len(e.In) > 0 || e.Owner != "" {
			return no
		}
		if k.cidr == "" {
			return unknown
		}
		return atLeastOne(zone.CIDRs, func(c string) truth {
			if whole {
				return inside(c, k.cidr)
			}
			return reaches(c, k.cidr)
		})
	}
	holds := h.is(k.other, e.Type, e.Resource, e.Tag, e.Owner, e.In)
	if e.Zone != "" && !zone.Holds() {
		return no
	}
	if e.Zone != "" {
		holds = and(holds, h.is(k.other, zone.Type, zone.Resource, zone.Tag, zone.Owner, zone.In))
	}
	return holds
}

// inside tells whether a range of addresses lies in another.
func inside(outer, cidr string) truth {
	got, err := netip.ParsePrefix(cidr)
	if err != nil {
		return unknown
	}
	if outer == intent.Internet {
		return reaches(outer, cidr)
	}
	want, err := netip.ParsePrefix(outer)
	if err != nil {
		return unknown
	}
	return truthOf(want.Bits() <= got.Bits() && want.Contains(got.Addr()))
}

// is tells whether a thing is all that is asked of it.
func (h *hearing) is(t *thing, kinds, names intent.Words, tags map[string]string, owner string, in intent.Words) truth {
	holds := yes
	if len(kinds) > 0 {
		if t.kind == "" {
			holds = and(holds, unknown)
		} else {
			holds = and(holds, truthOf(some(kinds, t.kind, intent.Match)))
		}
	}
	if len(names) > 0 {
		switch {
		case named(names, t, intent.Match, t.urn, t.canon):
		case t.unknown() && t.overlaps(folded(names)):
			holds = and(holds, unknown)
		default:
			holds = no
		}
	}
	for key, want := range tags {
		if got, ok := t.tags[key]; ok && intent.Match(want, got) {
			continue
		}
		if t.known {
			return no
		}
		holds = and(holds, unknown)
	}
	if owner != "" {
		switch {
		case t.owner != nil && t.owner.Name == owner && len(t.others) == 0:
		case t.rivals != nil || slices.Contains(t.others, owner) || t.owner != nil && t.owner.Name == owner:
			holds = and(holds, unknown)
		default:
			holds = no
		}
	}
	if len(in) > 0 {
		where := h.p.in(in)
		switch {
		case t.env != nil:
			holds = and(holds, truthOf(where.has(h.p.envs[t.env])))
		case slices.ContainsFunc(t.possible, func(e *intent.Environment) bool { return where.has(h.p.envs[e]) }):
			holds = and(holds, unknown)
		default:
			holds = no
		}
	}
	return holds
}

// and is yes if both are, and no as soon as one is.
func and(a, b truth) truth {
	if a == no || b == no {
		return no
	}
	return min(a, b)
}
