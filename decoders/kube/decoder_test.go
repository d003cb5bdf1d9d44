package kube

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

func TestClaimsItsClustersAlone(t *testing.T) {
	d := testDecoder(t)
	for host, want := range map[string]bool{
		"c.example:6443": true, "rancher.example": true,
		"c.example": false, "c.example:443": false, "x.c.example:6443": false, "": false,
	} {
		if got := d.Claims(decoders.Call{Host: host}).Mine; got != want { // a CONNECT has only a host
			t.Errorf("%q: mine %v, want %v", host, got, want)
		}
	}
}

func TestNewChecksItsClusters(t *testing.T) {
	for _, clusters := range [][]Cluster{
		{{Name: "a"}},
		{{Host: "h"}},
		{{Name: "a", Host: "h"}, {Name: "b", Host: "H:443"}},
		{{Name: "a", Host: "h", PathPrefix: "k8s"}},
	} {
		if _, err := New(Config{Clusters: clusters}); err == nil {
			t.Errorf("%v was taken", clusters)
		}
	}
	if _, err := New(Config{Clusters: []Cluster{{Name: "a", Host: "h"}, {Name: "a", Host: "h"}}}); err != nil {
		t.Errorf("the same cluster in two files: %v", err)
	}
}

func TestAClusterBelowAPath(t *testing.T) {
	d := testDecoder(t)
	decode := func(path string) model.Action {
		call := callOf(t, "DELETE "+path, "", "")
		call.Host = "rancher.example"
		a, err := d.Decode(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := decode("/k8s/clusters/r/api/v1/namespaces/x"); a.Account != "r" || a.Targets[0].URN != "k8s://r/core/Namespace//x" {
		t.Errorf("inside: %+v", a)
	}
	if a := decode("/v3/clusters/r"); a.Verb != model.Unknown || a.Fidelity != model.Opaque {
		t.Errorf("outside: %+v", a)
	}
}

func TestAHostBoundByNameIsItsOwnCluster(t *testing.T) {
	call := callOf(t, "GET /api/v1/pods", "", "")
	call.Host = "bound.example"
	a, err := testDecoder(t).Decode(context.Background(), call)
	if err != nil || a.Account != "bound.example" || a.Verb != model.List {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestNativeKeepsItsContract(t *testing.T) {
	call := callOf(t, "PATCH "+apps+"/deployments/web/scale?fieldManager=k", merge, `{"spec":{"replicas":3}}`)
	call.Header.Set("Kubectl-Command", "kubectl scale")
	call.Header.Set("Kubectl-Session", "1234")
	a, err := testDecoder(t).Decode(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	const native = `{"verb":"patch","group":"apps","version":"v1","resource":"deployments","subresource":"scale","namespace":"shop","name":"web","kubectl_command":"kubectl scale"}`
	if string(a.Native) != native {
		t.Errorf("native %s\nwant   %s", a.Native, native)
	}
	const params = `{"options":{"fieldManager":"k"},"patch":{"spec":{"replicas":3}},"patch_type":"merge"}`
	if string(a.Params) != params {
		t.Errorf("params %s\nwant   %s", a.Params, params)
	}
	if a.Service != "apps" || a.Account != "c" || a.Region != "shop" || a.Capability != "compute.workload" || a.Actor.Said["kubectl-session"] != "1234" {
		t.Errorf("%+v", a)
	}
	call.Header.Set("Kubectl-Session", "5678")
	again, _ := testDecoder(t).Decode(context.Background(), call)
	if again.Digest() != a.Digest() {
		t.Error("a second try is another change")
	}
}

func TestExecShowsItsCommand(t *testing.T) {
	a, err := testDecoder(t).Decode(context.Background(), callOf(t, "GET "+ns+"/pods/web/exec?command=sh&command=-c&command=id&container=app", "", ""))
	if want := `{"command":["sh","-c","id"],"container":"app"}`; err != nil || string(a.Params) != want {
		t.Errorf("%s, %v, want %s", a.Params, err, want)
	}
}

func TestImpersonationIsAGrantOfItsOwn(t *testing.T) {
	call := callOf(t, "GET "+ns+"/pods", "", "")
	call.Header.Set("Impersonate-User", "alice")
	call.Header.Add("Impersonate-Group", "ops")
	call.Header.Set("Impersonate-Extra-Scope", "x")
	a, err := testDecoder(t).Decode(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Mutates() || len(a.Parts) != 1 || a.Verb != model.List || a.Parts[0].Verb != model.Grant || a.Parts[0].Targets[0].URN != "k8s://c/core/User//alice" || a.Parts[0].Targets[1].URN != "k8s://c/core/Group//ops" {
		t.Errorf("%+v", a)
	}
}

// Law 8: secrets are never stored.
func TestSecretsAreNeverInParams(t *testing.T) {
	const secret = "aHVudGVyMi1odW50ZXIy"
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyb2JvdCJ9.c2lnbmF0dXJl"
	for _, c := range []struct{ request, contentType, body string }{
		{"POST " + ns + "/secrets", "", `{"metadata":{"name":"s"},"data":{"k":"SECRET"}}`},
		{"POST " + ns + "/secrets", "", `{"metadata":{"name":"s"},"stringData":{"k":"SECRET"}}`},
		{"PUT " + ns + "/secrets/s", "application/yaml", "metadata: {name: s}\ndata: {k: SECRET}\n"},
		{"PATCH " + ns + "/secrets/s", strategic, `{"data":{"k":"SECRET"}}`},
		{"PATCH " + ns + "/secrets/s", apply, `{"kind":"Secret","data":{"k":"SECRET"}}`},
		{"PATCH " + ns + "/secrets/s", jsonPatch, `[{"op":"add","path":"/data/k","value":"SECRET"}]`},
		{"PATCH " + ns + "/secrets/s", jsonPatch, `[{"op":"add","path":"","value":{"data":{"k":"SECRET"}}}]`},
		{"PATCH " + ns + "/secrets/s", merge, `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"k\":\"SECRET\"}}"}}}`},
		{"POST " + apps + "/deployments", "", `{"metadata":{"name":"w"},"spec":{"template":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"SECRET"}]}]}}}}`},
		{"POST " + ns + "/configmaps", "", `{"metadata":{"name":"c"},"data":{"conf":"token: JWT"}}`},
		{"POST " + ns + "/configmaps", "", `{"metadata":{"name":"c"},"data":{"url":"postgres://app:SECRET@db/x"}}`},
		{"POST /apis/authentication.k8s.io/v1/tokenreviews", "", `{"spec":{"token":"SECRET"}}`},
		{"GET " + ns + "/pods/web/exec?command=curl&command=-H&command=Authorization:+Bearer+JWT", "", ""},
	} {
		fill := strings.NewReplacer("SECRET", secret, "JWT", jwt)
		call := callOf(t, fill.Replace(c.request), c.contentType, fill.Replace(c.body))
		a, err := testDecoder(t).Decode(context.Background(), call)
		if err != nil {
			t.Errorf("%s: %v", c.request, err)
			continue
		}
		stored, _ := json.Marshal(a)
		if strings.Contains(string(stored), secret) || strings.Contains(string(stored), jwt) {
			t.Errorf("%s %s\n%s", c.request, c.body, stored)
		}
		open, _ := testDecoder(t).DecodeWithSecrets(context.Background(), call)
		if shown := string(open.Params); !strings.Contains(shown, secret) && !strings.Contains(shown, jwt) {
			t.Errorf("%s: DecodeWithSecrets left it out: %s", c.request, shown)
		}
	}
}

// Law 9: a refusal is an answer.
func TestARefusalIsAnAnswer(t *testing.T) {
	d := testDecoder(t)
	const message = `assent: "agent-1" may not delete deployments <web>; ask checkout`
	for _, line := range []string{"DELETE " + apps + "/deployments/web", "GET " + ns + "/pods/web/exec?command=id", "GET /version", "GET /api/v1/namespaces/../x"} {
		resp := d.Refuse(callOf(t, line, "", ""), decoders.Refusal{Code: decoders.DeniedCode, Message: message, DecisionID: "dec-1"})
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Kind, Status, Message, Reason string
			Code                          int
		}
		if err := json.Unmarshal(body, &s); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusForbidden || s.Code != 403 || s.Kind != "Status" || s.Reason != "Forbidden" || s.Message != message {
			t.Errorf("%s: %d %s", line, resp.StatusCode, body)
		}
		if resp.ContentLength != int64(len(body)) || resp.Header.Get("X-Assent-Decision") != "dec-1" || resp.Header.Get("Audit-Id") != "dec-1" {
			t.Errorf("%s: %v", line, resp.Header)
		}
	}
	if resp := d.Refuse(decoders.Call{Host: "c.example:6443"}, decoders.Refusal{Message: message}); resp.StatusCode != 403 {
		t.Error("a call without a URL got no refusal")
	}
}

func FuzzRoute(f *testing.F) {
	for _, c := range requestCases {
		method, target, _ := strings.Cut(c.request, " ")
		path, query, _ := strings.Cut(target, "?")
		f.Add(method, path, query)
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		values, _ := url.ParseQuery(query)
		r, err := RouteOf(method, path, values)
		if err != nil {
			return
		}
		verb := verbOf(method, r)
		if !verb.Valid() {
			t.Fatalf("verb %q", verb)
		}
		if !verb.Mutates() && method != "GET" && method != "HEAD" && !isReview(r) && r.Subresource != "token" {
			t.Fatalf("%s %s is %s", method, path, verb)
		}
		if strings.Contains(path, "..") && strings.Contains("/"+path+"/", "/../") {
			t.Fatalf("%s was taken", path)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, c := range requestCases {
		method, _, _ := strings.Cut(c.request, " ")
		f.Add(verbOfMethod(method), c.contentType, []byte(c.body))
	}
	f.Fuzz(func(t *testing.T, verb, contentType string, data []byte) {
		body, err := parseBody(verb, contentType, "", data)
		if err != nil || !body.Read {
			return
		}
		if _, err := json.Marshal(redact(body.Value, true)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzOptions(f *testing.F) {
	f.Add("dryRun=All", []byte(`{}`))
	f.Add("dryRun=All;x", []byte(`{"dryRun":["All"]}`))
	f.Add("dryRun=None", []byte(`{"kind":"DeleteOptions","dryRun":null}`))
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		call := callOf(t, "DELETE "+ns+"/pods/web", "", string(body))
		call.URL.RawQuery = query
		a, err := d.Decode(context.Background(), call)
		if err != nil || !a.DryRun {
			return
		}
		if len(body) > 0 && !strings.Contains(string(body), "dryRun") && !strings.Contains(string(body), `\u`) {
			t.Fatalf("a dry run by %q with a body of %q", query, body)
		}
	})
}
