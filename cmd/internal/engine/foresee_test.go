package engine

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// foreseen judges calls as the gate does, on an estate of its own.
type foreseen struct {
	*Engine
	registry *decoders.Registry
	s        model.Snapshot
}

func foresees(t *testing.T, blueprint string, seen ...model.Observation) foreseen {
	t.Helper()
	set, err := intent.Parse("x.yaml", []byte(everything+"---\n"+blueprint))
	if err != nil {
		t.Fatal(err)
	}
	judge, err := Decider(set)
	if err != nil {
		t.Fatal(err)
	}
	amazon, _, err := Amazon("")
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	g.Apply(seen)
	asks := kube.Config{Current: kube.FromModel(g.Snapshot, nil), Compares: func() bool { return ratchets(set) }}
	r, err := registry(amazon, []Cluster{{Cluster: kube.Cluster{Name: "shop", Host: "shop.example:6443"}}}, nil, asks)
	if err != nil {
		t.Fatal(err)
	}
	return foreseen{&Engine{decide: judge, amazon: amazon}, r, g.Snapshot()}
}

func (f foreseen) judge(t *testing.T, c decoders.Call) policy.Decision {
	t.Helper()
	d, _, err := f.registry.Find(c)
	if err != nil || d == nil {
		t.Fatalf("%s is nobody's: %v", c.Host, err)
	}
	a, err := d.Decode(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	digest := a.DigestString()
	a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}
	f.foresee(&a, f.s)
	if a.DigestString() != digest {
		t.Error("what is foreseen makes another action of it")
	}
	return f.decide.Decide(t.Context(), a, f.s, policy.Enforce, time.Unix(1_800_000_000, 0), "dec_1")
}

func put(path, body string) decoders.Call {
	c := create(path, body)
	c.Method = "PUT"
	return c
}

func merge(path, body string) decoders.Call {
	return decoders.Call{Method: "PATCH", Scheme: "https", Host: "shop.example:6443", URL: &url.URL{Path: path},
		Header: http.Header{"Content-Type": {"application/merge-patch+json"}}, Body: []byte(body)}
}

const oldFaults = `apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: as-it-should-be, owner: platform}
spec:
  purpose: How things are built.
  for: {capability: ["*"]}
  require: {backup.retentionDays: {min: 7}}
  forbid: {container.privileged: true, network.ingress: {from: internet, ports: [22]}}
  ratchet: true
`

