package checks

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

const plans = `    - {id: make, who: [bot], may: [create, update, delete], what: {capability: ["*"]}, in: [prod]}
  never:
    - {id: no-exec, may: [execute]}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: data-store, owner: checkout}
spec:
  purpose: Any store of customer data, on any platform.
  for: {capability: ["database.*", storage.bucket], in: ["tier:production"]}
  require:
    encryption.atRest: true
    backup.retentionDays: {min: 7}
    tls.minVersion: {min: "1.2"}
  forbid:
    network.public: true
    access.crossAccount: any
    network.ingress: [{from: internet, ports: [22, 3389]}, {from: 10.9.0.0/16}]
---
apiVersion: assent.dev/v1
kind: Exception
metadata: {name: old-search}
spec:
  waives: {blueprint: data-store, require: [encryption.atRest]}
  for: {resource: "arn:aws:rds:us-east-1:123456789012:db:legacy-*"}
  reason: It moves, SRCH-812.
  from: "1970-01-01"
  until: "1970-01-20"
  approvedBy: human:dana@shop.example
`

func database(verb model.Verb, name string, props ...model.Property) model.Action {
	return model.Action{
		Actor: model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}, Platform: "aws", Service: "rds", Operation: "CreateDBInstance",
		Verb: verb, Capability: "database.relational", Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact, Props: props,
		Targets: []model.Target{{URN: model.URN("arn:aws:rds:us-east-1:123456789012:db:" + name), Type: "rds:db", Role: model.RoleCreated}},
	}
}

func is1(name string, value any) model.Property {
	return model.Property{Name: name, Value: value, Known: true, Source: "request", Native: "/X"}
}

func not1(name string) model.Property {
	return model.Property{Name: name, Source: "request", Native: "/X"}
}

func rule(cidr string, from, to int) model.Property {
	return is1("network.ingress", []any{map[string]any{"cidr": cidr, "from": from, "to": to, "proto": "tcp"}})
}

func TestBlueprints(t *testing.T) {
	p := compile(t, base+plans)
	for name, c := range map[string]struct {
		props []model.Property
		want  string // what the violation says; empty: it conforms
	}{
		"nothing said":                {nil, ""},
		"as required":                 {[]model.Property{is1("encryption.atRest", true), is1("backup.retentionDays", json.Number("7")), is1("tls.minVersion", "1.3")}, ""},
		"not encrypted":               {[]model.Property{is1("encryption.atRest", false)}, "data-store requires encryption.atRest: true, and it is false (/X); create arn:aws:rds:us-east-1:123456789012:db:shop (rds:CreateDBInstance)"},
		"not encrypted by default":    {[]model.Property{{Name: "encryption.atRest", Value: false, Known: true, Source: "default"}}, "it is false by default"},
		"encryption cannot be told":   {[]model.Property{not1("encryption.atRest")}, "it cannot be told (/X)"},
		"one of two cannot be told":   {[]model.Property{is1("encryption.atRest", true), not1("encryption.atRest")}, "it cannot be told"},
		"backups for too short":       {[]model.Property{is1("backup.retentionDays", json.Number("6"))}, "it is 6"},
		"an old TLS":                  {[]model.Property{is1("tls.minVersion", "1.1")}, "it is 1.1"},
		"a TLS that nobody knows":     {[]model.Property{is1("tls.minVersion", "ssl")}, "tls.minVersion"},
		"public":                      {[]model.Property{is1("network.public", true)}, "forbids network.public: true"},
		"whether public is not known": {[]model.Property{not1("network.public")}, "it cannot be told"},
		"not public":                  {[]model.Property{is1("network.public", false)}, ""},
		"for another account":         {[]model.Property{is1("access.crossAccount", []any{"111111111111"})}, "forbids access.crossAccount: any"},
		"for nobody":                  {[]model.Property{is1("access.crossAccount", []any{})}, ""},
		"SSH from everywhere":         {[]model.Property{rule("0.0.0.0/0", 20, 30)}, "forbids network.ingress: {from: internet, ports: [22, 3389]}"},
		"HTTPS from everywhere":       {[]model.Property{rule("0.0.0.0/0", 443, 443)}, "forbids network.ingress: {from: 10.9.0.0/16}"},
		"HTTPS from a public address": {[]model.Property{rule("198.51.100.0/24", 443, 443)}, ""},
		"SSH from a private network":  {[]model.Property{rule("10.1.0.0/16", 22, 22)}, ""},
		"SSH from the wrong network":  {[]model.Property{rule("10.9.8.0/24", 22, 22)}, "forbids network.ingress: {from: 10.9.0.0/16}"},
		"everything from a list":      {[]model.Property{is1("network.ingress", []any{map[string]any{"prefixList": "pl-1"}})}, "network.ingress"},
		"SSH from a group":            {[]model.Property{is1("network.ingress", []any{map[string]any{"group": "sg-1", "from": 22, "to": 22}})}, ""},
		"all ports to IPv6":           {[]model.Property{is1("network.ingress", []any{map[string]any{"cidr": "::/0"}})}, "from: internet"},
	} {
		t.Run(name, func(t *testing.T) {
			d := judge(t, p, database(model.Create, "shop", c.props...), shop)
			first, _ := d.First()
			if c.want == "" {
				if d.Verdict != policy.Allow {
					t.Errorf("%s: %+v", d.Verdict, d.Findings)
				}
				return
			}
			all, _ := json.Marshal(d.Findings)
			if d.Verdict != policy.Deny || first.Code != CodeBlueprint || !strings.Contains(string(all), c.want) || !strings.Contains(first.Source, "shop.yaml:") {
				t.Errorf("%s: %s", d.Verdict, all)
			}
		})
	}
}

