package suggest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/suggest"
)

// nothing is a model in which everything was read, and nothing depends on anything.
type nothing struct{}

func (nothing) Version() model.Version                      { return model.Version{} }
func (nothing) Resource(u model.URN) (model.Resource, bool) { return model.Resource{URN: u}, true }
func (nothing) Resolve(string) (model.URN, bool)            { return "", false }
func (nothing) Dependents([]model.URN, int) model.Reach     { return model.Reach{Complete: true} }
func (nothing) Dependencies(model.URN) []model.Relation     { return nil }
func (nothing) Each(func(model.Resource) bool)              {}

func call(platform, op string, verb model.Verb, capability, account, region, kind string, urn model.URN, role string) model.Action {
	return model.Action{Actor: model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"}, Platform: platform, Service: "svc", Operation: op, Verb: verb,
		Capability: capability, Account: account, Region: region, Fidelity: model.Exact, Targets: []model.Target{{URN: urn, Type: kind, Role: role}}}
}

// The draft allows every action that it was made from, and not another.
func TestTheDraftAllowsExactlyWhatWasSeen(t *testing.T) {
	batch := call("aws", "BatchX", model.Update, "database.keyvalue", "123456789012", "eu-west-1", "dynamodb:table", "arn:aws:dynamodb:eu-west-1:123456789012:table/a", "target")
	batch.Parts = []model.Action{call("", "Put", model.Update, "database.keyvalue", "", "", "dynamodb:table", "arn:aws:dynamodb:eu-west-1:123456789012:table/b", "target")}
	actions := []model.Action{
		call("aws", "CreateBucket", model.Create, "storage.bucket", "123456789012", "us-east-1", "s3:bucket", "arn:aws:s3:::acme-scratch", "created"),
		call("aws", "RunInstances", model.Create, "compute.instance", "123456789012", "us-east-1", "ec2:instance", "arn:aws:ec2:us-east-1:123456789012:instance/*", "created"),
		call("aws", "TerminateInstances", model.Delete, "compute.instance", "123456789012", "us-east-1", "ec2:instance", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", "target"),
		call("aws", "UpdateThing", model.Update, "aws.route53", "123456789012", "", "route53:hostedzone", "arn:aws:route53:::hostedzone/Z1", "target"),
		call("kubernetes", "create deployments", model.Create, "compute.workload", "shop", "web", "apps/Deployment", "k8s://arn:aws:eks:x:1:cluster%2Fshop/apps/Deployment/web/api", "created"),
		call("kubernetes", "delete namespaces", model.Delete, "k8s.namespace", "shop", "", "core/Namespace", "k8s://shop/core/Namespace//old", "target"),
		call("kubernetes", "patch nodes", model.Update, "compute.node", "shop", "", "core/Node", "k8s://shop/core/Node//n1", "target"),
		batch,
	}
	var decisions []policy.Decision
	for _, a := range actions {
		decisions = append(decisions, policy.Decision{Action: a, Radius: policy.Radius{Complete: true}})
	}
	text, err := suggest.Suggest(decisions, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := intent.Parse("s.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p, err := checks.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(a model.Action) policy.Decision {
		d := policy.Decision{Action: a}
		if err := p.Judge(context.Background(), &d, nothing{}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, a := range actions {
		if d := verdict(a); d.Verdict != policy.Allow {
			t.Errorf("%s is refused: %+v\n%s", a.Name(), d.Findings, text)
		}
	}
	other := actions[0]
	other.Targets = []model.Target{{URN: "arn:aws:s3:::acme-other", Type: "s3:bucket", Role: "created"}}
	someone := actions[0]
	someone.Actor.ID = "mallory"
	deleted := actions[0]
	deleted.Verb = model.Delete
	elsewhere := actions[2]
	elsewhere.Targets = []model.Target{{URN: "arn:aws:ec2:us-west-2:123456789012:instance/i-1", Type: "ec2:instance", Role: "target"}}
	for _, a := range []model.Action{other, someone, deleted, elsewhere} {
		if d := verdict(a); d.Verdict == policy.Allow {
			t.Errorf("something else is allowed: %+v\n%s", a, text)
		}
	}
}

// A role that is handed over, and a script, are set apart: the draft refuses them
// and shows exactly which lines would allow them; the rest of the call is drafted.
func TestTheDraftNeverHandsARoleOver(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/app"
	const machine = "arn:aws:ec2:us-east-1:123456789012:instance/*"
	passes := call("", "PassRole", model.Grant, "identity.passRole", "", "", "iam:role", role, "target")
	passes.Service, passes.Params = "iam", []byte(`{"PassedBy":"svc:RunInstances"}`)
	runs := call("", "RunInstances", model.Execute, "compute.instance", "", "", "ec2:instance", machine, "created")
	for name, part := range map[string]model.Action{role: passes, "execute " + machine: runs} {
		t.Run(part.Operation, func(t *testing.T) { setApart(t, part, name) })
	}
}

func setApart(t *testing.T, part model.Action, says string) {
	t.Helper()
	makes := call("aws", "RunInstances", model.Create, "compute.instance", "123456789012", "us-east-1", "ec2:instance", "arn:aws:ec2:us-east-1:123456789012:instance/*", "created")
	makes.Parts = []model.Action{part}
	text, err := suggest.Suggest([]policy.Decision{{ID: "dec_7", Action: makes, Radius: policy.Radius{Complete: true}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(text string) policy.Decision {
		t.Helper()
		set, err := intent.Parse("s.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		p, err := checks.Compile(set)
		if err != nil {
			t.Fatal(err)
		}
		d := policy.Decision{Action: makes}
		if err := p.Judge(context.Background(), &d, nothing{}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := judge(string(text))
	if f, _ := d.First(); d.Verdict == policy.Allow || !strings.Contains(f.Why, says) {
		t.Errorf("%s: %+v\n%s", d.Verdict, d.Findings, text)
	}
	for _, want := range []string{"To decide by hand", "svc:RunInstances (dec_7)"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	_, after, _ := strings.Cut(string(text), "uncomment these lines:\n")
	before := strings.TrimSuffix(string(text), after)
	var kept []string
	for _, l := range strings.Split(after, "\n") {
		kept = append(kept, strings.Replace(l, "    #", "    ", 1))
	}
	if d := judge(before + strings.Join(kept, "\n")); d.Verdict != policy.Allow {
		t.Errorf("uncommented it is still refused: %+v\n%s", d.Findings, before+strings.Join(kept, "\n"))
	}
}

// A draft can be put beside what is declared: it names the environments, actors and
// owners that are there, and together they allow what was seen.
func TestADraftStandsBesideWhatIsDeclared(t *testing.T) {
	const declared = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec: {tier: staging, scope: [{aws: {accounts: ["123456789012"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: team}
spec: {accountable: "human:dana@shop.example", owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: robot}
spec: {kind: agent, identify: [{run: bot}], owner: team}
`
	actions := []model.Action{
		call("aws", "CreateBucket", model.Create, "storage.bucket", "123456789012", "us-east-1", "s3:bucket", "arn:aws:s3:::acme-scratch", "created"),
		call("aws", "CreateBucket", model.Create, "storage.bucket", "999999999999", "us-east-1", "s3:bucket", "arn:aws:s3:::acme-far", "created"),
	}
	texts := []string{declared}
	for i, a := range append(actions, call("aws", "CreateQueue", model.Create, "messaging.queue", "123456789012", "us-east-1", "sqs:queue", "arn:aws:sqs:us-east-1:123456789012:q", "created")) {
		set, err := intent.Parse("s.yaml", []byte(strings.Join(texts, "---\n")))
		if err != nil {
			t.Fatal(err)
		}
		draft, err := suggest.Suggest([]policy.Decision{{Action: a, Radius: policy.Radius{Complete: true}}}, set)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(draft), "kind: Actor") || strings.Contains(string(draft), "kind: Owner") || strings.Contains(string(draft), "kind: Environment") != (i == 1) {
			t.Errorf("what is declared is drafted again:\n%s", draft)
		}
		texts = append(texts, string(draft))
	}
	set, err := intent.Parse("s.yaml", []byte(strings.Join(texts, "---\n")))
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(texts, "---\n"))
	}
	p, err := checks.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range actions {
		d := policy.Decision{Action: a}
		if err := p.Judge(context.Background(), &d, nothing{}); err != nil || d.Verdict != policy.Allow {
			t.Errorf("%s is refused: %v %+v", a.Targets[0].URN, err, d.Findings)
		}
	}
}
