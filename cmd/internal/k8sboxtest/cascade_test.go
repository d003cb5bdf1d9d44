package k8sboxtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

// doomed is what is made in each of the namespaces; NAME is an object's, SPACE the
// namespace, VOLUME a folder that a volume may be removed with.
const doomed = `
apiVersion: v1
kind: Namespace
metadata: {name: SPACE}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: SPACE}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: a, image: registry.example/a}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: SPACE}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: SPACE, labels: {app: NAME}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME, namespace: SPACE}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME-token, namespace: SPACE, annotations: {kubernetes.io/service-account.name: NAME}}
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: Secret
metadata: {name: NAME-looks-like-one, namespace: SPACE, annotations: {kubernetes.io/service-account.name: NAME}}
type: Opaque
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: SPACE-NAME}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: POLICY
  storageClassName: none
  hostPath: {path: VOLUME}
  claimRef: {namespace: SPACE, name: NAME}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: SPACE}
spec: {storageClassName: none, volumeName: SPACE-NAME, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: example.com/v1
kind: KIND
metadata: {name: NAME, namespace: SPACE}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME-owned, namespace: SPACE}
`

// bound is a pod on a node that nothing runs.
const bound = `
apiVersion: v1
kind: Node
metadata: {name: NODE}
---
apiVersion: v1
kind: Pod
metadata: {name: on-NODE, namespace: noded}
spec: {nodeName: NODE, containers: [{name: a, image: registry.example/a}], tolerations: [{operator: Exists}]}
`

