package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
	"github.com/assent-iom/assent/model/reconcile"
)

// kubePrevention declares the namespace NAMESPACE, and two agents that may do whatever
// there is to do in it.
const kubePrevention = kubeIntent + `
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: security}
spec:
  accountable: human:nina@shop.example
  owns: [{urn: "k8s://k8sbox/rbac.authorization.k8s.io/*"}]
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: sec-agent}
spec: {kind: agent, identify: [{run: sec-agent}], owner: security}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: building, owner: checkout}
spec:
  purpose: The agents build the shop.
  allow:
    - {id: all, who: [deploy-agent, sec-agent], may: [create, update, scale, grant, revoke, delete], in: [shop]}
`

// kubeDeclared is what is declared of the role and of the deployment.
const kubeDeclared = `apiVersion: assent.dev/v1
kind: Resource
metadata: {name: reader, owner: security}
spec:
  urn: k8s://k8sbox/rbac.authorization.k8s.io/Role/prevented/reader
  fields:
    rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: assent.dev/v1
kind: Resource
metadata: {name: web, owner: security}
spec:
  urn: k8s://k8sbox/apps/Deployment/prevented/web
  fields: {spec.replicas: 0}
---
apiVersion: assent.dev/v1
kind: Resource
metadata: {name: nightly, owner: security}
spec:
  urn: k8s://k8sbox/batch/CronJob/prevented/nightly
  reserved: [spec.schedule]
`

// kubePrevent is TestPreventionAtAWS at a real API server.
func kubePrevent(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "prevented")
	k.write("assent.yaml", fmt.Sprintf("clusters: [%q]\nmodel: model.db\nintent: intent\nmode: enforce\ncollect: {kubernetes: [{cluster: k8sbox, kubeconfig: %q}]}\n", c.Kubeconfig["admin"], c.Kubeconfig["admin"]))
	k.write("intent/shop.yaml", strings.ReplaceAll(kubePrevention, "NAMESPACE", k.namespace))
	k.adopter("security")
	role := "k8s://k8sbox/rbac.authorization.k8s.io/Role/prevented/reader"
	const wider = `{"rules":[{"apiGroups":[""],"resources":["pods","secrets"],"verbs":["get"]}]}`
	allowed := func(what string, r result) {
		t.Helper()
		if r.code != 0 {
			t.Fatalf("%s is refused: %v", what, r)
		}
	}
	refused := func(what string, r result, parts ...string) {
		t.Helper()
		if r.code == 0 {
			t.Fatalf("%s is let through: %v", what, r)
		}
		contains(t, what, r.errOut, append(parts, "assent refused this call")...)
	}
	bind := func(name, role string) result {
		t.Helper()
		return k.as("deploy-agent", "create", "rolebinding", name, role, "--user=bob")
	}
	allowed("building it", k.as("deploy-agent", "create", "role", "reader", "--verb=get", "--resource=pods"))
	allowed("building it", k.as("deploy-agent", "create", "deployment", "web", "--image=registry.example/web", "--replicas=0"))
	k.write("intent/declared.yaml", kubeDeclared)
	k.collect()
	all, _ := k.drift("--all")
	if s := all[role]; s.State != reconcile.Aligned {
		t.Fatalf("built as declared, and %s", words(map[string]reconcile.Status{role: s}))
	}
	if s := all["k8s://k8sbox/batch/CronJob/prevented/nightly"]; s.State != reconcile.Unbuilt {
		t.Errorf("declared, and not there: %+v", s)
	}

	refused("another owner's field", k.as("deploy-agent", "patch", "role", "reader", "--type=merge", "-p", wider), "AS2041", "security", "declared.yaml:7")
	refused("another owner's field by way of /scale", k.as("deploy-agent", "scale", "deployment", "web", "--replicas=3"), "AS2041", "spec.replicas", "declared.yaml:14")
	refused("a deletion of another owner's", k.as("deploy-agent", "delete", "role", "reader"), "AS2041")
	allowed("a field that nobody declares", k.as("deploy-agent", "label", "role", "reader", "team=shop"))
	refused("what would not be as declared", k.as("sec-agent", "patch", "role", "reader", "--type=merge", "-p", wider), "AS2042", "declared.yaml:7")
	allowed("what is as declared", k.as("deploy-agent", "scale", "deployment", "web", "--replicas=0"))
	k.collect()

	k.direct("-n", "prevented", "patch", "role", "reader", "--type=merge", "-p", wider)
	k.collect()
	if all, _ = k.drift(); !all[role].Quarantine {
		t.Fatalf("it is not in quarantine: %s", words(map[string]reconcile.Status{role: all[role]}))
	}
	refused("what builds on it", bind("built", "--role=reader"), "AS2043", "assent revert")
	k.refusal("Resource reader, declared.yaml:7", role, "security (human:nina@shop.example)", "assent adopt")
	allowed("what does not", bind("other", "--clusterrole=view"))
	refused("another change of it", k.as("sec-agent", "label", "role", "reader", "team=sec", "--overwrite"), "AS2043")

	contains(t, "what would set it back", k.assent("revert", role).out, "kubectl --cluster k8sbox patch role.rbac.authorization.k8s.io reader", "--namespace prevented")
	if r := k.assent("revert", role, "--run", "--as", "stranger"); r.code == 0 || !strings.Contains(r.errOut, "AS3003") {
		t.Errorf("a stranger set it back: %v", r)
	}
	allowed("setting it back", k.assent("revert", role, "--run", "--as", "deploy-agent"))
	allowed("what builds on what is back", bind("built", "--role=reader"))
	k.collect()
	if all, _ = k.drift("--all"); all[role].State != reconcile.Aligned {
		t.Errorf("set back, and %s", words(map[string]reconcile.Status{role: all[role]}))
	}

	k.direct("-n", "prevented", "patch", "role", "reader", "--type=merge", "-p", wider)
	k.collect()
	refused("what builds on it", bind("later", "--role=reader"), "AS2043")
	if r := k.assent("adopt", role, "--key", "mallory", "--yes"); r.code == 0 || !strings.Contains(r.errOut, "none of your SSH keys") {
		t.Errorf("a stranger adopted it: %v", r)
	}
	k.must(binary, "adopt", role, "--key", "nina", "--yes", "--field", "rules")
	allowed("what builds on what is adopted", bind("later", "--role=reader"))
	if all, _ = k.drift(); all[role].Quarantine || all[role].State != reconcile.Violating {
		t.Errorf("adopted, and %s", words(map[string]reconcile.Status{role: all[role]}))
	}
}
