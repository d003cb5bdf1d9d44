package checks

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// kept is a version of the model that knows what was built, and the portable words.
type kept struct {
	model.Topology
	stands map[model.URN]model.Standing
	words  map[model.URN]model.Portrait
}

func (k kept) Standing(u model.URN) model.Standing { return k.stands[u] }

func (k kept) Portrait(u model.URN) model.Portrait {
	p := k.words[u]
	p.URN = u
	return p
}

const (
	balancer = model.URN("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/front/1")
	members  = model.URN("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop/1")
	group    = model.URN("arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/shop")
	store    = model.URN("arn:aws:rds:us-east-1:123456789012:db:shop")
)

// behind is a machine of a scaling group, behind a load balancer's target group, and a
// database.
func behind(attrs string) model.Topology {
	g := graph.New(graph.Config{})
	thing := func(u model.URN, kind, attrs string, relations ...model.Relation) model.Observation {
		return model.Observation{Whole: true, Relations: relations, Resource: model.Resource{URN: u, Platform: "aws", Type: kind, Account: "123456789012", Region: "us-east-1", Attrs: json.RawMessage(attrs)}}
	}
	g.Apply([]model.Observation{
		thing(group, "autoscaling:autoScalingGroup", `{}`),
		thing(machine, "ec2:instance", attrs, model.Relation{From: machine, To: group, Type: model.Controls}, model.Relation{From: machine, To: store, Type: model.Reads}),
		thing(members, "elasticloadbalancing:targetgroup", `{}`, model.Relation{From: members, To: machine, Type: model.ForwardsTo}),
		thing(balancer, "elasticloadbalancing:loadbalancer/app/", `{}`),
		thing(store, "rds:db", `{"PubliclyAccessible":true}`),
	})
	return g.Snapshot().(model.Topology)
}

// Nothing is made reachable that has drifted, is not as declared or, where an environment
// asks for that, that nobody built. Made again on what was recorded, each of these
// decisions is the same.
func TestNothingUnfitIsMadeReachable(t *testing.T) {
	listener := call("bot", "CreateListener", model.Create, `{}`, model.Target{URN: balancer, Type: "elasticloadbalancing:loadbalancer/app/", Role: model.RoleTarget},
		model.Target{URN: members, Type: "elasticloadbalancing:targetgroup", Role: model.RoleDependency})
	listener.Service = "elbv2"
	strange := listener
	strange.Targets = []model.Target{listener.Targets[0], {URN: members + "x", Type: "elasticloadbalancing:targetgroup", Role: model.RoleDependency}}
	built := func(u model.URN, drifted ...model.Deviation) model.Standing {
		return model.Standing{URN: u, Built: true, Settled: true, Drifted: drifted}
	}
	groups := model.Deviation{Path: "SecurityGroups", Was: "sg-1", Now: "sg-2", Critical: true}
	size := model.Deviation{Path: "InstanceType", Was: "t3.small", Now: "t3.large"}
	const declares = `---
apiVersion: assent.dev/v1
kind: Resource
metadata: {name: web, owner: checkout}
spec: {urn: "` + string(machine) + `", fields: {PublicIpAddress: null}}
`
	const waives = declares + `---
apiVersion: assent.dev/v1
kind: Exception
metadata: {name: incident}
spec: {waives: {resource: web}, for: {resource: "arn:aws:ec2:*"}, reason: INC-1., from: "1970-01-01", until: "1970-01-20", approvedBy: "human:dana@shop.example"}
`
	const blueprint = `---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: inside, owner: checkout}
spec: {purpose: Machines stay inside., for: {capability: [compute.instance]}, forbid: {network.public: true}}
`
	all := []model.Standing{built(members), built(machine), built(balancer)}
	public := map[model.URN]model.Portrait{machine: {Capability: "compute.instance", Props: []model.Property{{Name: "network.public", Value: true, Known: true, Source: "current", Native: "/PublicIpAddress"}}}}
	for name, c := range map[string]struct {
		a       model.Action
		exposes string
		more    string
		attrs   string
		stands  []model.Standing
		words   map[model.URN]model.Portrait
		says    []string // of the refusal; none: it is allowed
	}{
		"as it was built":             {a: listener, exposes: "settled", stands: all},
		"drifted, and critical":       {a: listener, stands: []model.Standing{built(members), built(machine, groups)}, says: []string{string(machine), "SecurityGroups", "sg-2", "was built as sg-1", "assent revert " + string(machine)}},
		"drifted, and any may be":     {a: listener, exposes: "any", stands: []model.Standing{built(members), built(machine, groups)}},
		"drifted, and not critical":   {a: listener, stands: []model.Standing{built(members), built(machine, size)}},
		"drifted at all":              {a: listener, exposes: "settled", stands: []model.Standing{built(members), built(machine, size)}, says: []string{"InstanceType", "Environment prod, shop.yaml:"}},
		"built by nobody":             {a: listener, exposes: "settled", stands: []model.Standing{built(members)}, says: []string{string(machine), "nobody built it", "assent adopt " + string(machine)}},
		"built by nobody, and sound":  {a: listener, exposes: "sound"},
		"made by what somebody built": {a: listener, exposes: "settled", stands: []model.Standing{built(members), built(group)}},
		"made by what has drifted":    {a: listener, exposes: "settled", stands: []model.Standing{built(members), built(group, size)}, says: []string{"autoScalingGroupName/shop", "assent revert " + string(group)}},
		"not as declared":             {a: listener, more: declares, attrs: `{"PublicIpAddress":"192.0.2.1"}`, says: []string{"PublicIpAddress", "192.0.2.1", "Resource web, shop.yaml:", "checkout (human:dana@shop.example)"}},
		"as declared":                 {a: listener, more: declares},
		"waived":                      {a: listener, more: waives, attrs: `{"PublicIpAddress":"192.0.2.1"}`},
		"not as a blueprint has it":   {a: listener, more: blueprint, words: public, says: []string{"checkout forbids network.public: true", "Blueprint inside, shop.yaml:"}},
		"never read":                  {a: strange, exposes: "settled", stands: all, says: []string{"not all known"}},
		"never read, and sound":       {a: strange, stands: all},
	} {
		t.Run(name, func(t *testing.T) {
			text := base + "    - {id: all, who: [bot], may: [create], what: {capability: [\"*\"]}, in: [prod]}\n" + c.more
			if c.exposes != "" {
				text = strings.Replace(text, "tier: production", "tier: production\n  exposes: "+c.exposes, 1)
			}
			if c.attrs == "" {
				c.attrs = `{}`
			}
			s := kept{behind(c.attrs), map[model.URN]model.Standing{}, c.words}
			for _, st := range c.stands {
				s.stands[st.URN] = st
			}
			p := compile(t, text)
			w := radius.NewWitness(s, false)
			d := judge(t, p, c.a, w)
			first, _ := d.First()
			if len(c.says) == 0 && d.Verdict != policy.Allow || len(c.says) > 0 && (d.Verdict != policy.Deny || first.Code != CodeUnfit) {
				t.Fatalf("%s: %+v", d.Verdict, d.Findings)
			}
			for _, part := range c.says {
				if !strings.Contains(first.Why+"\n"+first.Repair+"\n"+first.Source, part) {
					t.Errorf("it does not say %q: %+v", part, first)
				}
			}
			again(t, p, c.a, w, d)
		})
	}
}

