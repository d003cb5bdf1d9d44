package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// judged is what a topology rule makes of the connections of one thing.
type judged struct {
	offend []link   // those that are not as they should be
	unsure []string // those of which it cannot be told, and why
	short  int      // how many too few or too many there are
	told   string   // of short: how many there are
}

func (j judged) conforms() bool { return len(j.offend)+len(j.unsure) == 0 && j.short == 0 }

// text says what is wrong, in numbers and names.
func (j judged) text() string {
	var parts, names []string
	for _, k := range j.offend {
		names = append(names, k.name())
	}
	if len(names) > 0 {
		parts = append(parts, "there is "+join(names, 3))
	}
	if len(j.unsure) > 0 {
		parts = append(parts, "it cannot be told of "+join(j.unsure, 3))
	}
	if j.short != 0 {
		parts = append(parts, j.told)
	}
	return strings.Join(parts, "; ")
}

// repair says what to do in the call.
func (j judged) repair(r *intent.Topology) string {
	form, _, _, _ := r.Form()
	for _, k := range j.offend {
		if k.native != "" {
			return "change " + k.native + ", so that there is no " + k.name()
		}
	}
	switch {
	case len(j.offend) > 0:
		return "end " + j.offend[0].name() + " first"
	case len(j.unsure) > 0:
		return "let assent see what it is connected with (read it through assent, or have it collected)"
	case form == "count":
		return "connect it with as many as " + ruleText(r) + " says"
	}
	return "name in the call what it has to be connected with: " + ruleText(r)
}

// noWorseThan reports whether everything that is wrong was wrong before.
func (j judged) noWorseThan(was judged) bool {
	if was.conforms() || j.short > was.short {
		return false
	}
	for _, k := range j.offend {
		if !slices.ContainsFunc(was.offend, func(w link) bool { return w.name() == k.name() }) {
			return false
		}
	}
	return !slices.ContainsFunc(j.unsure, func(s string) bool { return !slices.Contains(was.unsure, s) })
}

// holds judges the connections of a thing by one rule.
func (h *hearing) holds(b *plan, r *intent.Topology, set linked, t *thing) judged {
	var j judged
	sort := func(k link, offends truth) {
		switch {
		case offends == yes && k.sure == yes:
			j.offend = append(j.offend, k)
		case offends != no:
			j.unsure = append(j.unsure, k.name())
		}
	}
	all := func(offends func(link) truth) {
		for _, k := range set.all {
			sort(k, offends(k))
		}
		if !set.complete {
			j.unsure = append(j.unsure, unseen)
		}
	}
	_, end, out, _ := r.Form()
	switch {
	case r.NoEdge != nil:
		all(func(k link) truth { return and(h.fits(b, end, k, false), k.on(r.NoEdge.Ports)) })
	case r.OnlyEdge != nil:
		all(func(k link) truth { return not(and(h.fits(b, end, k, true), k.onlyOn(r.OnlyEdge.Ports))) })
	case r.SameEnvironment != nil:
		all(func(k link) truth {
			if k.other.env == nil || t.env == nil {
				return unknown
			}
			return truthOf(k.other.env != t.env)
		})
	case r.SameOwner != nil:
		all(func(k link) truth {
			if k.other.owner == nil || t.owner == nil || len(k.other.others)+len(t.others) > 0 {
				return unknown
			}
			return truthOf(k.other.owner != t.owner)
		})
	case r.MustHaveEdge != nil:
		if !slices.ContainsFunc(set.all, func(k link) bool {
			return k.sure == yes && h.fits(b, end, k, true) == yes && k.onlyOn(r.MustHaveEdge.Ports) == yes
		}) {
			j.short, j.told = 1, "there surely is none"
		}
	case r.Count != nil:
		j = h.tally(b, r, set)
	case r.Spread != nil:
		j = h.spread(b, r, set)
	case r.NoPath != nil:
		h.paths(b, r, set, out, sort)
		if !set.complete {
			j.unsure = append(j.unsure, unseen)
		}
	}
	return j
}

// tally holds a number of connections against its bounds.
func (h *hearing) tally(b *plan, r *intent.Topology, set linked) (j judged) {
	_, end, _, _ := r.Form()
	surely, maybe := 0, 0
	for _, k := range set.all {
		switch fits := h.fits(b, end, k, false); {
		case fits == yes && k.sure == yes:
			surely++
		case fits != no:
			maybe++
		}
	}
	if most := r.Count.AtMost; most != nil {
		if j.short = max(0, surely+maybe-*most); !set.complete {
			j.unsure = append(j.unsure, unseen)
		}
	}
	if least := r.Count.AtLeast; least != nil {
		j.short = max(j.short, *least-surely)
	}
	j.told = fmt.Sprintf("there are %d", surely)
	if maybe > 0 {
		j.told += fmt.Sprintf(", and perhaps %d more", maybe)
	}
	return j
}

