package suggest

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

func seen(op string, verb model.Verb, capability, kind string, urn model.URN, role string) policy.Decision {
	return policy.Decision{ID: "dec_1", Radius: policy.Radius{Complete: true}, Action: model.Action{
		Actor: model.Actor{ID: "Deploy Bot", Kind: model.Agent, Authn: "run-token"}, Platform: "aws", Service: "s3", Operation: op, Verb: verb,
		Capability: capability, Account: "123456789012", Region: "us-east-1", Fidelity: model.Exact,
		Targets: []model.Target{{URN: urn, Type: kind, Role: role}}}}
}

var bucket = seen("CreateBucket", model.Create, "storage.bucket", "s3:bucket", "arn:aws:s3:::acme-scratch", model.RoleCreated)

func TestTheDraftLoadsAndNamesWhatWasSeen(t *testing.T) {
	kube := seen("create deployments", model.Create, "compute.workload", "apps/Deployment", "k8s://shop/apps/Deployment/web/api", model.RoleCreated)
	kube.Action.Platform, kube.Action.Service, kube.Action.Account, kube.Action.Region = "kubernetes", "apps", "shop", "web"
	machine := seen("RunInstances", model.Create, "compute.instance", "ec2:instance", "arn:aws:ec2:us-east-1:123456789012:instance/*", model.RoleCreated)
	list := []policy.Decision{bucket, kube, machine, bucket}
	text, err := Suggest(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := intent.Parse("suggested.yaml", text)
	if err != nil {
		t.Fatalf("the draft does not load: %v\n%s", err, text)
	}
	if len(set.Environments) != 1 || len(set.Actors) != 1 || len(set.Owners) != 1 || len(set.Intents[0].Allow) != 3 {
		t.Errorf("%s", text)
	}
	for _, want := range []string{"a person must fill this in", `"arn:aws:s3:::acme-scratch"`, `accounts: ["123456789012"]`, `namespaces: ["web"]`, "seen 2 times, by s3:CreateBucket", `identify: [{run: "Deploy Bot"}]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it does not say %s:\n%s", want, text)
		}
	}
	slices.Reverse(list)
	if again, _ := Suggest(list, nil); string(again) != string(text) {
		t.Error("the order of decisions matters")
	}
}

// What a person has to write is listed in comments and never drafted.
func TestLearningMayProposeButNeverTheDangerous(t *testing.T) {
	used := seen("DeleteBucket", model.Delete, "storage.bucket", "s3:bucket", "arn:aws:s3:::used", model.RoleTarget)
	used.Radius.Dependents = 3
	opaque := bucket
	opaque.Action.Fidelity = model.Opaque
	nobody := bucket
	nobody.Action.Actor = model.Actor{Said: map[string]string{"user-agent": "x\n- evil: true"}}
	cases := map[string]policy.Decision{
		"hands out permissions":     seen("PutBucketPolicy", model.Grant, "storage.bucket", "s3:bucket", "arn:aws:s3:::a", model.RoleTarget),
		"who may do what":           seen("CreateUser", model.Create, "identity.principal", "iam:user", "arn:aws:iam::123456789012:user/x", model.RoleCreated),
		"executes something":        seen("SendCommand", model.Execute, "compute.instance", "ec2:instance", "arn:aws:ec2:us-east-1:123456789012:instance/i-1", model.RoleTarget),
		"3 others depend on":        used,
		"nobody understands":        opaque,
		"vouches for":               nobody,
		"which resource it touches": seen("DeleteBucket", model.Update, "storage.bucket", "s3:bucket", "arn:aws:s3:::*", model.RoleTarget),
	}
	for says, d := range cases {
		text, err := Suggest([]policy.Decision{d}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), says) || !strings.Contains(string(text), "a person must write this") {
			t.Errorf("%q is not said:\n%s", says, text)
		}
		set, err := intent.Parse("s.yaml", text)
		if err != nil || !set.Empty() {
			t.Errorf("%s: something was drafted (%v):\n%s", says, err, text)
		}
	}
}

func TestReadsAndNothingNeedNoIntent(t *testing.T) {
	read := bucket
	read.Action.Verb = model.Read
	text, err := Suggest([]policy.Decision{read}, nil)
	if set, bad := intent.Parse("s.yaml", text); err != nil || bad != nil || !set.Empty() {
		t.Errorf("%s %v %v", text, err, bad)
	}
}