// again makes a decision again on what its witness has recorded.
func again(t *testing.T, p *Program, a model.Action, w *radius.Witness, was policy.Decision) {
	t.Helper()
	data, err := json.Marshal(w.Facts())
	if err != nil {
		t.Fatal(err)
	}
	var facts model.Facts
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	now := judge(t, p, a, radius.Recall(facts))
	if !reflect.DeepEqual(now.Findings, was.Findings) || now.Verdict != was.Verdict {
		t.Errorf("made again:\n%+v\nwas\n%+v", now.Findings, was.Findings)
	}
}

// What somebody has changed to be otherwise than a blueprint has it is in quarantine too,
// until it is back.
func TestWhatDriftsFromABlueprintIsInQuarantine(t *testing.T) {
	const inside = `    - {id: all, who: [bot], may: [create, update], what: {capability: ["*"]}, in: [prod]}
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: inside, owner: checkout}
spec: {purpose: Data stays inside., for: {capability: ["database.*"]}, forbid: {network.public: true}}
`
	target := model.Target{URN: store, Type: "rds:db", Role: model.RoleTarget}
	fresh := model.Target{URN: "arn:aws:rds:us-east-1:123456789012:db:copy", Type: "rds:db", Role: model.RoleCreated}
	uses := call("bot", "CreateDBInstanceReadReplica", model.Create, `{}`, fresh, model.Target{URN: store, Type: "rds:db", Role: model.RoleDependency})
	back := call("bot", "ModifyDBInstance", model.Update, `{"PubliclyAccessible":false}`, target)
	back.Props, back.Capability = []model.Property{is1("network.public", false)}, "database.relational"
	other := call("bot", "ModifyDBInstance", model.Update, `{"MultiAZ":true}`, target)
	for _, a := range []*model.Action{&uses, &back, &other} {
		a.Service = "rds"
	}
	tied := back // what it would use stands on it
	tied.Ties = &model.Ties{Complete: true, Relations: []model.Relation{{From: store, To: machine, Type: model.ForwardsTo}}}
	public := model.Deviation{Path: "PubliclyAccessible", Was: false, Now: true, Critical: true}
	for name, c := range map[string]struct {
		a              model.Action
		drifted, warns bool
		is             bool // public
		want           string
	}{
		"what uses it":                       {uses, true, false, true, CodeQuarantine},
		"another change of it":               {other, true, false, true, CodeQuarantine},
		"what sets it back":                  {back, true, false, true, ""},
		"what sets it back, and its users":   {tied, true, false, true, ""},
		"what uses it, once it is back":      {uses, false, false, false, ""},
		"what uses one that was always so":   {uses, false, false, true, ""},
		"what uses it, where it is a remark": {uses, true, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := base + inside
			if c.warns {
				text = strings.Replace(text, "purpose: Data", "onViolation: warn, purpose: Data", 1)
			}
			s := kept{behind(`{}`), map[model.URN]model.Standing{}, map[model.URN]model.Portrait{store: {Capability: "database.relational",
				Props: []model.Property{{Name: "network.public", Value: c.is, Known: true, Source: "current", Native: "/PubliclyAccessible"}}}}}
			if c.drifted {
				s.stands[store] = model.Standing{URN: store, Built: true, Settled: true, Drifted: []model.Deviation{public}}
			}
			p := compile(t, text)
			w := radius.NewWitness(s, false)
			d := judge(t, p, c.a, w)
			first, _ := d.First()
			if c.want == "" && d.Verdict != policy.Allow || c.want != "" && (d.Verdict != policy.Deny || first.Code != c.want) {
				t.Fatalf("%s: %+v", d.Verdict, d.Findings)
			}
			if c.want != "" && (!strings.Contains(first.Why, "checkout forbids network.public: true") || !strings.Contains(first.Source, "Blueprint inside, shop.yaml:") || !strings.Contains(first.Repair, "assent revert "+string(store))) {
				t.Errorf("%+v", first)
			}
			again(t, p, c.a, w, d)
		})
	}
}