// spread counts the places of what a thing is surely connected with.
func (h *hearing) spread(b *plan, r *intent.Topology, set linked) (j judged) {
	var places []string
	for _, k := range set.all {
		if k.sure != yes || h.fits(b, r.Spread.To, k, false) != yes {
			continue
		}
		at := ""
		switch r.Spread.Over {
		case intent.OverResource:
			at = string(k.other.canon)
		case intent.OverRegion:
			at = k.other.place.Region
		case intent.OverAccount:
			at = k.other.place.Account + k.other.place.Cluster
		case intent.OverEnvironment:
			if k.other.env != nil {
				at = k.other.env.Name
			}
		}
		if at != "" && at != "*" && !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	j.short = max(0, *r.Spread.AtLeast-len(places))
	j.told = fmt.Sprintf("it is over %d", len(places))
	return j
}

// paths looks for whoever must not be reached, nearest first, and no further than
// through whom it may lead.
func (h *hearing) paths(b *plan, r *intent.Topology, set linked, out bool, found func(link, truth)) {
	_, end, _, kinds := r.Form()
	of := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	type step struct {
		link
		first link // the connection of the thing itself that leads there
		depth int
	}
	var queue []step
	for _, k := range set.all {
		queue = append(queue, step{k, k, 1})
	}
	seen := map[model.URN]bool{}
	for at := 0; at < len(queue); at++ {
		s := queue[at]
		if seen[s.other.canon] {
			continue
		}
		seen[s.other.canon] = true
		if fits := h.fits(b, end, s.link, false); fits != no {
			s.native = s.first.native
			s.sure = s.first.sure
			found(s.link, fits)
			continue
		}
		if r.NoPath.UnlessVia != nil && h.fits(b, r.NoPath.UnlessVia, s.link, false) == yes {
			continue
		}
		if s.depth == pathDepth || len(queue) > pathNodes {
			found(link{kind: "more than " + fmt.Sprint(pathDepth) + " steps beyond", other: s.first.other}, unknown)
			continue
		}
		near := h.near(s.other.canon, out)
		if !near.Complete {
			found(link{kind: "beyond", other: s.other}, unknown)
		}
		for _, k := range h.relations(near, of, out) {
			if !seen[k.other.canon] {
				queue = append(queue, step{k, s.first, s.depth + 1})
			}
		}
	}
}

// on tells whether a link is about some of these ports.
func (k link) on(ports []int) truth {
	return truthOf(len(ports) == 0 || k.all || slices.ContainsFunc(ports, func(p int) bool { return p >= k.ports[0] && p <= k.ports[1] }))
}

// onlyOn tells whether a link is about these ports alone.
func (k link) onlyOn(ports []int) truth {
	if len(ports) == 0 {
		return yes
	}
	if k.all || k.ports[1]-k.ports[0] >= len(ports) {
		return no
	}
	for p := k.ports[0]; p <= k.ports[1]; p++ {
		if !slices.Contains(ports, p) {
			return no
		}
	}
	return yes
}

func not(t truth) truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// ruleText writes a rule on one line.
func ruleText(r *intent.Topology) string {
	form, end, out, kinds := r.Form()
	text := form
	if len(kinds) > 0 {
		text += " " + strings.Join(kinds, ", ")
	}
	if end != nil {
		text += map[bool]string{true: " to ", false: " from "}[out] + endText(end)
	}
	if e := r.NoPath; e != nil && e.UnlessVia != nil {
		text += " unless via " + endText(e.UnlessVia)
	}
	for _, e := range []*intent.Edge{r.NoEdge, r.OnlyEdge, r.MustHaveEdge} {
		if e != nil && len(e.Ports) > 0 {
			text += " on " + strings.Trim(strings.ReplaceAll(fmt.Sprint(e.Ports), " ", ", "), "[]")
		}
	}
	if c := r.Count; c != nil && c.AtMost != nil {
		text += fmt.Sprintf(" at most %d", *c.AtMost)
	}
	if c := r.Count; c != nil && c.AtLeast != nil {
		text += fmt.Sprintf(" at least %d", *c.AtLeast)
	}
	if s := r.Spread; s != nil {
		text += fmt.Sprintf(" over at least %d of: %s", *s.AtLeast, s.Over)
	}
	return text
}

func endText(e *intent.End) string {
	var parts []string
	add := func(what string, words ...string) {
		if len(words) > 0 && words[0] != "" {
			parts = append(parts, what+" "+strings.Join(words, " or "))
		}
	}
	add("zone", e.Zone)
	add("type", e.Type...)
	add("resource", e.Resource...)
	for _, k := range slices.Sorted(maps.Keys(e.Tag)) {
		add("tag", k+"="+e.Tag[k])
	}
	add("owner", e.Owner)
	add("in", e.In...)
	if len(parts) == 0 {
		return "anything"
	}
	return strings.Join(parts, ", ")
}
