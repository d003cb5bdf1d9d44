package checks

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// estate is a model in a few lines: resources, and who depends on whom.
type estate struct {
	resources map[model.URN]model.Resource
	needs     map[model.URN][]model.URN // dependency → dependents
	cut       bool
}

func (e estate) Version() model.Version { return model.Version{Rev: 1, Digest: "sha256:1"} }
func (e estate) Resource(u model.URN) (model.Resource, bool) {
	r, ok := e.resources[u]
	return r, ok
}
func (e estate) Resolve(id string) (model.URN, bool) {
	for u, r := range e.resources {
		if string(u) == id || slices.Contains(r.Aliases, id) {
			return u, true
		}
	}
	return "", false
}
func (e estate) Dependents(of []model.URN, limit int) model.Reach {
	r := model.Reach{Complete: !e.cut}
	for _, u := range of {
		for _, d := range e.needs[u] {
			r.Hops = append(r.Hops, model.Hop{URN: d, Type: e.resources[d].Type, Depth: 1, Via: u, Relation: model.References})
		}
	}
	return r
}
func (e estate) Dependencies(model.URN) []model.Relation { return nil }
func (e estate) Each(func(model.Resource) bool)          {}

const (
	machine = model.URN("arn:aws:ec2:us-east-1:123456789012:instance/i-0abcdef")
	volume  = model.URN("arn:aws:ec2:us-east-1:123456789012:volume/vol-0abc")
)

var shop = estate{
	resources: map[model.URN]model.Resource{
		machine: {URN: machine, Platform: "aws", Type: "ec2:instance", Account: "123456789012", Region: "us-east-1",
			Tags: map[string]string{"team": "checkout"}, Aliases: []string{"i-0abcdef"}},
		volume: {URN: volume, Platform: "aws", Type: "ec2:volume", Account: "123456789012", Region: "us-east-1"},
	},
	needs: map[model.URN][]model.URN{machine: {volume}},
}

