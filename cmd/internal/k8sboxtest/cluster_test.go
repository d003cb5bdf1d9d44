package k8sboxtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
)

// What the server's audit log says of every client is in cmd/assent/e2e, behind the
// whole proxy.
func TestRealCluster(t *testing.T) {
	for _, v := range Versions {
		t.Run(v.String(), func(t *testing.T) {
			c := v.Start(t)
			t.Run("kubectl prints a refusal word for word", func(t *testing.T) { testRefusal(t, c) })
			t.Run("what kubectl reads is learned", func(t *testing.T) { testLearned(t, c) })
			t.Run("every built-in kind is in the table", func(t *testing.T) { testKinds(t, c) })
		})
	}
}

// crd defines a kind that no table has.
const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func testRefusal(t *testing.T, c *Cluster) {
	f := newForwarder(t, c)
	f.refuse = func(a model.Action) bool { return a.Mutates() }
	through := f.kubeconfig(t, c, "agent-1")
	for _, line := range []string{
		"create configmap refused --from-literal=a=b", "delete configmap kube-root-ca.crt", "label configmap kube-root-ca.crt a=b",
		"exec no-pod -- id", "port-forward no-pod 1:1",
	} {
		before := len(f.seen)
		out, err := through.Run("agent-1", strings.Fields(line)...)
		if strings.HasPrefix(line, "exec") || strings.HasPrefix(line, "port-forward") {
			out = f.connect(t, c, line) // kubectl looks at the pod first, and there is none
		} else if err == nil {
			t.Errorf("kubectl %s: passed", line)
		}
		if !strings.Contains(out, "assent refused") || !strings.Contains(out, "ask checkout") {
			t.Errorf("kubectl %s: %s", line, out)
		}
		if len(f.seen) == before {
			t.Errorf("kubectl %s: not seen", line)
		}
	}
	if out, err := c.Run("admin", "get", "configmap", "refused"); err == nil {
		t.Errorf("it was made: %s", out)
	}
}

// connect makes a pod to connect to, and connects as kubectl does.
func (f *forwarder) connect(t *testing.T, c *Cluster, line string) string {
	t.Helper()
	if out, err := c.Run("admin", "get", "pod", "still", "--ignore-not-found", "-o", "name"); err != nil || out == "" {
		if out, err := c.Run("admin", "run", "still", "--image=registry.example/still"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		running := `{"status":{"phase":"Running"}}`
		if out, err := c.Run("admin", "patch", "pod", "still", "--subresource=status", "--type=merge", "-p", running); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	through := f.kubeconfig(t, c, "agent-1")
	out, err := through.Run("agent-1", strings.Fields(strings.Replace(line, "no-pod", "still", 1))...)
	if err == nil {
		t.Errorf("kubectl %s: passed", line)
	}
	return out
}

func testLearned(t *testing.T, c *Cluster) {
	f := newForwarder(t, c)
	through := f.kubeconfig(t, c, "alice")
	for _, line := range []string{"create deployment seen --image=registry.example/seen", "get deployments", "get deployment seen -o json", "get pods -A -o yaml", "delete deployment seen"} {
		if out, err := through.Run("alice", strings.Fields(line)...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	const urn = "k8s://box/apps/Deployment/default/seen"
	known, whole, gone := 0, 0, 0
	for _, j := range f.seen {
		for _, o := range j.learned {
			if o.Resource.URN != urn {
				continue
			}
			switch {
			case o.Gone:
				gone++
			case o.Whole:
				whole++
			default:
				known++
			}
		}
	}
	if known < 1 || whole < 2 || gone < 1 {
		t.Errorf("learned from tables %d, from objects %d, gone %d", known, whole, gone)
		for _, j := range f.seen {
			t.Logf("%s: %d, %v %v, learned %d", j.request, j.status, j.action.Fidelity, j.action.Unknown, len(j.learned))
		}
	}
}

// testKinds asks the server for all it serves and looks each up by decoding a
// call to it.
func testKinds(t *testing.T, c *Cluster) {
	out, err := c.Run("admin", "api-resources", "--no-headers", "-o", "wide", "--cached=false")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := newForwarder(t, c)
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Fields(line)
		at := slices.IndexFunc(fields, func(f string) bool { return f == "true" || f == "false" })
		if at < 2 || at+1 >= len(fields) {
			t.Fatalf("a line of another shape: %s", line)
		}
		resource, apiVersion, namespaced, kind := fields[0], fields[at-1], fields[at] == "true", fields[at+1]
		group, _, found := strings.Cut(apiVersion, "/")
		if !found {
			group = ""
		}
		if strings.HasSuffix(group, "example.com") {
			continue
		}
		n++
		path := "/apis/" + apiVersion
		if group == "" {
			path = "/api/" + apiVersion
		}
		want := kube.URN("box", group, kind, "", "x")
		if namespaced {
			path += "/namespaces/shop"
			want = kube.URN("box", group, kind, "shop", "x")
		}
		a := f.decode(t, path+"/"+resource+"/x")
		if len(a.Targets) != 1 || a.Targets[0].URN != want && resource != "bindings" {
			data, _ := json.Marshal(a.Targets)
			t.Errorf("%s: %s, want %s", resource, data, want)
		}
	}
	if n < 50 {
		t.Errorf("only %d resources", n)
	}
}
