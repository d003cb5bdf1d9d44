package suggest

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// passRole is the capability of handing a role to a service.
const passRole = "identity.passRole"

// maxEvidence bounds the decisions that a commented clause names.
const maxEvidence = 3

// pass is one role that one actor hands over by one call.
type pass struct{ actor, role, kind, by string }

// pass sets a role that is handed over apart.
func (d *draft) pass(a model.Action, decision policy.Decision) {
	var said struct{ PassedBy string }
	_ = json.Unmarshal(a.Params, &said) // what is not said is not there, and shown as such
	if said.PassedBy == "" {
		said.PassedBy = "a call"
	}
	for _, t := range targets(a) {
		if account(a, string(t.URN)) == strings.Trim(a.Account, "*") {
			d.place(a, string(t.URN)) // so that the clause holds once it is uncommented
		}
		key := pass{decision.Action.Actor.ID, string(t.URN), t.Type, said.PassedBy}
		g := d.passes[key]
		if g == nil {
			g = &drafted{resources: map[string]bool{}}
			d.passes[key] = g
		}
		g.calls++
		if decision.ID != "" {
			g.resources[decision.ID] = true
		}
	}
}

// setApart writes the clauses that hand roles over, commented.
func (d *draft) setApart(p printer, names map[string]string) {
	all := make([]pass, 0, len(d.passes))
	for key := range d.passes {
		all = append(all, key)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.actor+"\n"+a.role+"\n"+a.by < b.actor+"\n"+b.role+"\n"+b.by
	})
	taken := map[string]bool{}
	for _, key := range all {
		seen := d.passes[key]
		service, _, _ := strings.Cut(key.by, ":")
		evidence := keys(seen.resources)
		p("    # To decide by hand: %s hands this role to %s, and can then do whatever the role may.", line(key.actor), line(service))
		p("    # Seen %d times, by %s%s. To allow it, uncomment these lines:", seen.calls, line(key.by), shown(evidence))
		if strings.Contains(key.role, "*") {
			p("    #   which role it is was not in the call: name it first, instead of %s", line(key.role))
		}
		id := unused(name(names[key.actor]+"-pass-"+key.role[strings.LastIndexByte(key.role, '/')+1:]+"-to-"+service), taken)
		for _, text := range []string{
			"- id: " + id,
			"  who: [" + names[key.actor] + "]",
			"  may: [grant]",
			"  what: {capability: [" + passRole + "], operation: [\"iam:PassRole\"], type: [" + quote(key.kind) + "], resource: [" + quote(key.role) + "]}",
			"  in: [" + environment + "]",
		} {
			p("    #%s", text)
		}
	}
}

// shown names the first decisions as evidence.
func shown(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	more := ""
	if len(ids) > maxEvidence {
		ids, more = ids[:maxEvidence], ", …"
	}
	return " (" + line(strings.Join(ids, ", ")) + more + ")"
}
