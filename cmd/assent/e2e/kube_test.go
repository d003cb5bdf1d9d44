package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// One real control plane serves all tests; each has a namespace of its own.
func TestKubernetes(t *testing.T) {
	c := k8sboxtest.Start(t)
	for _, tc := range []struct {
		name string
		test func(*testing.T, *k8sboxtest.Cluster)
	}{
		{"observing blocks nothing and the audit log agrees", kubeObserve},
		{"a refusal is an answer and nothing is written", kubeEnforce},
		{"what a get showed to be used is not deleted", func(t *testing.T, c *k8sboxtest.Cluster) { kubeDependents(t, c, "known-by-get", false) }},
		{"what an apply showed to be used is not deleted", func(t *testing.T, c *k8sboxtest.Cluster) { kubeDependents(t, c, "known-by-apply", true) }},
		{"an exec is refused or reaches the server", kubeExec},
		{"what is allowed streams both ways", kubeStreams},
		{"an outage is not told as policy", kubeOutage},
		{"secrets are never stored", kubeSecrets},
		{"serve knows its clients and keeps good intent", kubeServe},
		{"the cluster says who its callers are", kubeIdentity},
		{"the gateway serves whoever ignores proxies", kubeGateway},
		{"a run has a gateway of its own", kubeRunGateway},
		{"a watch that was cut teaches what it saw", kubeWatchCut},
		{"a server that tries changes is believed", kubeExact},
		{"questions change nothing", kubeQuestions},
		{"a cluster is read into the model", kubeCollect},
		{"what is declared of a thing holds, and nothing is built on what has drifted", kubePrevent},
		{"nothing unfit is made reachable", kubeExpose},
		{"what drifts from a blueprint is in quarantine", kubeBlueprint},
		{"an approval is for what was looked at", kubeStale},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.test(t, c)
		})
	}
}

func kubeObserve(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "alice", "observed")
	k.write("app.yaml", kubeApp)
	k.write("changed.yaml", strings.ReplaceAll(kubeApp, "web:1", "web:2"))
	k.write("dry.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dry}\n")
	k.write("all.sh", `set -e
kubectl create configmap early --from-literal=colour=blue
kubectl apply -f app.yaml
kubectl apply -f changed.yaml
kubectl apply --server-side --force-conflicts -f changed.yaml
kubectl scale deployment web --replicas=1
kubectl label configmap settings team=checkout
kubectl wait --for=jsonpath='{.data.colour}'=red configmap/settings --timeout=30s & waiter=$!
kubectl patch configmap settings --type=merge -p '{"data":{"colour":"red"}}'
wait $waiter
kubectl get deployment web -o yaml
kubectl get configmaps -w --request-timeout=1s
kubectl api-resources
kubectl auth can-i delete pods
kubectl diff -f app.yaml || test $? = 1
kubectl run one --image=registry.example/one
kubectl logs one || true
kubectl describe pod one
kubectl delete configmap early --dry-run=server
kubectl create -f dry.yaml --dry-run=server
kubectl apply -f dry.yaml --dry-run=server
kubectl delete configmap early
echo all done
`)
	r := k.assent("run", "--", "sh", "all.sh")
	if r.code != 0 {
		t.Fatalf("something was in the way: %v", r)
	}
	contains(t, "kubectl", r.out, "deployment.apps/web configured", "deployment.apps/web serverside-applied", "deployment.apps/web scaled",
		"configmap/settings condition met", "deployments", `configmap "early" deleted`, "all done")
	contains(t, "stderr", r.errOut, "that nobody declared", "assent intent suggest")

	made := k.entries()
	for _, want := range []string{
		"create create configmaps k8s://k8sbox/core/ConfigMap/observed/early",
		"create create configmaps k8s://k8sbox/core/ConfigMap/observed/settings",
		"reveal get secrets k8s://k8sbox/core/Secret/observed/db",
		"create create secrets k8s://k8sbox/core/Secret/observed/db",
		"create create serviceaccounts k8s://k8sbox/core/ServiceAccount/observed/robot",
		"create create deployments k8s://k8sbox/apps/Deployment/observed/web",
		"update patch deployments k8s://k8sbox/apps/Deployment/observed/web",
		"scale patch deployments/scale k8s://k8sbox/apps/Deployment/observed/web",
		"update patch configmaps k8s://k8sbox/core/ConfigMap/observed/settings",
		"create create pods k8s://k8sbox/core/Pod/observed/one",
		"delete delete configmaps k8s://k8sbox/core/ConfigMap/observed/early",
	} {
		if !slices.ContainsFunc(made, func(d kubeDecision) bool {
			return len(d.Action.Targets) == 1 && fmt.Sprintf("%s %s %s", d.Action.Verb, d.Action.Operation, d.Action.Targets[0].URN) == want
		}) {
			t.Errorf("not recorded: %s", want)
		}
	}
	k.auditAgrees("alice", made)
	contains(t, "ledger verify", k.must(binary, "ledger", "verify").out, "verified")
}

