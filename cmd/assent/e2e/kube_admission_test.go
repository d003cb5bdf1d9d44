package e2e

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// A cluster of its own, with a node: what is put before its API server concerns
// everybody who uses it.
func TestKubernetesDoors(t *testing.T) {
	c := k8sboxtest.Start(t, "--kubelet")
	for _, tc := range []struct {
		name string
		test func(*testing.T, *k8sboxtest.Cluster)
	}{
		{"what does not pass the proxy is judged by the webhook", kubeAdmission},
		{"with the guard on nothing goes past assent", kubeGuard},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, c) })
	}
}

// knownToCluster is kubeIntent for an agent that the cluster knows as agent-1.
func (k *kube) knownToCluster() {
	k.write("intent/shop.yaml", strings.Replace(strings.ReplaceAll(kubeIntent, "NAMESPACE", k.namespace),
		"identify: [{run: deploy-agent}]", "identify: [{run: deploy-agent}, {kubernetes: {user: agent-1}}]", 1))
}

func kubeAdmission(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "agent-1", "reviewed").enforcing()
	k.knownToCluster()
	gateway := freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nadmission: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\n",
		freePort(t), gateway, freePort(t), c.Kubeconfig["admin"]))
	stop := k.serveUntil()
	hook := k.write("webhook.yaml", k.must(binary, "kube", "webhook").out)
	k.direct("apply", "-f", hook)
	defer k.direct("delete", "-f", hook)

	direct := func(user string, args ...string) result {
		return k.run(k.kubectl, append([]string{"--kubeconfig", c.Kubeconfig[user], "-n", k.namespace}, args...)...)
	}
	// A webhook is asked within a second of its configuration.
	waitFor(t, "the webhook", func() bool {
		return direct("alice", "create", "configmap", "probe", "--dry-run=server").code == 0 &&
			strings.Contains(direct("alice", "create", "configmap", "not-declared").errOut, "assent refused this call")
	})
	if out, err := c.Run("admin", "-n", k.namespace, "get", "configmap", "not-declared"); err == nil {
		t.Errorf("what was refused exists: %s", out)
	}
	before := len(k.entries())
	if r := direct("admin", "create", "configmap", "not-declared-either"); r.code != 1 || !refusedByWebhook(r.errOut) {
		t.Errorf("an administrator's change went past it: %v", r)
	}
	if made := k.entries()[before:]; len(made) != 1 || made[0].Verdict != "deny" || made[0].Action.Operation != "create configmaps" {
		t.Errorf("want one decision: %+v", made)
	}

	// What is declared is let pass, and what the controllers make of it follows.
	before = len(k.entries())
	if r := direct("agent-1", "create", "deployment", "web", "--image=registry.example/web", "--replicas=2"); r.code != 0 {
		t.Fatalf("a declared change was in the way: %v", r)
	}
	if r := direct("admin", "rollout", "status", "deployment/web", "--timeout=60s"); r.code != 0 {
		t.Errorf("it does not roll out: %v", r)
	}
	root, pods, sets := "", 0, 0
	for _, d := range k.entries()[before:] {
		switch {
		case d.Action.Operation == "create deployments":
			if root != "" || d.Grant != "deploys/workloads" {
				t.Errorf("the deployment was decided as %+v", d)
			}
			root = d.ID
		case d.Grant != "consequence of "+root || d.Verdict != "allow":
			t.Errorf("no consequence of %s: %+v", root, d)
		case d.Action.Operation == "create pods":
			pods++
		case d.Action.Operation == "create replicasets":
			sets++
		}
	}
	if sets != 1 || pods != 2 {
		t.Errorf("%d replica sets and %d pods are traced to %s", sets, pods, root)
	}

	// What came through the gateway is one decision.
	config := k.write("agent.kubeconfig", k.must(binary, "kubeconfig", "--as", "deploy-agent").out)
	before = len(k.entries())
	for _, line := range []string{"scale deployment web --replicas=1", "create deployment other --image=registry.example/other --replicas=0"} {
		if r := k.run(k.kubectl, append([]string{"--kubeconfig", config}, strings.Fields(line)...)...); r.code != 0 {
			t.Errorf("%s: %v", line, r)
		}
	}
	var own []string
	for _, d := range k.entries()[before:] {
		if !strings.HasPrefix(d.Grant, "consequence of ") {
			own = append(own, d.Action.Operation)
		}
	}
	if want := []string{"patch deployments/scale", "create deployments"}; !slices.Equal(own, want) {
		t.Errorf("decided %q, want %q once each", own, want)
	}

	// An exec is asked about too.
	if r := direct("admin", "exec", "deploy/web", "--", "id"); r.code == 0 || !refusedByWebhook(r.errOut) {
		t.Errorf("an exec went past it: %v", r)
	}
	// What a controller carries out is traced over a restart too: a pod that its set has
	// lost is replaced because of what was allowed before.
	stop()
	earlier := map[string]bool{}
	for _, d := range k.entries() {
		earlier["consequence of "+d.ID] = true
	}
	stop = k.serveUntil()
	before = len(k.entries())
	pod := strings.Fields(k.direct("-n", k.namespace, "get", "pods", "-l", "app=web", "-o", "name"))[0]
	if r := direct("agent-1", "label", pod, "app-"); r.code != 0 {
		t.Errorf("a declared change was in the way: %v", r)
	}
	waitFor(t, "the pod in its place", func() bool {
		return slices.ContainsFunc(k.entries()[before:], func(d kubeDecision) bool {
			return d.Action.Operation == "create pods" && d.Verdict == "allow" && earlier[d.Grant]
		})
	})
	// Without assent nothing passes.
	stop()
	if r := direct("agent-1", "scale", "deployment", "web", "--replicas=0"); r.code == 0 || !strings.Contains(r.errOut, "gate.assent.dev") {
		t.Errorf("with assent down: %v", r)
	}
}

func refusedByWebhook(stderr string) bool {
	return strings.Contains(stderr, "assent refused this call: ") && strings.Contains(stderr, "gate.assent.dev") && decisionID.MatchString(stderr)
}

func sha256Hex(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
