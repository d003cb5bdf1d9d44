package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

const limitsBlueprint = `
---
apiVersion: assent.dev/v1
kind: Blueprint
metadata: {name: limited, owner: checkout}
spec:
  purpose: Nothing takes a whole node.
  for: {capability: [compute.workload], in: ["tier:production"]}
  require: {container.limits: true}
`

// kubeExact: where a cluster is asked to try changes, a blueprint judges what it would
// store, with the limits that its own admission adds; elsewhere what is asked for.
func kubeExact(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "alice", "exactly").enforcing()
	k.write("intent/blueprints.yaml", limitsBlueprint[len("\n---\n"):])
	k.direct("-n", k.namespace, "create", "-f", k.write("limits.yaml", `
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, default: {cpu: 100m, memory: 64Mi}}]}
`))
	pod := func(name string) []string { return []string{"run", name, "--image=registry.example/" + name} }
	before := len(k.entries())
	contains(t, "without it", k.refused(k.as("deploy-agent", pod("one")...), before), "container.limits")

	k.write("assent.yaml", "intent: intent\nmode: enforce\nexact: [k8sbox]\n")
	before = len(k.entries())
	if r := k.as("deploy-agent", pod("two")...); r.code != 0 {
		t.Fatalf("what the server makes of it is as declared, and was in the way: %v", r)
	}
	made := k.entries()[before:]
	if len(made) != 1 || made[0].request != made[0].ID || len(made[0].Action.Unknown) != 0 {
		t.Fatalf("want one decision, of which everything is known: %+v", made)
	}
	// The server has tried it first, as the caller, under the decision's id and -dry.
	tried, stored := k.audited(made[0].ID+"-dry"), k.audited(made[0].ID)
	if len(tried) != 1 || len(stored) != 1 || tried[0].User.Username != "alice" || !strings.Contains(tried[0].RequestURI, "dryRun=All") || tried[0].Verb != "create" || tried[0].ObjectRef.Resource != "pods" || strings.Contains(stored[0].RequestURI, "dryRun") {
		t.Errorf("tried %+v, stored %+v", tried, stored)
	}
	// A patch too, and one that the server would refuse is not certain, and not allowed.
	before = len(k.entries())
	if r := k.as("deploy-agent", "patch", "pod", "two", "--type=merge", "-p", `{"metadata":{"labels":{"a":"b"}}}`); r.code != 0 {
		t.Errorf("a patch: %v", r)
	}
	if made := k.entries()[before:]; len(made) != 1 || len(k.audited(made[0].ID+"-dry")) != 1 || len(made[0].Action.Unknown) != 0 {
		t.Errorf("a patch: %+v", made)
	}
	// What is refused was tried, and not stored.
	before = len(k.entries())
	k.refused(k.as("deploy-agent", "create", "configmap", "mine"), before)
	refused := k.entries()[before].ID
	if len(k.audited(refused)) != 0 || len(k.audited(refused+"-dry")) != 1 {
		t.Errorf("%s: stored %+v, tried %+v", refused, k.audited(refused), k.audited(refused+"-dry"))
	}
	if out, err := c.Run("admin", "-n", k.namespace, "get", "configmap", "mine"); err == nil {
		t.Errorf("a try has made %s", out)
	}
	// What the caller may not do is not tried in anybody else's name.
	before = len(k.entries())
	k.as("deploy-agent", "create", "clusterrole", "mine", "--verb=get", "--resource=pods")
	if made := k.entries()[before:]; len(made) != 1 || !strings.Contains(strings.Join(made[0].Action.Unknown, " "), "exact result") {
		t.Errorf("what the server refuses to try is decided as %+v", made)
	}
}

// audited is a call in the server's audit log.
type audited struct {
	AuditID, Stage, Verb, RequestURI string
	User                             struct{ Username string }
	ObjectRef                        struct{ Resource, Name string }
}

// audited returns the calls under an id.
func (k *kube) audited(id string) (all []audited) {
	k.t.Helper()
	data, err := os.ReadFile(k.cluster.Audit)
	if err != nil {
		k.t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var a audited
		if json.Unmarshal(line, &a) == nil && a.AuditID == id && a.Stage == "ResponseComplete" {
			all = append(all, a)
		}
	}
	return all
}
