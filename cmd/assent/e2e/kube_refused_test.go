package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// TestWhatIsRefusedWritesNothing: etcd is the judge. The cluster has no controllers,
// so that nobody else writes.
func TestWhatIsRefusedWritesNothing(t *testing.T) {
	c := k8sboxtest.Start(t, "--controllers=false")
	k := newKube(t, c, "admin", "refused").enforcing()
	k.write("intent/releases.yaml", releaseIntent)
	t.Run("kubectl exits non-zero with our message and the audit log has no such id", func(t *testing.T) { kubeRefused(t, k) })
	t.Run("a chart with one forbidden object is refused at the release secret with no writes", func(t *testing.T) { kubeChart(t, k) })
}

// releaseIntent lets the agent install what is made of workloads and settings.
const releaseIntent = `
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: releases, owner: checkout}
spec:
  purpose: Installing charts.
  allow:
    - {id: all, who: [deploy-agent], may: [create, update], what: {capability: [compute.workload, config, secret]}, in: [shop]}
`

func kubeRefused(t *testing.T, k *kube) {
	k.direct("-n", k.namespace, "create", "serviceaccount", "default")
	k.direct("-n", k.namespace, "run", "closed", "--image=registry.example/closed")
	k.direct("-n", k.namespace, "patch", "pod", "closed", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)
	for what, line := range map[string]string{
		"create":       "create role mine --verb=get --resource=pods",
		"patch":        `patch serviceaccount default --type=merge -p {"metadata":{"labels":{"a":"b"}}}`,
		"delete":       "delete pod closed",
		"exec":         "exec closed -- id",
		"port-forward": "port-forward closed :80",
	} {
		ids := k.unwritten(what, func() string {
			before := len(k.entries())
			return decisionID.FindString(k.refused(k.as("deploy-agent", strings.Fields(line)...), before))
		})
		audit, err := os.ReadFile(k.cluster.Audit)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if id == "" || bytes.Contains(audit, []byte(id)) {
				t.Errorf("%s was refused as %q, and the server knows it", what, id)
			}
		}
	}
}

// unwritten does something that writes nothing, and returns what it says: more than
// once where it coincides with a lease, which the server writes every ten seconds.
func (k *kube) unwritten(what string, do func() string) (said []string) {
	k.t.Helper()
	for range 4 {
		before := k.revision()
		said = append(said, do())
		if k.revision() == before {
			return said
		}
	}
	k.t.Errorf("%s: etcd was written to", what)
	return said
}

// revision is etcd's: the number of writes so far.
func (k *kube) revision() string {
	k.t.Helper()
	resp, err := http.Post(k.cluster.Etcd+"/v3/maintenance/status", "application/json", strings.NewReader("{}"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct{ Header struct{ Revision string } }
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil || status.Header.Revision == "" {
		k.t.Fatalf("reading etcd's status: %v", err)
	}
	return status.Header.Revision
}

// chartWeb is what an agent may install; chartEvil goes with it in the other chart.
const (
	chartWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "registry.example/web:1"}]}}
`
	chartEvil = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: evil}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory}]
`
)

func kubeChart(t *testing.T, k *kube) {
	// First as helm writes it: the release's record comes before every object.
	install := func(name string, objects ...string) result {
		k.write("record.json", releaseRecord(t, name, k.namespace, "---\n"+strings.Join(objects, "---\n")))
		return k.as("deploy-agent", "create", "--raw", "/api/v1/namespaces/"+k.namespace+"/secrets", "-f", "record.json")
	}
	k.unwritten("the record of a chart with one forbidden object", func() string {
		before := len(k.entries())
		said := k.refused(install("evil", chartWeb, chartEvil), before)
		contains(t, "the refusal", said, "RoleBinding/refused/evil")
		return said
	})
	if r := install("good", chartWeb); r.code != 0 {
		t.Errorf("the same chart without it: %v", r)
	}
	// Then by helm itself.
	helm, err := exec.LookPath("helm")
	if err != nil {
		t.Log("NOT RUN: helm is not installed")
		return
	}
	for name, templates := range map[string]map[string]string{"good": {"web.yaml": chartWeb}, "evil": {"web.yaml": chartWeb, "zz.yaml": chartEvil}} {
		k.write(name+"/Chart.yaml", "apiVersion: v2\nname: "+name+"\nversion: 0.1.0\n")
		for file, content := range templates {
			k.write(name+"/templates/"+file, content)
		}
	}
	run := func(args ...string) result {
		return k.assent(append([]string{"run", "--as", "deploy-agent", "--", helm}, args...)...)
	}
	k.unwritten("helm install of a chart with one forbidden object", func() string {
		before := len(k.entries())
		r := run("install", "shop", "evil")
		// Helm looks for what is installed, which reads secrets, and then writes its record.
		changes := slices.DeleteFunc(k.entries()[before:], func(d kubeDecision) bool { return d.Action.Verb == "reveal" })
		if r.code == 0 || !strings.Contains(r.errOut, "assent refused this call") || !strings.Contains(r.errOut, "RoleBinding/refused/evil") ||
			len(changes) != 1 || changes[0].Action.Operation != "create secrets" || changes[0].Verdict != "deny" {
			t.Errorf("it is not refused at the release secret: %v\n%+v", r, changes)
		}
		return r.errOut
	})
	if r := run("install", "shop", "good"); r.code != 0 {
		t.Errorf("the same chart without it: %v", r)
	}
	k.direct("-n", k.namespace, "get", "deployment", "web")
}

// releaseRecord is the secret that helm writes first.
func releaseRecord(t *testing.T, name, namespace, manifest string) string {
	t.Helper()
	release, err := json.Marshal(map[string]any{"name": name, "namespace": namespace, "version": 1, "manifest": manifest,
		"info": map[string]any{"status": "pending-install"}})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(release) // into memory
	_ = w.Close()
	inner := base64.StdEncoding.EncodeToString(packed.Bytes())
	secret, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{"name": "sh.helm.release.v1." + name + ".v1"}, "data": map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(inner))}})
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}
