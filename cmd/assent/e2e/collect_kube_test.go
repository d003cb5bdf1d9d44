package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubeCollect reads a cluster once, as somebody who may see everything, and as
// somebody who may not.
func kubeCollect(t *testing.T, c *k8sboxtest.Cluster) {
	const secret = "c0rrect-horse-battery"
	k := newKube(t, c, "admin", "collected")
	k.direct("-n", "collected", "create", "secret", "generic", "db", "--from-literal=password="+secret)
	k.direct("-n", "collected", "create", "configmap", "settings", "--from-literal=note="+secret)
	k.direct("-n", "collected", "create", "deployment", "web", "--image=registry.example/web", "--replicas=1")
	waitFor(t, "the pod of the deployment", func() bool {
		return strings.Contains(k.direct("-n", "collected", "get", "pods", "-o", "name"), "pod/web-")
	})
	config := func(user string) {
		k.write("assent.yaml", fmt.Sprintf("clusters: [%q]\ncollect: {kubernetes: [{cluster: k8sbox, kubeconfig: %q}]}\n", c.Kubeconfig["admin"], c.Kubeconfig[user]))
	}
	config("admin")
	states := func() map[string]string {
		t.Helper()
		out := map[string]string{}
		for _, one := range k.collect() {
			out[one.Type] = one.State
		}
		return out
	}
	all := states()
	if len(all) < 40 || all["core/Pod"] != "complete" || all["core/Secret"] != "complete" {
		t.Fatalf("%v", all)
	}
	for kind, state := range all {
		if state != "complete" {
			t.Errorf("%s: %s", kind, state)
		}
	}
	// What depends on what is known without a single call having passed.
	if r := k.must(binary, "what", "k8s://k8sbox/apps/Deployment/collected/web", "--json"); !strings.Contains(r.out, "k8s://k8sbox/apps/ReplicaSet/collected/web-") || !strings.Contains(r.out, "k8s://k8sbox/core/Pod/collected/web-") {
		t.Errorf("%s", r.out)
	}
	// Secrets are never stored: not as they are, and not as the server writes them.
	k.must(binary, "what", "k8s://k8sbox/core/Secret/collected/db")
	files, err := filepath.Glob(filepath.Join(k.home, "state", "assent", "model.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(string(data), s) {
				t.Errorf("%s holds a secret", filepath.Base(file))
			}
		}
	}
	// What is gone is forgotten; what may not be seen is not said to be gone.
	k.direct("-n", "collected", "delete", "configmap", "settings")
	k.direct("-n", "collected", "create", "rolebinding", "kept", "--clusterrole=view", "--user=bob")
	states()
	if r := k.assent("what", "k8s://k8sbox/core/ConfigMap/collected/settings"); r.code == 0 {
		t.Errorf("what was deleted is there: %s", r.out)
	}
	config("alice") // may edit, and not list roles
	k.direct("-n", "collected", "delete", "rolebinding", "kept")
	all = states()
	if all["rbac.authorization.k8s.io/RoleBinding"] != "denied" {
		t.Errorf("%v", all)
	}
	k.must(binary, "what", "k8s://k8sbox/rbac.authorization.k8s.io/RoleBinding/collected/kept")
}