// auditAgrees compares both ways: each recorded change is a write that the
// server logged, by the id that it gave to it, and each write is recorded.
func (k *kube) auditAgrees(user string, made []kubeDecision) {
	k.t.Helper()
	byID := map[string]kubeDecision{}
	for _, d := range made {
		if d.Action.Verb != "reveal" {
			byID[d.request] = d
		}
	}
	compared := 0
	for _, w := range k.writes() {
		if w.user != user || w.Namespace != k.namespace {
			continue
		}
		d, found := byID[w.id]
		delete(byID, w.id)
		ours := d.Action.Native
		if ours.Name == "" && len(d.Action.Targets) == 1 { // of a create, the server logs the name from the body
			ours.Name = filepath.Base(d.Action.Targets[0].URN)
		}
		if !found || ours != w.object {
			k.t.Errorf("the server wrote %+v, recorded is %+v", w, ours)
		}
		compared++
	}
	for id, d := range byID {
		k.t.Errorf("recorded, but not in the server's log: %s %+v", id, d)
	}
	if compared < 10 {
		k.t.Errorf("only %d writes were compared", compared)
	}
}

func kubeEnforce(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "enforced").enforcing()
	k.direct("create", "namespace", "elsewhere")
	k.direct("-n", "elsewhere", "create", "configmap", "theirs")
	for _, line := range []string{
		"create deployment two --image=registry.example/two --replicas=0",
		"scale deployment two --replicas=1",
		"set image deployment/two two=registry.example/two:2",
		"get deployments,configmaps,pods -A",
	} {
		if r := k.as("deploy-agent", strings.Fields(line)...); r.code != 0 {
			t.Errorf("kubectl %s is declared, and was in the way: %v", line, r)
		}
	}
	for _, tc := range []struct {
		line string
		says []string
		not  object // must not be in the server's log
	}{
		{"delete namespace enforced", []string{"may not delete", "checkout/carol@shop.example", "#checkout"},
			object{Verb: "delete", Resource: "namespaces", Namespace: "enforced", Name: "enforced"}},
		{"create clusterrolebinding evil --clusterrole=cluster-admin --user=mallory", []string{"it is in no declared environment", "ClusterRoleBinding//evil"},
			object{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings", Name: "evil"}},
		{"-n elsewhere delete configmap theirs", []string{"it is in no declared environment", "namespace elsewhere"},
			object{Verb: "delete", Resource: "configmaps", Namespace: "elsewhere", Name: "theirs"}},
		{"delete deployment two", []string{"may not delete", "k8s://k8sbox/apps/Deployment/enforced/two"},
			object{Verb: "delete", Group: "apps", Resource: "deployments", Namespace: "enforced", Name: "two"}},
		{"create configmap mine", []string{"may not create"},
			object{Verb: "create", Resource: "configmaps", Namespace: "enforced", Name: "mine"}},
	} {
		before := len(k.entries())
		earlier := len(k.writes())
		r := k.as("deploy-agent", strings.Fields(tc.line)...)
		contains(t, "the refusal of "+tc.line, k.refused(r, before), tc.says...)
		for _, w := range k.writes()[earlier:] {
			if w.object == tc.not {
				t.Errorf("kubectl %s was refused, and reached the server: %+v", tc.line, w)
			}
		}
	}
	k.direct("get", "namespace", "enforced")
	k.direct("-n", "elsewhere", "get", "configmap", "theirs")
	k.direct("-n", "enforced", "get", "deployment", "two")
	if out, err := c.Run("admin", "get", "clusterrolebinding", "evil"); err == nil {
		t.Errorf("the refused binding exists: %s", out)
	}
	// Whoever takes another identity is granted what that one may.
	if r := k.as("deploy-agent", "label", "deployment", "two", "a=b", "--as", "system:admin"); r.code == 0 || !strings.Contains(r.errOut, "core/User//system:admin") {
		t.Errorf("an impersonation was let through: %v", r)
	}
	if r := k.as("nobody-declared", "scale", "deployment", "two", "--replicas=2"); r.code == 0 {
		t.Errorf("an actor that nobody declared was let through: %v", r)
	}
}

func kubeDependents(t *testing.T, c *k8sboxtest.Cluster, namespace string, apply bool) {
	k := newKube(t, c, "admin", namespace).enforcing()
	app := k.write("app.yaml", kubeApp)
	if apply {
		k.must(binary, "run", "--observe", "--", k.kubectl, "apply", "-f", app)
	} else {
		k.direct("-n", namespace, "apply", "-f", app)
		k.must(binary, "run", "--as", "deploy-agent", "--", k.kubectl, "get", "deployments", "-o", "yaml")
	}
	k.direct("-n", namespace, "create", "configmap", "unused")
	for _, name := range []string{"configmap settings", "secret db", "serviceaccount robot"} {
		before := len(k.entries())
		r := k.as("deploy-agent", append([]string{"delete"}, strings.Fields(name)...)...)
		// The replica set is known too: what depends on it was read with the actor's own rights.
		contains(t, "the refusal of deleting "+name, k.refused(r, before), "2 resources depend on it", "web (apps/Deployment) of checkout")
		k.direct(append([]string{"-n", namespace, "get"}, strings.Fields(name)...)...)
	}
	if r := k.as("deploy-agent", "delete", "configmap", "unused"); r.code != 0 {
		t.Errorf("nothing depends on it, and it was not deleted: %v", r)
	}
}

// kubeOutage: kubectl prints what assent says of a server that it cannot reach or
// does not trust, and every other cluster of the kubeconfig works.
func kubeOutage(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "outage")
	k.env["KUBECONFIG"] = k.write("kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: good,
clusters: [{name: good, cluster: {server: "https://localhost:%[1]s", tls-server-name: kubernetes, certificate-authority: %[2]q}},
{name: down, cluster: {server: "https://127.0.0.1:%[3]s", certificate-authority: %[2]q}},
{name: strange, cluster: {server: "https://127.0.0.1:%[1]s", insecure-skip-tls-verify: true}}],
users: [{name: u, user: {token: %[4]q}}],
contexts: [{name: good, context: {cluster: good, user: u}}, {name: down, context: {cluster: down, user: u}}, {name: strange, context: {cluster: strange, user: u}}]}`,
		c.Server[strings.LastIndex(c.Server, ":")+1:], c.CA, freePort(t), c.Token["admin"]))
	k.write("object.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost}\n")
	for context, says := range map[string][]string{
		"down":    {"assent could not reach 127.0.0.1:", "connection refused", "nothing was sent, and no policy refused it"},
		"strange": {"assent could not reach 127.0.0.1:", "certificate signed by unknown authority", "strange turns verification off"},
	} {
		r := k.as("deploy-agent", "--context", context, "-n", k.namespace, "create", "--validate=false", "--raw", "/api/v1/namespaces/outage/configmaps", "-f", "object.yaml")
		if r.code != 1 || strings.Contains(r.errOut, "assent refused") {
			t.Errorf("%s: %v", context, r)
		}
		contains(t, context, r.errOut, says...)
	}
	// The repair that is printed works, pasted.
	r := k.as("deploy-agent", "--context", "strange", "get", "namespaces")
	_, repair, found := strings.Cut(r.errOut, "take the cluster's own authority: ")
	repair, _, _ = strings.Cut(repair, "\n")
	if r.code == 0 || !found {
		t.Fatalf("a certificate that is not trusted: %v", r)
	}
	k.must("sh", "-c", strings.Replace(repair, "kubectl get", "kubectl --context strange get", 1))
	if r := k.as("deploy-agent", "--context", "strange", "get", "namespaces"); r.code != 0 || strings.Contains(r.errOut, "turns verification off") {
		t.Errorf("after the repair: %v", r)
	}
	if r := k.as("deploy-agent", "-n", k.namespace, "create", "configmap", "kept"); r.code != 0 {
		t.Errorf("the good cluster: %v", r)
	}
}
