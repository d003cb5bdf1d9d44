package checks

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// ground is an estate that knows what was built, and who stands on what.
type ground struct {
	estate
	drifted map[model.URN][]model.Deviation
	on      map[model.URN][]model.URN
}

func (g ground) Standing(u model.URN) model.Standing {
	return model.Standing{URN: u, Settled: true, Drifted: g.drifted[u]}
}

func (g ground) Dependencies(u model.URN) (out []model.Relation) {
	for _, to := range g.on[u] {
		out = append(out, model.Relation{From: u, To: to, Type: model.GuardedBy, Confidence: model.Ruled})
	}
	return out
}

const (
	fence   = model.URN("arn:aws:ec2:us-east-1:123456789012:security-group/sg-0abc")
	opening = `[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]`
	fenced  = `    - {id: all, who: [bot, ana, guard], may: [create, update, delete, attach, revoke, grant], what: {capability: ["*"]}, in: [prod]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: network}
spec: {accountable: "human:nina@shop.example", owns: [{urn: "` + string(fence) + `"}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: guard}
spec: {kind: agent, identify: [{run: guard}], owner: network}
---
apiVersion: assent.dev/v1
kind: Resource
metadata: {name: fence, owner: network}
spec:
  urn: sg-0abc
  fields: {IpPermissions: []}
  reserved: [Description]
`
	waivedFence = `---
apiVersion: assent.dev/v1
kind: Exception
metadata: {name: incident}
spec:
  waives: {resource: fence}
  for: {resource: "arn:aws:ec2:us-east-1:123456789012:security-group/*"}
  reason: INC-1.
  from: "1970-01-01"
  until: "1970-01-20"
  approvedBy: human:nina@shop.example
`
)

func fencedEstate(sick bool) ground {
	g := ground{estate: estate{resources: map[model.URN]model.Resource{
		machine: shop.resources[machine],
		fence:   {URN: fence, Platform: "aws", Type: "ec2:security-group", Account: "123456789012", Region: "us-east-1", Aliases: []string{"sg-0abc"}, Attrs: json.RawMessage(`{"IpPermissions":[]}`)},
	}}, on: map[model.URN][]model.URN{machine: {fence}}}
	if sick {
		r := g.resources[fence]
		r.Attrs = json.RawMessage(`{"IpPermissions":` + opening + `}`)
		g.resources[fence] = r
		g.drifted = map[model.URN][]model.Deviation{fence: {{Path: "IpPermissions", Now: []any{1}, Critical: true}}}
	}
	return g
}

func call(who, op string, verb model.Verb, params string, targets ...model.Target) model.Action {
	return model.Action{Actor: model.Actor{ID: who, Authn: "run"}, Platform: "aws", Service: "ec2", Operation: op, Verb: verb, Capability: "x", Account: "123456789012", Region: "us-east-1",
		Fidelity: model.Exact, Params: json.RawMessage(params), Targets: targets}
}

// What is declared of a thing is its owner's; afterwards it is still as declared; and
// nothing is built on what somebody has changed to be otherwise. Made again on what
// was recorded, each of these decisions is the same.
func TestWhatIsDeclaredOfAThingHolds(t *testing.T) {
	on := func(u model.URN, kind, role string) model.Target { return model.Target{URN: u, Type: kind, Role: role} }
	group := on(fence, "ec2:security-group", model.RoleTarget)
	vm := on(machine, "ec2:instance", model.RoleTarget)
	fresh := on("arn:aws:ec2:us-east-1:123456789012:instance/*", "ec2:instance", model.RoleCreated)
	opens := `{"GroupId":"sg-0abc","IpPermissions":` + opening + `}`
	for _, c := range []struct {
		name   string
		a      model.Action
		sick   bool
		waived bool
		want   string // the code that refuses it; empty: it is allowed
	}{
		{"another owner's field", call("bot", "AuthorizeSecurityGroupIngress", model.Grant, opens, group), false, false, CodeOthersField},
		{"the owner's, and not as declared", call("guard", "AuthorizeSecurityGroupIngress", model.Grant, opens, group), false, false, CodeUndeclares},
		{"by a name without an account", call("bot", "AuthorizeSecurityGroupIngress", model.Grant, opens, on("arn:aws:ec2:us-east-1:*:security-group/sg-0abc", "ec2:security-group", model.RoleTarget)), false, false, CodeOthersField},
		{"a field that nobody declares", call("bot", "CreateTags", model.Update, `{}`, group), false, false, ""},
		{"a call of which nothing is told", call("bot", "ModifySecurityGroupRules", model.Update, `{}`, group), false, false, CodeOthersField},
		{"the same by its owner", call("guard", "ModifySecurityGroupRules", model.Update, `{}`, group), false, false, ""},
		{"a deletion by another", call("bot", "DeleteSecurityGroup", model.Delete, `{}`, group), false, false, CodeOthersField},
		{"a deletion by its owner", call("guard", "DeleteSecurityGroup", model.Delete, `{}`, group), false, false, CodeUndeclares},
		{"an exception from it", call("bot", "AuthorizeSecurityGroupIngress", model.Grant, opens, group), false, true, ""},
		{"another thing", call("bot", "ModifyInstanceAttribute", model.Update, `{}`, vm), false, false, ""},

		{"what uses it", call("bot", "RunInstances", model.Create, `{}`, fresh, on(fence, "ec2:security-group", model.RoleDependency)), true, false, CodeQuarantine},
		{"what uses it, while it is well", call("bot", "RunInstances", model.Create, `{}`, fresh, on(fence, "ec2:security-group", model.RoleDependency)), false, false, ""},
		{"what stands on it", call("bot", "ModifyInstanceAttribute", model.Update, `{}`, vm), true, false, CodeQuarantine},
		{"what goes away from it", call("bot", "TerminateInstances", model.Delete, `{}`, vm), true, false, ""},
		{"another change of it", call("guard", "CreateTags", model.Update, `{}`, group), true, false, CodeQuarantine},
		{"what sets it back", call("bot", "RevokeSecurityGroupIngress", model.Revoke, opens, group), true, false, ""},
		{"what does not set it back", call("bot", "RevokeSecurityGroupIngress", model.Revoke, `{"GroupId":"sg-0abc","IpPermissions":[{"IpProtocol":"udp"}]}`, group), true, false, CodeQuarantine},
		{"break glass", call("bot", "RunInstances", model.Create, `{}`, fresh, on(fence, "ec2:security-group", model.RoleDependency)), true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := base + fenced
			if c.waived {
				text += waivedFence
			}
			p := compile(t, text)
			w := radius.NewWitness(fencedEstate(c.sick), false)
			d := judge(t, p, c.a, w)
			first, _ := d.First()
			if c.want == "" && d.Verdict != policy.Allow || c.want != "" && (d.Verdict != policy.Deny || first.Code != c.want) {
				t.Fatalf("%s: %+v", d.Verdict, d.Findings)
			}
			if c.want != "" && (!strings.Contains(first.Source, "Resource fence, shop.yaml:") || !strings.Contains(first.Why+first.Repair, "network")) && c.want != CodeUndeclares {
				t.Errorf("it does not name the owner and the line: %+v", first)
			}
			data, err := json.Marshal(w.Facts())
			if err != nil {
				t.Fatal(err)
			}
			var facts model.Facts
			if err := json.Unmarshal(data, &facts); err != nil {
				t.Fatal(err)
			}
			again := judge(t, p, c.a, radius.Recall(facts))
			if !reflect.DeepEqual(again.Findings, d.Findings) || again.Verdict != d.Verdict {
				t.Errorf("made again:\n%+v\nwas\n%+v", again.Findings, d.Findings)
			}
		})
	}
}

