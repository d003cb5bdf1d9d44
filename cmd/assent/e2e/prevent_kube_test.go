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

// collecting has assent enforce what is declared, and read the cluster.
func (k *kube) collecting() *kube {
	admin := k.cluster.Kubeconfig["admin"]
	k.write("assent.yaml", fmt.Sprintf("wait: 0s\nclusters: [%q]\nmodel: model.db\nintent: intent\nmode: enforce\ncollect: {kubernetes: [{cluster: k8sbox, kubeconfig: %q}]}\n", admin, admin))
	return k
}

// kubePrevent is TestPreventionAtAWS at a real API server.
func kubePrevent(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "prevented").collecting()
	k.write("intent/shop.yaml", strings.ReplaceAll(kubePrevention, "NAMESPACE", k.namespace))
	k.adopter("security")
	role := "k8s://k8sbox/rbac.authorization.k8s.io/Role/prevented/reader"
	const wider = `{"rules":[{"apiGroups":[""],"resources":["pods","secrets"],"verbs":["get"]}]}`
	allowed, refused := k.allowed, k.refusedFor
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

// kubeExpose is TestNothingUnfitIsMadeReachableAtAWS at a real API server.
func kubeExpose(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "exposed").collecting()
	k.write("intent/shop.yaml", strings.Replace(strings.ReplaceAll(kubePrevention, "NAMESPACE", k.namespace), "tier: production", "tier: production\n  exposes: settled", 1)+`---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: edge}
spec:
  accountable: human:nina@shop.example
  owns: [{urn: "k8s://k8sbox/apps/Deployment/exposed/stray"}]
`)
	k.adopter("edge")
	web, stray := "k8s://k8sbox/apps/Deployment/exposed/web", "k8s://k8sbox/apps/Deployment/exposed/stray"
	as := func(args ...string) result {
		t.Helper()
		return k.as("deploy-agent", args...)
	}
	expose := func(deployment, name string, more ...string) result {
		t.Helper()
		return as(append([]string{"expose", "deployment", deployment, "--name=" + name, "--port=80"}, more...)...)
	}
	balanced := "--type=LoadBalancer"
	k.allowed("building it", as("create", "deployment", "web", "--image=registry.example/web", "--replicas=0"))
	k.direct("-n", "exposed", "create", "deployment", "stray", "--image=registry.example/stray", "--replicas=0")
	k.collect()

	k.allowed("what was built, and is as it was", expose("web", "web", balanced))
	k.refusedFor("what nobody built", expose("stray", "stray", balanced), "AS2044", "Deployment/exposed/stray")
	k.refusal(stray, "nobody built it", "edge (human:nina@shop.example)", "assent adopt "+stray)
	k.allowed("inside the cluster it may be reached", expose("stray", "stray"))
	k.must(binary, "adopt", stray, "--key", "nina", "--yes")
	k.allowed("what is adopted", expose("stray", "outside", balanced))

	k.direct("-n", "exposed", "scale", "deployment", "web", "--replicas=1")
	k.collect()
	route := func() result {
		t.Helper()
		return as("create", "ingress", "front", "--rule=shop.example/*=web:80")
	}
	k.refusedFor("what has drifted", expose("web", "again", balanced), "AS2044", "Deployment/exposed/web")
	k.refusal("spec.replicas", "assent revert "+web)
	k.refusedFor("what has drifted, by an Ingress", route(), "AS2044", "Deployment/exposed/web")
	k.allowed("what opens nothing", as("label", "service", "web", "team=shop"))
	k.allowed("setting it back", k.assent("revert", web, "--run", "--as", "deploy-agent"))
	k.collect()
	k.allowed("what is back", expose("web", "again", balanced))
	k.allowed("what is back, by an Ingress", route())
}

// kubeBlueprint is TestWhatDriftsFromABlueprintIsInQuarantineAtAWS at a real API server.
func kubeBlueprint(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "inside").collecting()
	k.write("intent/shop.yaml", strings.ReplaceAll(kubePrevention, "NAMESPACE", k.namespace)+strings.Replace(insideOnly, "OWNER", "checkout", 1))
	web := "k8s://k8sbox/core/Service/inside/web"
	replicas := func(name string) result { // of a set that the Service names
		t.Helper()
		return k.as("deploy-agent", "create", "-f", k.write(name+".yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: "+name+"}\nspec:\n  serviceName: web\n  replicas: 0\n"+
			"  selector: {matchLabels: {app: "+name+"}}\n  template: {metadata: {labels: {app: "+name+"}}, spec: {containers: [{name: web, image: registry.example/web}]}}\n"))
	}
	k.allowed("building it", k.as("deploy-agent", "create", "service", "clusterip", "web", "--tcp=80"))
	k.collect()
	k.allowed("what builds on it", replicas("first"))
	k.direct("-n", "inside", "patch", "service", "web", "--type=merge", "-p", `{"spec":{"type":"LoadBalancer"}}`)
	k.collect()
	if all, _ := k.drift(); !all[web].Quarantine {
		t.Fatalf("it is not in quarantine: %s", words(map[string]reconcile.Status{web: all[web]}))
	}
	k.refusedFor("what builds on it", replicas("second"), "AS2043")
	k.refusal("checkout forbids network.public: true", "spec.type", "Blueprint inside, shop.yaml:", "assent revert "+web)
	k.allowed("setting it back", k.assent("revert", web, "--run", "--as", "deploy-agent"))
	k.collect()
	k.allowed("what builds on what is back", replicas("second"))
}
