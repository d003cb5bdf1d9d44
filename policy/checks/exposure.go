package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

const (
	// exposedBound ends the search for what becomes reachable, and is all that is
	// recorded of it; past it an action is over any limit that a person would write.
	exposedBound = radius.Looked
	// letInKept bounds how many of those who are let in are named.
	letInKept = 8
)

// exposure finds what the action makes reachable, and by whom.
func (h *hearing) exposure() {
	doors := radius.Opens(h.d.Action)
	for _, urns := range [][]model.URN{doors.Widened, doors.Ways, doors.Named} {
		for i, urn := range urns {
			urns[i] = canon(urn, h.s)
		}
	}
	found := radius.Exposed(h.s, doors, radius.Budget{Nodes: exposedBound})
	if found.Empty() {
		return
	}
	if h.opening() {
		h.fit(found)
	}
	x := &policy.Exposure{By: []string{}, Opened: len(found.Opened), Reachable: len(found.Reachable), Complete: found.Complete}
	for _, l := range h.leaves {
		h.letIn(x, l)
	}
	x.By = x.By[:min(len(x.By), letInKept)]
	owners := map[string]bool{}
	for _, hop := range found.Opened {
		res, ok := h.s.Resource(hop.URN)
		if !ok {
			continue
		}
		t := h.dependent(hop, &res)
		if t.owner != nil {
			owners[t.owner.Name] = true
		}
		if t.env != nil && t.env.Tier == tierProduction {
			x.Production++
		}
	}
	for name := range owners {
		x.Owners = append(x.Owners, name)
	}
	sort.Strings(x.Owners)
	x.Owners = x.Owners[:min(len(x.Owners), ownersKept)]
	for _, hop := range slices.Concat(found.Opened, found.Reachable) {
		if len(x.Sample) < policy.RadiusSample {
			x.Sample = append(x.Sample, hop)
		}
	}
	h.d.Exposure = x
	if len(x.By) > 0 && x.Opened+x.Reachable > 0 {
		h.add(7, policy.Finding{
			Code: CodeExposes, Title: "it makes others reachable", Verdict: policy.Allow,
			Why:    h.reachable(),
			Repair: "let in only who has to be; limits: {exposed: 0} in the clause refuses such a change",
		})
	}
}

// letIn adds who is let in by what a change says.
func (h *hearing) letIn(x *policy.Exposure, l *leaf) {
	say := func(who string) {
		if !slices.Contains(x.By, who) {
			x.By = append(x.By, who)
		}
	}
	all := func(who string) {
		x.Public = true
		say(who)
	}
	for _, p := range l.Props {
		switch p.Name {
		case "network.ingress":
			if !p.Known {
				say("somebody that cannot be told")
				continue
			}
			list, _ := p.Value.([]any)
			for _, rule := range list {
				h.letInBy(rule, l, say, all)
			}
		case radius.Public, "access.anonymous", "access.publicRead", "access.publicWrite":
			if p.Known && p.Value == true {
				all(map[string]string{radius.Public: "the internet", "access.anonymous": "anybody, without being known",
					"access.publicRead": "everybody, to read", "access.publicWrite": "everybody, to write"}[p.Name])
			} else if !p.Known {
				say("somebody that cannot be told")
			}
		case "access.crossAccount":
			if !p.Known {
				say("somebody that cannot be told")
				continue
			}
			list, isList := p.Value.([]any)
			if !isList && p.Value != nil {
				list = []any{p.Value}
			}
			for _, who := range list {
				say("another account: " + text(who))
			}
		}
	}
}

// letInBy adds whom one rule of a firewall lets in: the internet, a range, or a group,
// with whose it is and where, if that is another than what it opens.
func (h *hearing) letInBy(rule any, l *leaf, say, all func(string)) {
	var r struct {
		CIDR, Group, PrefixList, Proto string
		From, To                       *int
	}
	data, err := json.Marshal(rule)
	if err != nil || json.Unmarshal(data, &r) != nil {
		say("somebody that cannot be told")
		return
	}
	ports := ""
	if r.From != nil && r.To != nil && *r.From >= 0 {
		if ports = fmt.Sprintf(" on port %d", *r.From); *r.To != *r.From {
			ports = fmt.Sprintf(" on ports %d to %d", *r.From, *r.To)
		}
	}
	switch {
	case r.CIDR != "" && reaches(intent.Internet, r.CIDR) != no:
		all("the internet (" + r.CIDR + ")" + ports)
	case r.CIDR != "":
		say(r.CIDR + ports)
	case r.Group != "":
		say(h.group(r.Group, l) + ports)
	case r.PrefixList != "":
		say("prefix list " + r.PrefixList + ports)
	default:
		say("somebody that cannot be told" + ports)
	}
}

// group says which group is let in, and whose.
func (h *hearing) group(id string, l *leaf) string {
	urn, ok := h.s.Resolve(id)
	if !ok {
		return id
	}
	res, ok := h.s.Resource(urn)
	if !ok {
		return id
	}
	t := h.dependent(model.Hop{URN: urn, Type: res.Type}, &res)
	said := name(urn)
	if len(l.changed) == 0 {
		return said
	}
	own := l.changed[0]
	if t.owner != nil && own.owner != t.owner {
		said += " of " + t.owner.Name
	}
	if t.env != nil && own.env != t.env {
		said += " in " + t.env.Name
	}
	if own.place.Account != "" && t.place.Account != "" && own.place.Account != "*" && own.place.Account != t.place.Account {
		said += " of account " + t.place.Account
	}
	return said
}

// reachable says who can reach how many, which they are, and whose.
func (h *hearing) reachable() string {
	x := h.d.Exposure
	who := join(x.By, 4)
	if who == "" {
		who = "whoever it lets in"
	}
	text := who + " can reach " + count(x.Opened, "resource")
	if !x.Complete {
		text = who + " can reach at least " + count(x.Opened, "resource")
		if x.Opened == 0 {
			text = who + " can reach what is not known"
		}
	}
	if x.Reachable > 0 {
		text += fmt.Sprintf(", and from there %d more", x.Reachable)
	}
	var names []string
	for _, hop := range x.Sample {
		label := name(hop.URN)
		if hop.Type != "" {
			label += " (" + hop.Type + ")"
		}
		names = append(names, label)
	}
	if len(names) > 0 {
		text += ": " + strings.Join(names, ", ")
	}
	if len(x.Owners) > 0 {
		text += "; owners: " + strings.Join(x.Owners, ", ")
	}
	return text
}

// exposedWithin reports whether no more becomes reachable than a clause allows.
func (h *hearing) exposedWithin(limit *int) bool {
	x := h.d.Exposure
	return limit == nil || x == nil || x.Complete && x.Opened <= *limit
}

func (h *hearing) exposedFinding(g *grant) policy.Finding {
	repair := "let in fewer, or ask " + h.ask() + " to raise limits.exposed"
	if x := h.d.Exposure; !x.Complete && x.Opened <= *g.Limits.Exposed {
		repair = "let what it opens be read first (get, describe or list it through assent), then ask again"
	}
	return policy.Finding{
		Code: CodeExposed, Title: "too much becomes reachable", Verdict: policy.Deny,
		Why:    fmt.Sprintf("%s; %s allows %d", h.reachable(), g.name, *g.Limits.Exposed),
		Repair: repair, Source: at(g.name, g.Pos),
	}
}