func TestABlueprintIsForItsKindAndPlace(t *testing.T) {
	public := is1("network.public", true)
	machine := terminate(func(a *model.Action) { a.Verb, a.Props = model.Update, []model.Property{public} })
	if d := judge(t, compile(t, base+plans), machine, shop); d.Verdict != policy.Allow {
		t.Errorf("a machine is held to what data stores are: %+v", d.Findings)
	}
	sandbox := strings.Replace(base, "tier: production", "tier: sandbox", 1)
	if d := judge(t, compile(t, sandbox+plans), database(model.Create, "x", public), shop); d.Verdict != policy.Allow {
		t.Errorf("a sandbox is held to what production is: %+v", d.Findings)
	}
	warns := strings.Replace(plans, "  require:\n", "  onViolation: warn\n  require:\n", 1)
	if d := judge(t, compile(t, base+warns), database(model.Create, "x", public), shop); d.Verdict != policy.Allow || codes(d) != CodeBlueprint {
		t.Errorf("%s %s", d.Verdict, codes(d))
	}
}

// An exception waives and never grants, for what it names, while it holds.
func TestExceptionsWaive(t *testing.T) {
	plain := is1("encryption.atRest", false)
	at := func(text string, a model.Action, day int) policy.Decision {
		d := policy.Decision{ID: "dec_1", At: time.Date(1970, 1, day, 23, 0, 0, 0, time.UTC), Action: a}
		if err := compile(t, text).Judge(t.Context(), &d, shop); err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := at(base+plans, database(model.Create, "legacy-1", plain), 20); d.Verdict != policy.Allow || codes(d) != CodeWaived {
		t.Errorf("%s %s", d.Verdict, codes(d))
	}
	for name, d := range map[string]policy.Decision{
		"another resource":  at(base+plans, database(model.Create, "shop", plain), 20),
		"the day after":     at(base+plans, database(model.Create, "legacy-1", plain), 21),
		"another property":  at(base+plans, database(model.Create, "legacy-1", is1("network.public", true)), 20),
		"an unknown name":   at(base+plans, database(model.Create, "*", plain), 20),
		"without a grant":   at(strings.Replace(base+plans, "who: [bot]", "who: [ana]", 1), database(model.Create, "legacy-1", plain), 20),
		"for somebody else": at(strings.Replace(base+plans, "legacy-*\"}", "legacy-*\", who: [ana]}", 1), database(model.Create, "legacy-1", plain), 20),
	} {
		if d.Verdict != policy.Deny {
			t.Errorf("%s: %s", name, d.Verdict)
		}
	}
	never := strings.NewReplacer("waives: {blueprint: data-store, require: [encryption.atRest]}", "waives: {never: chores/no-exec}", "dana", "ines", "may: [create,", "may: [execute, create,").Replace(plans)
	if d := at(base+never, database(model.Execute, "legacy-1"), 20); d.Verdict != policy.Allow || codes(d) != CodeWaived {
		t.Errorf("%s %+v", d.Verdict, d.Findings)
	}
	if d := at(base+never, database(model.Execute, "shop"), 20); d.Verdict != policy.Deny {
		t.Errorf("a never clause is lifted for everything: %+v", d.Findings)
	}
}

func TestAClauseMayAskWhatAChangeMakesTrue(t *testing.T) {
	must := `    - {id: spot, who: [bot], may: [create, update], in: [prod], must: {compute.spot: true, identity.runsAs: {in: ["*:role/lab-*"]}, scale.max: {max: 4}}}
`
	p := compile(t, base+must)
	role := is1("identity.runsAs", []any{"arn:aws:iam::123456789012:role/lab-1"})
	for name, c := range map[string]struct {
		verb  model.Verb
		props []model.Property
		unmet string
	}{
		"all of it":                {model.Create, []model.Property{is1("compute.spot", true), role, is1("scale.max", 4)}, ""},
		"too many":                 {model.Create, []model.Property{is1("compute.spot", true), role, is1("scale.max", 5)}, "must.scale.max"},
		"another role":             {model.Create, []model.Property{is1("compute.spot", true), is1("identity.runsAs", []any{"arn:aws:iam::123456789012:role/admin"}), is1("scale.max", 1)}, "must.identity.runsAs"},
		"two roles, one of them":   {model.Create, []model.Property{is1("compute.spot", true), is1("identity.runsAs", []any{"arn:aws:iam::123456789012:role/lab-1", "arn:aws:iam::123456789012:role/admin"}), is1("scale.max", 1)}, "must.identity.runsAs"},
		"not said of what is made": {model.Create, []model.Property{role, is1("scale.max", 1)}, "must.compute.spot"},
		"not said of what exists":  {model.Update, []model.Property{is1("scale.max", 1)}, ""},
		"it cannot be told":        {model.Update, []model.Property{not1("scale.max")}, "must.scale.max"},
	} {
		d := judge(t, p, database(c.verb, "x", c.props...), shop)
		first, _ := d.First()
		if (d.Verdict == policy.Allow) != (c.unmet == "") || c.unmet != "" && !strings.Contains(first.Why, c.unmet) {
			t.Errorf("%s: %s, %s", name, d.Verdict, first.Why)
		}
	}
}

func TestConditionsAreWrittenAsTheyAreDeclared(t *testing.T) {
	for _, text := range []string{"encryption.atRest: true", "owner: known", "access.crossAccount: any", `backup.retentionDays: {min: 7, max: 9}`,
		"location.region: {in: [eu-west-1, eu-central-1]}", "network.ingress: {from: internet, ports: [22, 3389]}", "container.hostPaths: {has: [/var/run/*]}"} {
		set, err := intent.Parse("x.yaml", []byte("apiVersion: assent.dev/v1\nkind: Blueprint\nmetadata: {name: x}\nspec:\n  purpose: x\n  for: {}\n  forbid:\n    "+text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := set.Blueprints[0].Forbid[0].String(); got != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
}
