package checks_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
)

const inUse = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: prod}
spec: {tier: production, scope: [{aws: {accounts: ["123456789012"]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: shop}
spec: {accountable: "human:carol@shop.example", owns: [{tag: {team: shop}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: data}
spec: {accountable: "human:dan@shop.example", owns: [{tag: {team: data}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: shop}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: tidy, owner: shop}
spec:
  purpose: take away what nobody uses
  allow:
    - {id: idle, who: bot, may: [delete], in: prod, limits: {dependents: 0}}
`

// estateModel is the estate of model/radius, learnt from real answers.
func estateModel(t *testing.T) model.Snapshot {
	t.Helper()
	f, err := os.Open("../../model/radius/testdata/observed.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := graph.New(graph.Config{})
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o model.Observation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		g.Apply([]model.Observation{o})
	}
	if lines.Err() != nil || g.Size() < 60 {
		t.Fatalf("%d resources, %v", g.Size(), lines.Err())
	}
	return g.Snapshot()
}

// idOf is the id of what is called so in the estate.
func idOf(t *testing.T, s model.Snapshot, kind, attribute, value string) string {
	t.Helper()
	found := ""
	s.Each(func(r model.Resource) bool {
		if r.Type == kind && (r.Name == value || strings.Contains(string(r.Attrs), `"`+attribute+`":"`+value+`"`)) {
			found = r.Aliases[0]
		}
		return found == ""
	})
	if found == "" {
		t.Fatalf("the estate has no %s %s", kind, value)
	}
	return found
}

// What is in use is not deleted, although the API (this one: moto) would do it:
// the refusal says who depends on it. What nothing uses goes, what was never read
// does not.
func TestWhatIsInUseIsNotDeleted(t *testing.T) {
	s := estateModel(t)
	id := func(kind, attribute, value string) string { return idOf(t, s, kind, attribute, value) }
	d, err := aws.New()
	if err != nil {
		t.Fatal(err)
	}
	set, err := intent.Parse("intent.yaml", []byte(inUse))
	if err != nil {
		t.Fatal(err)
	}
	p, err := checks.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body    string
		verdict policy.Verdict
		says    []string
	}{
		{"Action=DeleteSubnet&SubnetId=" + id("ec2:subnet", "", "private-a"), policy.Deny, []string{"resources depend on it", "(ec2:instance)", "owners: data"}},
		{"Action=DeleteSubnet&SubnetId=" + id("ec2:subnet", "", "public-b"), policy.Deny, []string{"2 resources depend on it", "(elasticloadbalancing:loadbalancer/app/)"}},
		{"Action=DeleteSecurityGroup&GroupId=" + id("ec2:security-group", "GroupName", "web"), policy.Deny, []string{"resources depend on it", "(ec2:instance) of shop"}},
		{"Action=DeleteSecurityGroup&GroupId=" + id("ec2:security-group", "GroupName", "lambda"), policy.Deny, []string{"worker (lambda:function)"}},
		{"Action=DeleteSubnet&SubnetId=subnet-0123456789abcdef0", policy.Deny, []string{"subnet-0123456789abcdef0 was never read"}},
		{"Action=DeleteSnapshot&SnapshotId=" + id("ec2:snapshot", "Description", ""), policy.Allow, nil},
	} {
		u, err := url.Parse("https://ec2.us-east-1.amazonaws.com/")
		if err != nil {
			t.Fatal(err)
		}
		call := decoders.Call{Method: "POST", Scheme: "https", Host: u.Host, URL: u, Body: []byte(c.body + "&Version=2016-11-15"), Header: http.Header{
			"Content-Type":  {"application/x-www-form-urlencoded; charset=utf-8"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIARZPUZDIKABSGK3LP/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"}}}
		a, err := d.Decode(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run-token"}
		decision := policy.Decision{Action: a}
		if err := p.Judge(context.Background(), &decision, s); err != nil {
			t.Fatal(err)
		}
		first, _ := decision.First()
		if decision.Verdict != c.verdict || c.verdict == policy.Deny && first.Code != checks.CodeDependents {
			t.Errorf("%s: %s, %+v", c.body, decision.Verdict, decision.Findings)
		}
		for _, word := range c.says {
			if !strings.Contains(first.Why, word) {
				t.Errorf("%s: the refusal does not say %q: %s", c.body, word, first.Why)
			}
		}
	}
}
