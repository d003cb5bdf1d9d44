package k8sboxtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/cascade"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

const doomed = `
apiVersion: v1
kind: Namespace
metadata: {name: doomed}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: doomed}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: a, image: registry.example/a}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: doomed}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: doomed, labels: {app: NAME}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: none
  hostPath: {path: /none}
  claimRef: {namespace: doomed, name: NAME}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: doomed}
spec: {storageClassName: none, volumeName: NAME, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// served is one kind that the cluster serves.
type served struct {
	path, group, resource, kind string
	namespaced                  bool
}

// TestAPredictedCascadeIsWhatEtcdLoses predicts deletes from a model that was
// filled by listing, makes them, and compares with the keys that etcd has lost.
func TestAPredictedCascadeIsWhatEtcdLoses(t *testing.T) {
	c := Start(t)
	f := newForwarder(t, c)
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		if out, err := c.Run("admin", args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	do("create", "-f", file("crd.yaml", crd))
	do("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=30s")
	for _, name := range []string{"one", "two", "three", "four"} {
		do("apply", "-f", file(name+".yaml", strings.ReplaceAll(doomed, "NAME", name)))
		do("-n", "doomed", "rollout", "status", "deployment/"+name, "--watch=false")
	}
	do("apply", "-f", file("w.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: doomed}\n"))
	do("apply", "-f", file("v.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: v, namespace: default}\n"))
	until(t, "the controllers have made what they make", func() bool {
		pods, _ := c.Run("admin", "-n", "doomed", "get", "pods", "-o", "name")
		slices, _ := c.Run("admin", "-n", "doomed", "get", "endpointslices", "-o", "name")
		claims, _ := c.Run("admin", "-n", "doomed", "get", "pvc", "-o", "jsonpath={.items[*].status.phase}")
		return strings.Count(pods, "\n") == 8 && strings.Count(slices, "\n") == 4 && strings.Count(claims, "Bound") == 4
	})
	const apps, core = "/apis/apps/v1/namespaces/doomed/deployments/", "/api/v1/namespaces/doomed/"
	for _, d := range []struct {
		name, path, body string
		ask              cascade.Ask
	}{
		{"a deployment", apps + "one", "", cascade.Ask{Target: kube.URN("box", "apps", "Deployment", "doomed", "one")}},
		{"a deployment alone", apps + "two", `{"propagationPolicy":"Orphan"}`, cascade.Ask{Target: kube.URN("box", "apps", "Deployment", "doomed", "two"), Policy: "Orphan"}},
		{"a deployment, dependents first", apps + "three", `{"propagationPolicy":"Foreground"}`, cascade.Ask{Target: kube.URN("box", "apps", "Deployment", "doomed", "three"), Policy: "Foreground"}},
		{"a service", core + "services/one", "", cascade.Ask{Target: kube.URN("box", "", "Service", "doomed", "one")}},
		{"a claim", core + "persistentvolumeclaims/one", "", cascade.Ask{Target: kube.URN("box", "", "PersistentVolumeClaim", "doomed", "one")}},
		{"config maps by label", core + "configmaps?labelSelector=app+in+(one,two)", "", cascade.Ask{Target: kube.URN("box", "", "ConfigMap", "doomed", "*"), Labels: "app in (one,two)"}},
		{"a definition", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com", "", cascade.Ask{Target: kube.URN("box", "apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.com")}},
		{"a namespace", "/api/v1/namespaces/doomed", "", cascade.Ask{Target: kube.URN("box", "", "Namespace", "", "doomed")}},
	} {
		before := keys(t, c)
		all := f.served(t, c)
		snapshot, listed := f.listAll(t, c, all)
		d.ask.Listed = func(group, kind, _ string) bool { return listed[group+"/"+kind] }
		d.ask.Kinds = []string{}
		for _, s := range all {
			if s.namespaced {
				d.ask.Kinds = append(d.ask.Kinds, s.group+"/"+s.kind)
			}
		}
		set := cascade.Of(snapshot, d.ask)
		if !set.Complete {
			t.Errorf("%s: incomplete: %q", d.name, set.Why)
		}
		want := map[string]bool{}
		for _, u := range set.Deleted {
			want[keyOf(t, all, u)] = true
		}
		if status, body := f.ask(t, c, "DELETE", d.path, "", d.body); status > 299 {
			t.Fatalf("%s: %d %s", d.name, status, body)
		}
		var lost []string
		until(t, d.name+" is gone with all that was predicted", func() bool {
			after := keys(t, c)
			lost = lost[:0]
			for key := range before {
				if !after[key] {
					lost = append(lost, key)
				}
			}
			left := 0
			for key := range want {
				if after[key] {
					left++
				}
			}
			return left == 0
		})
		slices.Sort(lost)
		var predicted []string
		for key := range want {
			predicted = append(predicted, key)
		}
		slices.Sort(predicted)
		if !slices.Equal(lost, predicted) {
			t.Errorf("%s:\n lost      %q\n predicted %q", d.name, lost, predicted)
		}
		t.Logf("%s: %d keys predicted, %d lost", d.name, len(predicted), len(lost))
	}
}

// until asks until it is so, for a minute.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline.C:
			t.Errorf("not in a minute: %s", what)
			return
		case <-tick.C:
		}
	}
}

// keys are etcd's, but for events, leases and the server's own bookkeeping:
// resource/NAMESPACE/NAME or resource/NAME.
func keys(t *testing.T, c *Cluster) map[string]bool {
	t.Helper()
	enc := base64.StdEncoding.EncodeToString
	body, err := json.Marshal(map[string]any{"key": enc([]byte("/registry/")), "range_end": enc([]byte("/registry0")), "keys_only": true})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(c.Etcd+"/v3/kv/range", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Kvs []struct{ Key []byte }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Kvs) == 0 {
		t.Fatalf("reading etcd's keys: %v", err)
	}
	out := map[string]bool{}
	for _, kv := range answer.Kvs {
		key := strings.TrimPrefix(string(kv.Key), "/registry/")
		key = strings.TrimPrefix(strings.TrimPrefix(key, "services/specs/"), "services/")
		if key != strings.TrimPrefix(string(kv.Key), "/registry/") && !strings.HasPrefix(key, "endpoints/") {
			key = "services/" + key
		}
		if first, rest, _ := strings.Cut(key, "/"); strings.Contains(first, ".") {
			key = rest
		}
		switch first, _, _ := strings.Cut(key, "/"); first {
		case "events", "leases", "masterleases", "ranges":
		default:
			out[key] = true
		}
	}
	return out
}

// keyOf spells a URN as keys does.
func keyOf(t *testing.T, all []served, u model.URN) string {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(string(u), "k8s://box/"), "/")
	for _, s := range all {
		if s.group == parts[0] && (s.kind == parts[1] || s.resource == parts[1]) {
			if parts[2] == "" {
				return s.resource + "/" + parts[3]
			}
			return s.resource + "/" + parts[2] + "/" + parts[3]
		}
	}
	t.Fatalf("nothing serves %s", u)
	return ""
}

// served asks the server which kinds it lists.
func (f *forwarder) served(t *testing.T, c *Cluster) []served {
	t.Helper()
	out, err := c.Run("admin", "api-resources", "--no-headers", "--verbs=list", "--cached=false")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var all []served
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Fields(line)
		n := len(fields)
		s := served{resource: fields[0], kind: fields[n-1], namespaced: fields[n-2] == "true"}
		group, _, found := strings.Cut(fields[n-3], "/")
		s.group, s.path = group, "/apis/"+fields[n-3]+"/"+s.resource
		if !found {
			s.group, s.path = "core", "/api/"+fields[n-3]+"/"+s.resource
		}
		if s.kind != "Event" && s.kind != "ComponentStatus" {
			all = append(all, s)
		}
	}
	return all
}

// listAll fills a model by listing every kind.
func (f *forwarder) listAll(t *testing.T, c *Cluster, all []served) (model.Snapshot, map[string]bool) {
	t.Helper()
	g := graph.New(graph.Config{})
	listed := map[string]bool{}
	for _, s := range all {
		status, body := f.ask(t, c, "GET", s.path, "", "")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", s.path, status, body)
		}
		u, err := url.Parse("https://" + f.host + s.path)
		if err != nil {
			t.Fatal(err)
		}
		call := decoders.Call{Method: "GET", Scheme: "https", Host: f.host, URL: u, Header: http.Header{}}
		g.Apply(f.decoder.Learn(call, &decoders.Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}))
		listed[s.group+"/"+s.kind] = true
	}
	return g.Snapshot(), listed
}