// An adoption is its owner's, and nobody else's.
func TestOnlyTheOwnerAdopts(t *testing.T) {
	p := compile(t, base+fenced+`---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: nina}
spec: {kind: human, person: "human:nina@shop.example", identify: [{run: nina}], owner: network}
`)
	a := model.Action{Actor: model.Actor{ID: "assent", Authn: "assent"}, Platform: "aws", Service: policy.AdoptService, Operation: policy.AdoptOperation, Decoder: policy.AdoptDecoder,
		Verb: model.Update, Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact, Params: json.RawMessage(`{"fields":[{"path":"IpPermissions"}]}`),
		Targets: []model.Target{{URN: fence, Type: "ec2:security-group", Role: model.RoleTarget}}}
	d := judge(t, p, a, fencedEstate(true))
	if d.Verdict != policy.Hold || len(d.Needs) != 1 || d.Needs[0].From != "owner:network" || len(d.Needs[0].People) != 1 || d.Needs[0].People[0] != "nina" {
		t.Fatalf("%+v", d)
	}
	empty := a
	empty.Params = json.RawMessage(`{"fields":[]}`)
	if d := judge(t, p, empty, fencedEstate(true)); d.Verdict != policy.Deny {
		t.Errorf("nothing is adopted: %+v", d)
	}
	other := a
	other.Service = "ec2" // what calls itself so is no adoption
	if d := judge(t, p, other, fencedEstate(true)); d.Verdict != policy.Deny {
		t.Errorf("%+v", d)
	}
}

// What exists is held against blueprints as a change would be, where it is known.
func TestWhatExistsIsHeldAgainstBlueprints(t *testing.T) {
	p := compile(t, base+plans)
	urn := model.URN("arn:aws:rds:us-east-1:123456789012:db:shop")
	s := estate{resources: map[model.URN]model.Resource{urn: {URN: urn, Platform: "aws", Type: "rds:db", Account: "123456789012", Region: "us-east-1"}}}
	for name, c := range map[string]struct {
		urn   model.URN
		props []model.Property
		want  string
	}{
		"as required":    {urn, []model.Property{is1("encryption.atRest", true)}, ""},
		"not encrypted":  {urn, []model.Property{is1("encryption.atRest", false)}, "requires encryption.atRest: true"},
		"public":         {urn, []model.Property{is1("network.public", true)}, "forbids network.public: true"},
		"nothing known":  {urn, nil, ""},
		"cannot be told": {urn, []model.Property{not1("network.public")}, ""},
		"waived":         {"arn:aws:rds:us-east-1:123456789012:db:legacy-a", []model.Property{is1("encryption.atRest", false)}, ""},
	} {
		r := s.resources[urn]
		r.URN = c.urn
		one := estate{resources: map[model.URN]model.Resource{c.urn: r}}
		found := Running{Program: p, Now: func() intent.Day { return "1970-01-02" },
			Portable: func(model.Resource) (string, []model.Property) { return "database.relational", c.props }}.Violations(listed{one})[c.urn]
		switch {
		case c.want == "" && len(found) > 0, c.want != "" && len(found) != 1:
			t.Errorf("%s: %+v", name, found)
		case c.want != "" && (found[0].Declared != c.want || found[0].Of != "checkout" || !strings.HasPrefix(found[0].Source, "Blueprint data-store, shop.yaml:") || found[0].Path != "X"):
			t.Errorf("%s: %+v", name, found[0])
		}
	}
}

// listed is an estate that can be gone through.
type listed struct{ estate }

func (l listed) Each(f func(model.Resource) bool) {
	for _, r := range l.resources {
		f(r)
	}
}