const base = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec:
  tier: production
  scope:
    - {aws: {accounts: ["123456789012"], regions: [us-east-1]}}
    - {kubernetes: {clusters: [shop], namespaces: [web]}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", contact: {slack: "#platform"}, owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: checkout}
spec: {accountable: "human:dana@shop.example", owns: [{tag: {team: checkout}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: ana}
spec: {kind: human, identify: [{run: ana}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: chores, owner: platform}
spec:
  purpose: Chores.
  allow:
`

func compile(t testing.TB, text string) *Program {
	t.Helper()
	set, err := intent.Parse("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func judge(t testing.TB, p *Program, a model.Action, s model.Snapshot) policy.Decision {
	t.Helper()
	d := policy.Decision{ID: "dec_1", At: time.Unix(1, 0).UTC(), Action: a}
	if err := p.Judge(context.Background(), &d, s); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Findings {
		if f.Code == "" || f.Title == "" || f.Why == "" || f.Repair == "" {
			t.Errorf("a finding lacks something: %+v", f)
		}
	}
	if d.Verdict != policy.Allow && len(d.Findings) == 0 {
		t.Errorf("%s without a reason", d.Verdict)
	}
	if d.Verdict == policy.Allow && d.Grant == "" {
		t.Error("allowed by nobody")
	}
	return d
}

// terminate is an action that a test changes a little.
func terminate(change ...func(*model.Action)) model.Action {
	a := model.Action{
		Actor: model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}, Platform: "aws", Service: "ec2", Operation: "TerminateInstances",
		Verb: model.Delete, Capability: "compute.instance", Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact,
		Targets: []model.Target{{URN: machine, Type: "ec2:instance", Role: model.RoleTarget}},
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func target(urn model.URN, role string) func(*model.Action) {
	return func(a *model.Action) { a.Targets = []model.Target{{URN: urn, Type: "ec2:instance", Role: role}} }
}

func codes(d policy.Decision) string {
	var out []string
	for _, f := range d.Findings {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

const (
	deletes = "    - {id: machines, who: [bot], may: [delete], what: {capability: [compute.instance]}, in: [prod]}\n"
	idle    = "    - {id: idle, who: [bot], may: [delete], what: {capability: [compute.instance]}, in: [prod], limits: {dependents: 0}}\n"
)

func TestVerdicts(t *testing.T) {
	part := func(a model.Action) model.Action {
		a.Targets, a.Parts = nil, []model.Action{a, terminate(target(volume, "target"))}
		return a
	}
	cases := []struct {
		name, clauses string
		action        model.Action
		verdict       policy.Verdict
		code          string // of the first finding that is no remark
		says          string // in any finding
	}{
		{"granted", deletes, terminate(), policy.Allow, "", "1 resource depends on it, nearest: vol-0abc (ec2:volume) of platform"},
		{"not granted", deletes, terminate(func(a *model.Action) { a.Verb = model.Update }), policy.Deny, CodeNoGrant, "nearest is chores/machines, whose may does not cover it"},
		{"another capability", deletes, terminate(func(a *model.Action) { a.Capability = "storage.volume" }), policy.Deny, CodeNoGrant, "what.capability"},
		{"too many dependents", idle, terminate(), policy.Deny, CodeDependents, "chores/idle allows 0"},
		{"no dependents", idle, terminate(target(volume, "target")), policy.Allow, "", ""},
		{"conditions of two clauses never mix",
			idle + "    - {id: other, who: [bot], may: [update], what: {capability: [compute.instance]}, in: [prod]}\n",
			terminate(), policy.Deny, CodeDependents, ""},
		{"another clause allows more", idle + deletes, terminate(), policy.Allow, "", ""},
		{"never beats allow", deletes + "  never:\n    - {id: no, who: [\"kind:agent\"], may: [delete], reason: Agents do not delete.}\n", terminate(), policy.Deny, CodeNever, "Agents do not delete."},
		{"never under another spelling", deletes + "  never:\n    - {id: no, may: [delete], what: {resource: \"i-0ABCDEF\"}}\n", terminate(), policy.Deny, CodeNever, ""},
		{"an allow stays with the letter", "    - {id: c, who: [bot], may: [delete], what: {resource: \"i-0ABCDEF\"}, in: [prod]}\n", terminate(), policy.Deny, CodeNoGrant, ""},
		{"never of others", deletes + "  never:\n    - {id: no, who: [\"kind:human\"], may: [delete]}\n", terminate(), policy.Allow, "", ""},
		{"nobody", deletes, terminate(func(a *model.Action) { a.Actor.ID = "mallory" }), policy.Deny, CodeNobody, "mallory"},
		{"what a client only says", deletes, terminate(func(a *model.Action) { a.Actor = model.Actor{Said: map[string]string{"id": "bot"}} }), policy.Deny, CodeNobody, ""},
		{"on behalf of nobody known", deletes, terminate(func(a *model.Action) { a.Actor.For = []string{"eve"} }), policy.Deny, CodeNobody, "eve"},
		{"on behalf of one without the right", deletes, terminate(func(a *model.Action) { a.Actor.For = []string{"ana"} }), policy.Deny, CodeNoGrant, "ana may not"},
		{"another account", deletes, terminate(target("arn:aws:ec2:us-east-1:999999999999:instance/i-1", "target")), policy.Deny, CodeNoPlace, "999999999999"},
		{"an unknown account", deletes, terminate(target("arn:aws:ec2:us-east-1:*:instance/i-9", "target"), func(a *model.Action) { a.Account = "" }), policy.Deny, CodeUnknownPlace, "prod"},
		{"an account that the model knows", deletes, terminate(target("arn:aws:ec2:us-east-1:*:instance/i-0abcdef", "target"), func(a *model.Action) { a.Account = "" }), policy.Allow, "", ""},
		{"an unknown target with a limit", idle, terminate(target("arn:aws:ec2:us-east-1:123456789012:instance/*", "target")), policy.Deny, CodeDependents, "cannot be told"},
		{"an opaque call", deletes, terminate(func(a *model.Action) { a.Fidelity = model.Opaque }), policy.Deny, CodeUnknown, ""},
		{"an unknown verb", deletes, terminate(func(a *model.Action) { a.Verb = model.Unknown }), policy.Deny, CodeUnknown, ""},
		{"a partial call", deletes, terminate(func(a *model.Action) { a.Fidelity, a.Unknown = model.Partial, []string{"Filter"} }), policy.Allow, "", "Filter"},
		{"a partial call without target", deletes, terminate(func(a *model.Action) { a.Targets, a.Fidelity, a.Unknown = nil, model.Partial, []string{"body"} }), policy.Deny, CodeNoTarget, ""},
		{"every part is judged", deletes, part(terminate()), policy.Allow, "", ""},
		{"one part is not granted", "    - {id: one, who: [bot], may: [delete], what: {resource: [\"i-0*\"]}, in: [prod]}\n", part(terminate()), policy.Deny, CodeNoGrant, "vol-0abc"},
		{"too many targets", "    - {id: one, who: [bot], may: [delete], in: [prod], limits: {targets: 1}}\n", part(terminate()), policy.Deny, CodeTargets, "changes 2 resources"},
		{"a mutation whose parts only read", deletes, terminate(func(a *model.Action) {
			a.Targets, a.Verb, a.Parts = nil, model.Execute, []model.Action{{Verb: model.Read}}
		}), policy.Deny, CodeNoGrant, ""},
		{"a dry run", "    - {id: x, who: [ana], may: [update], in: [prod]}\n", terminate(func(a *model.Action) { a.DryRun = true }), policy.Allow, "", ""},
		{"a reveal", deletes, terminate(func(a *model.Action) { a.Verb = model.Reveal }), policy.Allow, "", ""},
		{"a reveal that is forbidden", deletes + "  never:\n    - {id: no, who: [\"kind:agent\"], what: {capability: \"compute.*\"}}\n", terminate(func(a *model.Action) { a.Verb = model.Reveal }), policy.Deny, CodeNever, ""},
		{"a read is not forbidden by a clause about changes", deletes + "  never:\n    - {id: no, what: {capability: \"compute.*\"}}\n", terminate(func(a *model.Action) { a.Verb = model.Read }), policy.Allow, "", ""},
		{"by tag", "    - {id: x, who: [bot], may: [delete], what: {tag: {team: checkout}}, in: [\"tier:production\"]}\n", terminate(), policy.Allow, "", ""},
		{"by a tag that is not known", "    - {id: x, who: [bot], may: [delete], what: {tag: {team: checkout}}, in: [prod]}\n", terminate(target("arn:aws:ec2:us-east-1:123456789012:instance/i-2", "target")), policy.Deny, CodeNoGrant, "what.tag"},
		{"by owner", "    - {id: x, who: [\"owner:platform\"], may: [delete], what: {owner: checkout}, in: [\"*\"]}\n", terminate(), policy.Allow, "", ""},
		{"by operation", "    - {id: x, who: [\"kind:agent\"], may: [delete], what: {operation: \"ec2:Terminate*\"}, in: [\"*\"]}\n", terminate(), policy.Allow, "", ""},
		{"in a namespace", "    - {id: x, who: [bot], may: [delete], in: [prod]}\n", terminate(target("k8s://shop/apps/Deployment/web/api", "target")), policy.Allow, "", ""},
		{"in another namespace", "    - {id: x, who: [bot], may: [delete], in: [prod]}\n", terminate(target("k8s://shop/apps/Deployment/kube-system/dns", "target")), policy.Deny, CodeNoPlace, "kube-system"},
		{"cluster-scoped", "    - {id: x, who: [bot], may: [delete], in: [prod]}\n", terminate(target("k8s://shop/core/Node//n1", "target")), policy.Deny, CodeNoPlace, "clusterScoped: true"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := judge(t, compile(t, base+c.clauses), c.action, shop)
			first, _ := d.First()
			if first.Verdict == policy.Allow {
				first.Code = ""
			}
			if d.Verdict != c.verdict || first.Code != c.code {
				t.Fatalf("%s, %q: want %s, %q\n%+v", d.Verdict, codes(d), c.verdict, c.code, d.Findings)
			}
			if text, _ := json.Marshal(d.Findings); !strings.Contains(string(text), c.says) {
				t.Errorf("findings do not say %q: %s", c.says, text)
			}
		})
	}
}

func TestDeclaredNeverInferred(t *testing.T) {
	for _, set := range []*intent.Set{nil, {}} {
		p, err := Compile(set)
		if err != nil {
			t.Fatal(err)
		}
		d := judge(t, p, terminate(), shop)
		if d.Verdict != policy.Deny || codes(d) != CodeNothing+" "+CodeBreaks {
			t.Errorf("%s %s", d.Verdict, codes(d))
		}
	}
}

func TestUnknownActionsFollowTheEnvironment(t *testing.T) {
	unknown := terminate(func(a *model.Action) { a.Verb = model.Unknown })
	for say, want := range map[string]policy.Verdict{"deny": policy.Deny, "hold": policy.Hold, "observe": policy.Allow} {
		text := strings.Replace(base, "tier: production", "tier: production\n  unknownActions: "+say, 1) + deletes + people
		if d := judge(t, compile(t, text), unknown, shop); d.Verdict != want {
			t.Errorf("%s: %s", say, d.Verdict)
		}
		text = strings.Replace(text, people, "  never:\n    - {id: no, may: [delete], what: {resource: \"i-0*\"}}\n"+people, 1)
		if d := judge(t, compile(t, text), unknown, shop); d.Verdict != policy.Deny {
			t.Errorf("%s: a never clause that may be about it did not refuse", say)
		}
	}
}

func TestIncompleteReachIsOverAnyLimit(t *testing.T) {
	cut := shop
	cut.cut, cut.needs = true, nil
	if d := judge(t, compile(t, base+idle), terminate(), cut); d.Verdict != policy.Deny || d.Radius.Complete {
		t.Errorf("%s %s", d.Verdict, codes(d))
	}
	capped := strings.Replace(base, "tier: production", "tier: production\n  caps: {dependents: 100000}", 1) + deletes
	if d := judge(t, compile(t, capped), terminate(), cut); d.Verdict != policy.Deny || !strings.Contains(codes(d), CodeDependents) {
		t.Errorf("the environment's cap: %s %s", d.Verdict, codes(d))
	}
}

func TestAccountableIsTheNearestOwner(t *testing.T) {
	d := judge(t, compile(t, base+deletes), terminate(), shop)
	if a := d.Accountable; a.Owner != "checkout" || a.Person != "human:dana@shop.example" || a.From != "tag team=checkout" || a.Others != "platform (account 123456789012)" {
		t.Errorf("%+v", a)
	}
	d = judge(t, compile(t, base+deletes), terminate(target(volume, "target")), shop)
	if a := d.Accountable; a.Owner != "platform" || a.Contact != "slack #platform" || a.From != "account 123456789012" {
		t.Errorf("%+v", a)
	}
}

// Adding an allow never denies more, adding a never never allows more, and the
// order of clauses is irrelevant.
func TestMetamorphicLaws(t *testing.T) {
	clauses := []string{deletes, idle,
		"    - {id: a, who: [\"*\"], may: [delete, update], what: {resource: [\"*\"]}, in: [\"*\"]}\n",
		"    - {id: b, who: [ana], may: [create], in: [prod]}\n"}
	nevers := []string{"    - {id: n1, may: [update]}\n", "    - {id: n2, what: {type: \"ec2:*\"}, in: [prod]}\n"}
	actions := []model.Action{terminate(), terminate(target(volume, "target")),
		terminate(func(a *model.Action) { a.Verb = model.Update }), terminate(target("arn:aws:ec2:*:*:instance/*", "target")),
		terminate(func(a *model.Action) { a.Actor.ID = "ana"; a.Verb = model.Create })}
	verdict := func(allow, never []string, a model.Action) policy.Verdict {
		text := base + strings.Join(allow, "")
		if len(never) > 0 {
			text += "  never:\n" + strings.Join(never, "")
		}
		return judge(t, compile(t, text), a, shop).Verdict
	}
	for _, a := range actions {
		for i := range clauses {
			fewer := clauses[:i+1]
			reversed := slices.Clone(fewer)
			slices.Reverse(reversed)
			v := verdict(fewer, nil, a)
			if verdict(reversed, nil, a) != v {
				t.Errorf("order matters: %s", a.Name())
			}
			if verdict(clauses, nil, a) < v {
				t.Errorf("adding an allow denies more: %s", a.Name())
			}
			for j := range nevers {
				if verdict(fewer, nevers[:j+1], a) > v {
					t.Errorf("adding a never allows more: %s", a.Name())
				}
			}
		}
	}
}

// A call without a body names an object of a custom kind by its plural alone. A never
// clause about the kind holds it all the same; one about another kind only where
// nobody knows which it is.
func TestANeverClauseHoldsACustomKindByItsPlural(t *testing.T) {
	const db, known = model.URN("k8s://shop/pg.example/clusters/web/db"), model.URN("k8s://shop/pg.example/Cluster/web/db")
	seen := estate{resources: map[model.URN]model.Resource{known: {URN: known, Platform: "kubernetes", Type: "pg.example/Cluster", Aliases: []string{string(db)}}}}
	for _, c := range []struct {
		kind  string
		model estate
		want  bool
	}{
		{"pg.example/Cluster", seen, true}, {"pg.example/clusters", seen, true}, {"pg.example/Backup", seen, false},
		{"pg.example/Cluster", estate{}, true}, {"pg.example/clusters", estate{}, true}, {"pg.example/Backup", estate{}, true}, {"other.example/Cluster", estate{}, false},
	} {
		a := model.Action{Platform: "kubernetes", Service: "pg.example", Operation: "delete clusters", Verb: model.Delete, Account: "shop", Region: "web",
			Fidelity: model.Exact, Targets: []model.Target{{URN: db, Type: "pg.example/clusters", Role: model.RoleTarget}}}
		p := &Program{where: (&intent.Set{}).Map(), owners: newOwnership(&intent.Set{})}
		l := &leaf{Action: a}
		n := &never{Never: &intent.Never{What: intent.What{Type: intent.Words{c.kind}}}}
		if got := n.forbids(p, l, p.thing(&a, a.Targets[0], c.model)); got != c.want {
			t.Errorf("never %s, known %v: the delete is held %v, want %v", c.kind, len(c.model.resources) > 0, got, c.want)
		}
	}
}
