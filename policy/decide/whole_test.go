package decide_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/reason"
	"github.com/assent-iom/assent/policy/rego"
)

// demo is a machine that a load balancer's registration depends on.
type demo struct{}

const machine = model.URN("arn:aws:ec2:us-east-1:123456789012:instance/i-0abcdef")

func (demo) Version() model.Version { return model.Version{Rev: 3, Digest: "sha256:3"} }
func (demo) Resource(u model.URN) (model.Resource, bool) {
	return model.Resource{URN: u, Platform: "aws", Type: "ec2:instance", Account: "123456789012"}, u == machine
}
func (demo) Resolve(id string) (model.URN, bool) { return machine, id == string(machine) }
func (demo) Dependents(of []model.URN, _ int) model.Reach {
	r := model.Reach{Complete: true}
	if slices.Contains(of, machine) {
		r.Hops = []model.Hop{{URN: "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop/1", Type: "elasticloadbalancing:targetgroup", Depth: 1, Via: machine}}
	}
	return r
}
func (demo) Dependencies(model.URN) []model.Relation { return nil }
func (demo) Each(func(model.Resource) bool)          {}

func act(op string, verb model.Verb, capability, kind, urn, role, params string) model.Action {
	return model.Action{Actor: model.Actor{ID: "deploy-agent", Kind: model.Agent, Authn: "run-token"}, Platform: "aws", Service: "ec2", Operation: op,
		Verb: verb, Capability: capability, Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact, Params: json.RawMessage(params),
		Targets: []model.Target{{URN: model.URN(urn), Type: kind, Role: role}}}
}

func whole(t testing.TB, set *intent.Set) *decide.Engine {
	t.Helper()
	e, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile), decide.Using(rego.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func at() time.Time { return time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC) }

// The demo's own documents, through everything that decides.
func TestTheDemoIsDecidedAsItTells(t *testing.T) {
	set, err := intent.Load(os.DirFS("../../deploy/demo/intent"))
	if err != nil {
		t.Fatal(err)
	}
	e := whole(t, set)
	const group = "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"
	cases := []struct {
		action model.Action
		code   string // empty: allowed
		says   []string
	}{
		{act("CreateBucket", model.Create, "storage.bucket", "s3:bucket", "arn:aws:s3:::acme-reports-2026", "created", ""), "", nil},
		{act("CreateBucket", model.Create, "storage.bucket", "s3:bucket", "arn:aws:s3:::elsewhere", "created", ""), "AS2002", []string{"platform", "#platform", "may not"}},
		{act("AuthorizeSecurityGroupIngress", model.Update, "network.firewall", "ec2:security-group", group, "target",
			`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`), "AS4001", []string{"opens port 22 to 0.0.0.0/0"}},
		{act("AuthorizeSecurityGroupIngress", model.Update, "network.firewall", "ec2:security-group", group, "target",
			`{"IpPermissions":[{"FromPort":22,"IpRanges":[{"CidrIp":"203.0.113.0/24"}]}]}`), "", nil},
		{act("TerminateInstances", model.Delete, "compute.instance", "ec2:instance", string(machine), "target", ""), "AS2004", []string{"1 resource depends on it", "shop/1"}},
	}
	for _, c := range cases {
		d := e.Decide(context.Background(), c.action, demo{}, policy.Enforce, at(), "dec_01k8r2v4p6q8s0t2w4y6a8c0e2")
		first, _ := d.First()
		if d.Fault != "" || (d.Verdict == policy.Allow) != (c.code == "") || c.code != "" && first.Code != c.code {
			t.Errorf("%s: %s %+v %s", c.action.Name(), d.Verdict, d.Findings, d.Fault)
			continue
		}
		if d.Basis.Intent != set.Digest || !strings.HasPrefix(d.Basis.Rules, "sha256:") {
			t.Errorf("basis: %+v", d.Basis)
		}
		for _, says := range append(c.says, "This is policy, not an outage", "assent explain dec_") {
			if message := reason.Message(d); c.code != "" && !strings.Contains(message, says) {
				t.Errorf("%q does not say %q", message, says)
			}
		}
		again := e.Decide(context.Background(), c.action, demo{}, policy.Enforce, at(), d.ID)
		x, _ := json.Marshal(d)
		if y, _ := json.Marshal(again); string(x) != string(y) {
			t.Errorf("replaying gives other bytes:\n%s\n%s", x, y)
		}
	}
}

// clauses makes a set of n clauses over ten capabilities.
func clauses(n int) *intent.Set {
	set := &intent.Set{Digest: "sha256:x",
		Environments: []*intent.Environment{{Name: "prod", Scope: []intent.Scope{{AWS: &intent.AWSScope{Accounts: intent.Words{"123456789012"}}}}}},
		Owners:       []*intent.Owner{{Name: "platform", Accountable: "human:x", Owns: []intent.Selector{{AWS: &intent.OwnedAccount{Account: "123456789012"}}}}},
		Actors:       []*intent.Actor{{Name: "deploy-agent", Kind: "agent", Owner: "platform", Identify: []intent.Identity{{Run: "deploy-agent"}}}}}
	doc := &intent.Intent{Name: "many", Owner: "platform"}
	for i := range n {
		doc.Allow = append(doc.Allow, intent.Allow{ID: fmt.Sprintf("c%05d", i), Who: intent.Words{"deploy-agent"}, May: intent.Verbs{model.Create}, In: intent.Words{"prod"},
			What: intent.What{Capability: intent.Words{fmt.Sprintf("cap.c%d", i%10)}, Resource: intent.Words{fmt.Sprintf("arn:aws:s3:::bucket-%d", i)}}})
	}
	set.Intents = []*intent.Intent{doc}
	return set
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("clauses=%d", n), func(b *testing.B) {
			e := whole(b, clauses(n))
			a := act("CreateBucket", model.Create, fmt.Sprintf("cap.c%d", (n-1)%10), "s3:bucket", fmt.Sprintf("arn:aws:s3:::bucket-%d", n-1), "created", "")
			if d := e.Decide(context.Background(), a, demo{}, policy.Enforce, at(), "x"); d.Verdict != policy.Allow {
				b.Fatalf("%+v", d)
			}
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(context.Background(), a, demo{}, policy.Enforce, at(), "x")
			}
		})
	}
}
