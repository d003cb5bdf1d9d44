package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// developer is an agent with broad rights: whatever a developer builds with, in an
// account and in a namespace, and the team's own roles to hand over.
const developer = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: dev}
spec:
  tier: development
  scope:
    - {aws: {accounts: ["123456789012"]}}
    - {kubernetes: {clusters: [shop], clusterScoped: true}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: dev}
spec: {kind: agent, identify: [{run: dev}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: developing, owner: platform}
spec:
  purpose: Build whatever the shop needs.
  allow:
    - id: build
      who: [dev]
      may: [create, update, scale, enable, disable, attach, detach, delete]
      what: {capability: ["compute.*", "storage.*", "database.*", "network.*", "messaging.*", "iac.*", "function.*", "config", "aws.*", "k8s.*", "ml.*", "data.*", "pipeline"]}
      in: [dev]
    - id: own-functions
      who: [dev]
      may: [update]
      what: {resource: ["arn:aws:lambda:*:*:function:app-*"]}
      in: [dev]
    - id: own-roles
      who: [dev]
      may: [grant]
      what: {capability: [identity.passRole], resource: ["arn:aws:iam::123456789012:role/app-*"]}
      in: [dev]
  never:
    - {id: other-functions, what: {resource: ["arn:aws:lambda:*:*:function:admin-*"]}}
    - {id: no-rights, who: ["kind:agent"], may: [create, update, delete, attach, detach, enable, disable], what: {capability: ["identity.*", "k8s.rbac", "k8s.admission", "org.*", "audit.*"]}}
    - {id: no-secrets, who: ["kind:agent"], may: [reveal, execute]}
`

// way is one row of testdata/escalation.yaml.
type way struct {
	Name string `yaml:"name"`
	Bad  asked  `yaml:"bad"`
	Twin asked  `yaml:"twin"`
}

// asked is one call, as somebody would write it down.
type asked struct {
	AWS    string            `yaml:"aws"`
	Params map[string]any    `yaml:"params"`
	Kube   string            `yaml:"kube"`
	Body   string            `yaml:"body"`
	Type   string            `yaml:"type"`
	Header map[string]string `yaml:"header"`
}

// call is the request that a client would send.
func (a asked) call(t *testing.T, tab *table.Table) decoders.Call {
	t.Helper()
	if a.Kube != "" {
		method, target, _ := strings.Cut(a.Kube, " ")
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		c := decoders.Call{Method: method, Scheme: "https", Host: "shop.example:6443", URL: u, Header: http.Header{}, Body: []byte(a.Body)}
		if a.Body != "" {
			c.Header.Set("Content-Type", "application/json")
		}
		if a.Type != "" {
			c.Header.Set("Content-Type", a.Type)
		}
		for k, v := range a.Header {
			c.Header.Set(k, v)
		}
		return c
	}
	name, operation, _ := strings.Cut(a.AWS, ".")
	service, ok := tab.Service(name)
	if !ok {
		t.Fatalf("no service %s", name)
	}
	op, ok := service.Operation(operation)
	if !ok {
		t.Fatalf("no operation %s", a.AWS)
	}
	host := service.EndpointPrefix + ".us-east-1.amazonaws.com"
	for _, global := range []string{"iam", "organizations"} {
		if name == global {
			host = global + ".amazonaws.com"
		}
	}
	i := slices.IndexFunc(service.Protocols, func(p string) bool {
		return slices.Contains([]string{wire.JSON, wire.RestJSON, wire.RestXML, wire.EC2, wire.Query}, p)
	})
	if i < 0 {
		t.Fatalf("%s speaks %v", name, service.Protocols)
	}
	c, err := wire.EncodeInput(op, service.Protocols[i], host, a.Params)
	if err != nil {
		t.Fatal(err)
	}
	c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIARZPUZDIKABSGK3LP/20261124/us-east-1/"+service.SigningName+"/aws4_request, SignedHeaders=host, Signature=00")
	return c
}

// TestNobodyMakesThemselvesMore: an agent with broad rights that tries to get more
// is stopped at the call that would give them, on every known way; and the harmless
// twin of each passes.
func TestNobodyMakesThemselvesMore(t *testing.T) {
	data, err := os.ReadFile("testdata/escalation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var ways []way
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&ways); err != nil {
		t.Fatal(err)
	}
	if len(ways) < 40 {
		t.Fatalf("only %d ways", len(ways))
	}
	text := developer
	for _, name := range []string{"no-privilege-escalation.yaml", "pod-security-baseline.yaml"} {
		blueprint, err := os.ReadFile("../../../deploy/blueprints/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text += "---\n" + string(blueprint)
	}
	set, err := intent.Parse("dev.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	judge, err := Decider(set)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := Registry([]Cluster{{Cluster: kube.Cluster{Name: "shop", Host: "shop.example:6443"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(a asked) policy.Decision {
		c := a.call(t, tab)
		decoder, _, err := registry.Find(c)
		if err != nil || decoder == nil {
			t.Fatalf("%s%s: nobody decodes it: %v", a.AWS, a.Kube, err)
		}
		action, err := decoder.Decode(context.Background(), c)
		if err != nil {
			return policy.Decision{Findings: []policy.Finding{{Code: "AS1001", Why: err.Error()}}}
		}
		action.Actor = model.Actor{ID: "dev", Kind: model.Agent, Authn: "run-token"}
		if !action.Mutates() && action.Verb != model.Reveal { // the gate asks nobody about a read
			return policy.Decision{Verdict: policy.Allow, Grant: "read", Action: action}
		}
		return judge.Decide(context.Background(), action, graph.New(graph.Config{}).Snapshot(), policy.Enforce, time.Unix(1_800_000_000, 0), "dec_x")
	}
	for _, w := range ways {
		if d := ask(w.Bad); d.Verdict != policy.Deny {
			t.Errorf("%s: %s by %s: verb %s, %s", w.Name, d.Verdict, d.Grant, d.Action.Verb, d.Action.Capability)
		}
		if d := ask(w.Twin); d.Verdict != policy.Allow {
			findings, _ := json.Marshal(d.Findings)
			t.Errorf("%s: its twin is refused: verb %s, %s: %.700s", w.Name, d.Action.Verb, d.Action.Capability, findings)
		}
	}
	t.Logf("%d ways", len(ways))
}
