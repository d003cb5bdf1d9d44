package intent

import (
	"strings"
	"testing"
)

const blueprints = `apiVersion: assent.dev/v1
kind: Owner
metadata: {name: security}
spec: {accountable: "human:noor@shop.example", members: ["human:lee@shop.example"]}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: rules, owner: security}
spec:
  purpose: What nobody does.
  never:
    - {id: no-exec, may: [execute]}
    - {id: no-delete, may: [delete], waivable: false}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: data-store, owner: security}
spec:
  purpose: Any store of data.
  for: {capability: ["database.*"]}
  require: {encryption.atRest: true, backup.retentionDays: {min: 7}}
  forbid: {network.ingress: [{from: internet, ports: [22]}]}
  waivable: {by: "owner:security", maxDays: 10}
---
apiVersion: assent.dev/v1
kind: Exception
metadata: {name: old}
spec:
  waives: {blueprint: data-store, require: [encryption.atRest]}
  for: {resource: "arn:*"}
  reason: It moves.
  from: "2026-09-01"
  until: "2026-09-10"
  approvedBy: human:lee@shop.example
`

func TestBlueprintsAndExceptionsAreReadStrictly(t *testing.T) {
	if _, err := Parse("x.yaml", []byte(blueprints)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a property that does not exist", "encryption.atRest: true", "encryption.atrest: true", "did you mean encryption.atRest"},
		{"a word for a truth", "encryption.atRest: true", "encryption.atRest: yes please", "true, false or known"},
		{"a bound on a truth", "encryption.atRest: true", "encryption.atRest: {min: 1}", "has no min"},
		{"a word for a number", "{min: 7}", "{min: seven}", "a whole number"},
		{"a place that is none", "from: internet", "from: interweb", "a CIDR"},
		{"a port that is none", "ports: [22]", "ports: [ssh]", "0 to 65535"},
		{"a property given twice", "backup.retentionDays: {min: 7}", "encryption.atRest: false", "twice"},
		{"no requirement", "require: {encryption.atRest: true, backup.retentionDays: {min: 7}}\n  forbid: {network.ingress: [{from: internet, ports: [22]}]}", "controls: [x]", "asks for nothing"},
		{"an exception for too long", `until: "2026-09-10"`, `until: "2026-09-11"`, "longer than the 10 days"},
		{"an exception that ends first", `until: "2026-09-10"`, `until: "2026-08-10"`, "before it begins"},
		{"a day that is none", `until: "2026-09-10"`, `until: "2026-09-31"`, "a day"},
		{"an exception by a stranger", "approvedBy: human:lee@", "approvedBy: human:eve@", "not of security"},
		{"an exception by nobody", "approvedBy: human:lee@shop.example", "approvedBy: lee", "one person"},
		{"an exception from what is not asked", "require: [encryption.atRest]", "require: [network.public]", "does not require network.public"},
		{"an exception from nothing", ", require: [encryption.atRest]", "", "waives nothing"},
		{"an exception from no blueprint", "waives: {blueprint: data-store", "waives: {blueprint: data-stores", "did you mean data-store"},
		{"an exception from no clause", "waives: {blueprint: data-store, require: [encryption.atRest]}", "waives: {never: rules/no-exex}", "no never clause"},
		{"an exception that cannot be", "waives: {blueprint: data-store, require: [encryption.atRest]}", "waives: {never: rules/no-delete}", "waivable: false"},
		{"an exception from two things", "waives: {blueprint: data-store,", "waives: {never: rules/no-exec, blueprint: data-store,", "exactly one"},
		{"no end", `  until: "2026-09-10"` + "\n", "", "needs until"},
	} {
		text := strings.Replace(blueprints, c.old, c.new, 1)
		if text == blueprints {
			t.Errorf("%s: nothing was changed", c.name)
		}
		if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		}
	}
}

func TestTopologyIsReadStrictly(t *testing.T) {
	text := strings.Replace(blueprints, "  waivable: {by", `  zones:
    internet: {cidrs: [internet]}
    pci: {tag: {zone: pci}}
  topology:
    - {id: ssh, noEdge: {from: {zone: internet}, edges: [ingress], ports: [22]}}
    - {id: cards, noPath: {to: {zone: pci}, edges: [reads], unlessVia: {type: "lambda:function"}}}
    - {id: two, spread: {edges: [contains], over: resource, atLeast: 2}}
  ratchet: true
  waivable: {by`, 1)
	set, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if b := set.Blueprints[0]; len(b.Topology) != 3 || len(b.Zones) != 2 || b.Topology[0].NoEdge.Ports[0] != 22 {
		t.Errorf("%+v", b)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no id", "{id: ssh, noEdge", "{noEdge", "needs id"},
		{"an id given twice", "id: cards", "id: ssh", "two topology rules ssh"},
		{"two forms", "id: ssh, ", "id: ssh, sameOwner: {edges: [reads]}, ", "2 forms"},
		{"no form", "id: two, spread: {edges: [contains], over: resource, atLeast: 2}", "id: two", "0 forms"},
		{"two ends", "noPath: {to", "noPath: {from: {zone: pci}, to", "two ends"},
		{"no end", "to: {zone: pci}, edges: [reads]", "edges: [reads]", "no ends"},
		{"an edge that is none", "edges: [reads]", "edges: [read]", "did you mean reads"},
		{"traffic and relations", "edges: [ingress]", "edges: [ingress, reads]", "not mixed"},
		{"traffic the other way", "from: {zone: internet}", "to: {zone: internet}", "does not go that way"},
		{"ports of a relation", "edges: [ingress], ports", "edges: [reads], ports", "only the rules of firewalls"},
		{"a port that is none", "edges: [ingress], ports: [22]", "edges: [ingress], ports: [70000]", "no port"},
		{"a path over rules", "to: {zone: pci}, edges: [reads]", "from: {zone: pci}, edges: [ingress]", "paths lead over relations"},
		{"a zone that is not there", "to: {zone: pci}", "to: {zone: pcy}", "did you mean pci"},
		{"a zone of addresses for resources", "to: {zone: pci}", "to: {zone: internet}", "addresses alone"},
		{"a zone of nothing", "pci: {tag: {zone: pci}}", "pci: {cidrs: [x]}", "no range of addresses"},
		{"a zone twice", "    pci: {tag", "    internet: {tag", "twice"},
		{"over nothing", "over: resource", "over: planet", "cannot be"},
		{"a field that is none", "unlessVia", "unlesVia", "did you mean unlessVia"},
		{"an exception from no rule", "require: [encryption.atRest]}\n  for", "topology: [ssj]}\n  for", "no topology rule ssj"},
	} {
		changed := strings.Replace(text, c.old, c.new, 1)
		if changed == text {
			t.Errorf("%s: nothing was changed", c.name)
		}
		if _, err := Parse("x.yaml", []byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", c.name, err, c.want)
		}
	}
}
