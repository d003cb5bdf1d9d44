package e2e

import (
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubeStale is TestAnApprovalIsForWhatWasLookedAtAtAWS at a real API server.
func kubeStale(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "approved").collecting()
	k.write("intent/shop.yaml", strings.ReplaceAll(kubeIntent, "NAMESPACE", k.namespace)+`---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: clearing, owner: checkout}
spec:
  purpose: Services go when somebody has looked.
  allow:
    - {id: services, who: [deploy-agent], may: [delete], what: {capability: [network.service]}, in: [shop], approvals: [{from: nina, expires: 1h}]}
`)
	k.adopter("checkout")
	remove := func() result {
		t.Helper()
		return k.as("deploy-agent", "delete", "service", "web")
	}
	held := func() {
		t.Helper()
		if r := remove(); r.code == 0 || !strings.Contains(r.errOut, "AS2008") {
			t.Fatalf("it was not held: %v", r)
		}
		k.must(binary, "approve", k.waiting(), "--key", "nina", "--yes")
	}
	k.direct("-n", "approved", "create", "service", "clusterip", "web", "--tcp=80")
	k.collect()
	held()
	k.direct("-n", "approved", "patch", "service", "web", "--type=merge", "-p", `{"spec":{"selector":{"app":"other"}}}`)
	k.collect()
	k.refusedFor("what was changed since", remove(), "AS2026")
	k.refusal("spec.selector of k8s://k8sbox/core/Service/approved/web changed since", "approved by nina")
	held()
	k.allowed("what is as it was", remove())
}