// An old fault does not stand in the way of a change that leaves it as it is, or mends
// some of it; a new one is refused: by the model for AWS, by the object for Kubernetes.
func TestTheRatchetLooksAtTheCurrentState(t *testing.T) {
	db := model.Resource{URN: "arn:aws:rds:us-east-1:123456789012:db:a", Platform: "aws", Type: "rds:db", Account: "123456789012", Region: "us-east-1",
		Attrs: json.RawMessage(`{"DBInstanceIdentifier":"a","BackupRetentionPeriod":2}`)}
	group := model.Resource{URN: "arn:aws:ec2:us-east-1:123456789012:security-group/sg-0123456789abcdef0", Platform: "aws", Type: "ec2:security-group", Account: "123456789012", Region: "us-east-1",
		Aliases: []string{"sg-0123456789abcdef0"},
		Attrs:   json.RawMessage(`{"GroupId":"sg-0123456789abcdef0","IpPermissions":[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`)}
	object := func(name, image string, privileged bool) string {
		return strings.NewReplacer("NAME", name, "IMAGE", image, "PRIVILEGED", map[bool]string{true: "true", false: "false"}[privileged]).Replace(
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"NAME","namespace":"web","resourceVersion":"7"},"spec":{"selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{"containers":[{"name":"a","image":"IMAGE","securityContext":{"privileged":PRIVILEGED}}]}}}}`)
	}
	deployed := func(name string, privileged bool) model.Observation {
		return model.Observation{Whole: true, Resource: model.Resource{URN: kube.URN("shop", "apps", "Deployment", "web", name), Platform: "kubernetes", Type: "apps/Deployment",
			Name: name, Account: "shop", Region: "web", Attrs: json.RawMessage(object(name, "old", privileged))}}
	}
	f := foresees(t, oldFaults, model.Observation{Whole: true, Resource: db}, model.Observation{Whole: true, Resource: group}, deployed("risky", true), deployed("safe", false))
	modify := "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier="
	path := "/apis/apps/v1/namespaces/web/deployments"
	for name, c := range map[string]struct {
		call decoders.Call
		want policy.Verdict
	}{
		"nearer":                  {query("rds", modify+"a&BackupRetentionPeriod=3"), policy.Allow},
		"as it is":                {query("rds", modify+"a&BackupRetentionPeriod=2"), policy.Allow},
		"farther":                 {query("rds", modify+"a&BackupRetentionPeriod=1"), policy.Deny},
		"of one that nobody read": {query("rds", modify+"b&BackupRetentionPeriod=3"), policy.Deny},
		"made anew":               {query("rds", made+"&BackupRetentionPeriod=3"), policy.Deny},
		"a rule that is there":    {query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0%2F0"), policy.Allow},
		"a rule that is not":      {query("ec2", ingress+"&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"), policy.Deny},
		"replaced, as it was":     {put(path+"/risky", object("risky", "new", true)), policy.Allow},
		"replaced, and mended":    {put(path+"/risky", object("risky", "new", false)), policy.Allow},
		"replaced, and broken":    {put(path+"/safe", object("safe", "new", true)), policy.Deny},
		"patched, as it was":      {merge(path+"/risky", `{"spec":{"template":{"metadata":{"labels":{"b":"b"}}}}}`), policy.Allow},
		"patched, and broken":     {merge(path+"/safe", `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"new","securityContext":{"privileged":true}}]}}}}`), policy.Deny},
		"of what nobody has seen": {put(path+"/unseen", object("unseen", "new", true)), policy.Deny},
	} {
		if d := f.judge(t, c.call); d.Verdict != c.want {
			t.Errorf("%s: %s %+v\nprops %+v\nbefore %+v", name, d.Verdict, d.Findings, d.Action.Props, d.Action.Before)
		}
	}
}

const kubeTies = `apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: ties, owner: platform}
spec:
  purpose: Who may be connected with whom.
  for: {capability: [compute.workload]}
  topology:
    - {id: no-root-secret, noEdge: {to: {type: core/Secret, resource: root}}}
    - {id: own-account, mustHaveEdge: {to: {type: core/ServiceAccount}, edges: [identity]}}
`

// What a workload would be connected with is known before it is: by its own object, in
// each way of writing it.
func TestATopologyRuleLooksAtWhatWouldBe(t *testing.T) {
	object := func(name, more, secret string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"` + name + `","namespace":"web","resourceVersion":"7"},"spec":{"selector":{"matchLabels":{"a":"a"}},"template":{"metadata":{"labels":{"a":"a"}},"spec":{` + more +
			`"containers":[{"name":"a","image":"i","envFrom":[{"secretRef":{"name":"` + secret + `"}}]}]}}}}`
	}
	mine := `"serviceAccountName":"mine",`
	was := model.Observation{Whole: true, Resource: model.Resource{URN: kube.URN("shop", "apps", "Deployment", "web", "old"), Platform: "kubernetes", Type: "apps/Deployment",
		Name: "old", Account: "shop", Region: "web", Attrs: json.RawMessage(object("old", mine, "own"))}}
	account := model.Observation{Whole: true, Resource: model.Resource{URN: kube.URN("shop", "", "ServiceAccount", "web", "mine"), Platform: "kubernetes", Type: "core/ServiceAccount", Name: "mine", Account: "shop", Region: "web"}}
	secret := func(name string) model.Observation {
		return model.Observation{Whole: true, Resource: model.Resource{URN: kube.URN("shop", "", "Secret", "web", name), Platform: "kubernetes", Type: "core/Secret", Name: name, Account: "shop", Region: "web"}}
	}
	f := foresees(t, kubeTies, was, account, secret("own"), secret("root"))
	path := "/apis/apps/v1/namespaces/web/deployments"
	for name, c := range map[string]struct {
		call decoders.Call
		want policy.Verdict
	}{
		"as it should be":                {create(path, object("new", mine, "own")), policy.Allow},
		"with the secret":                {create(path, object("new", mine, "root")), policy.Deny},
		"without an account":             {create(path, object("new", "", "own")), policy.Deny},
		"replaced, as it should be":      {put(path+"/old", object("old", mine, "own")), policy.Allow},
		"replaced, with the secret":      {put(path+"/old", object("old", mine, "root")), policy.Deny},
		"patched in another matter":      {merge(path+"/old", `{"spec":{"replicas":3}}`), policy.Allow},
		"patched, and gets the secret":   {merge(path+"/old", `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"i","envFrom":[{"secretRef":{"name":"root"}}]}]}}}}`), policy.Deny},
		"patched, and loses its account": {merge(path+"/old", `{"spec":{"template":{"spec":{"serviceAccountName":null}}}}`), policy.Deny},
	} {
		if d := f.judge(t, c.call); d.Verdict != c.want {
			t.Errorf("%s: %s %+v\nties %+v", name, d.Verdict, d.Findings, d.Action.Ties)
		}
	}
}
