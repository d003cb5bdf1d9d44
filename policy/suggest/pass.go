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

// apart reports whether a part of a call is a right that a person has to give by
// hand: to hand a role to a service, or a script to a machine.
func apart(part, whole model.Action) bool {
	return part.Capability == passRole || part.Verb == model.Execute && whole.Verb != model.Execute && len(whole.Parts) > 0
}

// pass is one such right of one actor, by one call.
type pass struct{ actor, resource, kind, verb, capability, operation, by, env string }

// pass sets a right apart.
func (d *draft) pass(a model.Action, decision policy.Decision) {
	var said struct{ PassedBy string }
	_ = json.Unmarshal(a.Params, &said) // what is not said is not there, and shown as such
	if said.PassedBy == "" {
		said.PassedBy = a.Name()
	}
	for _, t := range targets(a) {
		env := environment
		if account(a, string(t.URN)) == strings.Trim(a.Account, "*") {
			env = d.place(a, string(t.URN)) // so that the clause holds once it is uncommented
		}
		key := pass{decision.Action.Actor.ID, string(t.URN), t.Type, string(a.Verb), a.Capability, a.Name(), said.PassedBy, env}
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

// setApart writes those clauses, commented.
func (d *draft) setApart(p printer, names map[string]string) {
	all := make([]pass, 0, len(d.passes))
	for key := range d.passes {
		all = append(all, key)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.actor+"\n"+a.operation+"\n"+a.resource+"\n"+a.by < b.actor+"\n"+b.operation+"\n"+b.resource+"\n"+b.by
	})
	taken := map[string]bool{}
	for _, key := range all {
		seen := d.passes[key]
		service, _, _ := strings.Cut(key.by, ":")
		evidence := keys(seen.resources)
		id := names[key.actor] + "-pass-" + key.resource[strings.LastIndexByte(key.resource, '/')+1:] + "-to-" + service
		if key.capability == passRole {
			p("    # To decide by hand: %s hands this role to %s, and can then do whatever the role may.", line(key.actor), line(service))
		} else {
			p("    # To decide by hand: %s says what the machine runs, whatever it is.", line(key.actor))
			id = names[key.actor] + "-runs-" + key.capability
		}
		p("    # Seen %d times, by %s%s. To allow it, uncomment these lines:", seen.calls, line(key.by), shown(evidence))
		if key.capability == passRole && strings.Contains(key.resource, "*") {
			p("    #   which role it is was not in the call: name it first, instead of %s", line(key.resource))
		}
		for _, text := range []string{
			"- id: " + unused(name(id), taken),
			"  who: [" + names[key.actor] + "]",
			"  may: [" + key.verb + "]",
			"  what: {capability: [" + quote(key.capability) + "], operation: [" + quote(key.operation) + "], type: [" + quote(key.kind) + "], resource: [" + quote(key.resource) + "]}",
			"  in: [" + key.env + "]",
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