// TestWhatADecisionNamesIsWhatEtcdLoses deletes, through the real engine, and holds
// what the decision says against the keys that etcd has lost: once with a model that
// follows the cluster, and once with none, so that the caller's own rights have to
// show it.
func TestWhatADecisionNamesIsWhatEtcdLoses(t *testing.T) {
	c := Start(t)
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		if out, err := c.Run("admin", args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	apply := func(text string) {
		t.Helper()
		path := filepath.Join(dir, "manifest.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		do("apply", "-f", path)
	}
	apply(crd)
	apply(strings.NewReplacer("widget", "gadget", "Widget", "Gadget").Replace(crd))
	do("wait", "--for=condition=Established", "crd/widgets.example.com", "crd/gadgets.example.com", "--timeout=30s")
	do("create", "namespace", "noded")
	followed, asked := behind(t, c, "admin"), behind(t, c, "")
	doors := []struct {
		name, space, node, plural, kind string
		*gated
	}{{"followed", "doomed", "one", "widgets", "Widget", followed}, {"asked", "lost", "two", "gadgets", "Gadget", asked}}
	for _, d := range doors {
		apply(strings.ReplaceAll(bound, "NODE", d.node))
		for _, name := range []string{"one", "two", "three", "four"} {
			policy, volume := "Retain", "/none"
			if name == "one" {
				policy, volume = "Delete", filepath.Join(dir, d.space) // below /tmp, where the controller dares to
				if err := os.MkdirAll(volume, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			apply(strings.NewReplacer("NAME", name, "SPACE", d.space, "KIND", d.kind, "POLICY", policy, "VOLUME", volume).Replace(doomed))
		}
		uid, err := c.Run("admin", "-n", d.space, "get", d.plural, "one", "-o", "jsonpath={.metadata.uid}")
		if err != nil {
			t.Fatal(uid)
		}
		do("-n", d.space, "patch", "configmap", "one-owned", "--type=merge", "-p", `{"metadata":{"ownerReferences":[{"apiVersion":"example.com/v1","kind":"`+d.kind+`","name":"one","uid":"`+uid+`"}]}}`)
		apply("apiVersion: example.com/v1\nkind: " + d.kind + "\nmetadata: {name: last, namespace: noded}\n")
	}
	until(t, "the controllers have made what they make", func() bool {
		for _, d := range doors {
			pods, _ := c.Run("admin", "-n", d.space, "get", "pods", "-o", "name")
			slices, _ := c.Run("admin", "-n", d.space, "get", "endpointslices", "-o", "name")
			claims, _ := c.Run("admin", "-n", d.space, "get", "pvc", "-o", "jsonpath={.items[*].status.phase}")
			tokens, _ := c.Run("admin", "-n", d.space, "get", "secrets", "-o", "jsonpath={.items[*].data.token}")
			if strings.Count(pods, "\n") != 8 || strings.Count(slices, "\n") != 4 || strings.Count(claims, "Bound") != 4 || len(strings.Fields(tokens)) != 4 {
				return false
			}
		}
		return true
	})
	until(t, "every kind is followed", followed.followed)
	f := newForwarder(t, c)
	all := f.served(t, c)
	type gone struct {
		name string
		keys map[string]bool
	}
	var nodes []gone
	for _, d := range doors {
		const apps, core, crds = "/apis/apps/v1/namespaces/SPACE/deployments/", "/api/v1/namespaces/SPACE/", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
		for _, del := range []struct{ name, path, body string }{
			{"a node", "/api/v1/nodes/NODE", ""}, // whose pods take a minute to go: looked at in the end
			{"a deployment", apps + "one", ""},
			{"a deployment alone", apps + "two", `{"propagationPolicy":"Orphan"}`},
			{"a deployment, dependents first", apps + "three", `{"propagationPolicy":"Foreground"}`},
			{"a replica set that nobody owns", "/apis/apps/v1/namespaces/SPACE/replicasets?labelSelector=app%3Dtwo", ""},
			{"a service", core + "services/one", ""},
			{"a claim, and its volume with the data", core + "persistentvolumeclaims/one", ""},
			{"a claim, whose volume stays", core + "persistentvolumeclaims/two", ""},
			{"a service account, with its token", core + "serviceaccounts/one", ""},
			{"a custom resource, and what it owns", "/apis/example.com/v1/namespaces/SPACE/PLURAL/one", ""},
			{"config maps by label", core + "configmaps?labelSelector=app+in+(one,two)", ""},
			{"config maps by name", core + "configmaps?fieldSelector=metadata.name%3Dthree", ""},
			{"secrets by type", core + "secrets?fieldSelector=type%3DOpaque", ""},
			{"nothing", core + "configmaps?labelSelector=app%3Dnone", ""},
			{"a definition", crds + "PLURAL.example.com", ""},
			{"a namespace", "/api/v1/namespaces/SPACE", ""},
		} {
			name := d.name + ": " + del.name
			path := strings.NewReplacer("SPACE", d.space, "NODE", d.node, "PLURAL", d.plural).Replace(del.path)
			before := keys(t, c)
			status, body, decision, decided := d.send(t, "admin", rawRequest{"DELETE", path, "", del.body})
			if status > 299 || !decided {
				t.Fatalf("%s: %d %s, decided %v", name, status, body, decided)
			}
			a := decision.Action.Affected
			if a == nil || !a.Complete {
				t.Errorf("%s: affected %+v", name, a)
				continue
			}
			want := map[string]bool{}
			for _, u := range touched(decision) {
				want[keyOf(t, all, u)] = true
			}
			if del.name == "a node" {
				nodes = append(nodes, gone{name, want})
				continue
			}
			var lost []string
			until(t, name+" is gone with all that was predicted", func() bool {
				after := keys(t, c)
				lost = lost[:0]
				for key := range before {
					if !after[key] && !strings.HasPrefix(key, "pods/noded/") {
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
			predicted := sorted(want)
			if !slices.Equal(lost, predicted) {
				t.Errorf("%s:\n lost      %q\n predicted %q", name, lost, predicted)
			}
			if volumes := data(decision.Action.Affected); (volumes > 0) != (del.name == "a claim, and its volume with the data") {
				t.Errorf("%s: the data of %d volumes is said to be lost", name, volumes)
			}
			if n := decision.Radius.Dependents; n < a.Count-orphaned(a) || !decision.Radius.Complete {
				t.Errorf("%s: %d go along, and the radius has %d dependents, complete %v %q", name, a.Count, n, decision.Radius.Complete, decision.Radius.Reasons)
			}
			if want := map[string]string{"followed": "model", "asked": "caller"}[d.name]; a.Source != want {
				t.Errorf("%s: known from %q", name, a.Source)
			}
			t.Logf("%s: %d keys predicted, %d lost", name, len(predicted), len(lost))
		}
	}
	for _, n := range nodes {
		if len(n.keys) != 2 {
			t.Errorf("%s: predicted %q", n.name, sorted(n.keys))
		}
		until(t, n.name+" is gone with its pods", func() bool {
			after := keys(t, c)
			return !slices.ContainsFunc(sorted(n.keys), func(key string) bool { return after[key] })
		})
	}
	// Alice may edit, and not list all there is: what she cannot see is said, and counts
	// as over any limit.
	do("-n", "noded", "create", "deployment", "seen", "--image=registry.example/a")
	status, body, decision, _ := asked.send(t, "alice", rawRequest{"DELETE", "/apis/apps/v1/namespaces/noded/deployments/seen", "", ""})
	if a := decision.Action.Affected; status > 299 || a == nil || a.Complete || len(a.Why) == 0 || decision.Radius.Complete {
		t.Errorf("%d %s: affected %+v, radius %+v", status, body, a, decision.Radius)
	}
}

func sorted(keys map[string]bool) []string {
	out := make([]string, 0, len(keys))
	for key := range keys {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// data counts the volumes whose data is lost.
func data(a *model.Affected) (n int) {
	for _, g := range a.Groups {
		if g.Data {
			n += len(g.Targets)
		}
	}
	return n
}

// orphaned counts what only loses an owner.
func orphaned(a *model.Affected) (n int) {
	for _, g := range a.Groups {
		if g.Verb != model.Delete {
			n += len(g.Targets)
		}
	}
	return n
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

// served is one kind that the cluster serves.
type served struct {
	path, group, resource, kind string
	namespaced                  bool
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
