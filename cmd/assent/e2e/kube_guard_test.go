package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubeGuard: with the guard on, a direct write is refused inside the API server, also
// an administrator's; the proxied one passes, in its caller's name, and a Deployment
// rolls out. Removing the guard is itself an action.
func kubeGuard(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "agent-1", "guarded").enforcing()
	guard := k.write("guard.yaml", k.must(binary, "kube", "guard", "--namespace", k.namespace).out)
	k.direct("apply", "-f", guard)
	defer k.direct("delete", "-f", guard)
	own, err := os.ReadFile(c.Kubeconfig["admin"])
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(k.direct("-n", "assent-system", "create", "token", "assent"))
	config := k.write("assents.kubeconfig", strings.ReplaceAll(string(own), c.Token["admin"], token))
	gateway := freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nadmission: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\nguarded: [k8sbox]\nexact: [k8sbox]\n",
		freePort(t), gateway, freePort(t), config))
	k.serveUntil()

	direct := func(user string, args ...string) result {
		return k.run(k.kubectl, append([]string{"--kubeconfig", c.Kubeconfig[user], "-n", k.namespace}, args...)...)
	}
	const wall = "changes here go through assent, and this one did not"
	waitFor(t, "the guard", func() bool {
		return strings.Contains(direct("admin", "create", "configmap", "probe", "--dry-run=server").errOut, wall)
	})

	// Through assent: once decided, in the caller's name, and it rolls out.
	agent := k.write("agent.kubeconfig", k.must(binary, "kubeconfig", "--as", "deploy-agent").out)
	through := func(args ...string) result {
		return k.run(k.kubectl, append([]string{"--kubeconfig", agent}, args...)...)
	}
	if r := through("create", "deployment", "web", "--image=registry.example/web", "--replicas=2"); r.code != 0 {
		t.Fatalf("what came through assent was in the way: %v", r)
	}
	if r := through("rollout", "status", "deployment/web", "--timeout=60s"); r.code != 0 {
		t.Errorf("it does not roll out: %v", r)
	}
	made := k.entries()
	if len(made) != 1 || made[0].request != made[0].ID {
		t.Errorf("want one decision, under whose id the server logs it: %+v", made)
	}
	audit, err := os.ReadFile(c.Audit)
	if err != nil {
		t.Fatal(err)
	}
	logged := 0
	for line := range strings.Lines(string(audit)) {
		if strings.Contains(line, `"auditID":"`+made[0].ID+`"`) {
			logged++
			contains(t, "the audit log", line, `"username":"system:serviceaccount:assent-system:assent"`, `"impersonatedUser":{"username":"agent-1"`, `"assent.dev/ticket":["`+made[0].ID+`"]`)
		}
	}
	if logged != 1 {
		t.Errorf("the audit log has %d events of %s", logged, made[0].ID)
	}

	// Past assent: nothing, for anybody.
	earlier := k.direct("-n", k.namespace, "get", "deployments,configmaps", "-o", "yaml")
	for _, line := range []string{
		"create configmap mine", "scale deployment web --replicas=0", "delete deployment web", "delete namespace guarded",
		"label namespace guarded kubernetes.io/metadata.name-", "exec deploy/web -- id", "create token default",
	} {
		if r := direct("admin", strings.Fields(line)...); r.code == 0 || !strings.Contains(r.errOut, wall) {
			t.Errorf("kubectl %s, as an administrator: %v", line, r)
		}
	}
	forged := k.must("curl", "-sS", "--cacert", c.CA, "-X", "POST", "-H", "Authorization: Bearer "+c.Token["agent-1"], "-H", "Impersonate-User: agent-1",
		"-H", "Impersonate-Extra-Assent.dev%2fticket: "+made[0].ID, "-H", "Content-Type: application/json", "-d", `{"metadata":{"name":"forged"}}`,
		c.Server+"/api/v1/namespaces/guarded/configmaps")
	contains(t, "a forged ticket", forged.out, `"code": 403`, "cannot impersonate")
	if now := k.direct("-n", k.namespace, "get", "deployments,configmaps", "-o", "yaml"); now != earlier {
		t.Errorf("something changed:\n%s\n%s", earlier, now)
	}

	// Through assent, what is not declared; a stranger to the cluster; and the guard.
	before := len(k.entries())
	k.refused(through("delete", "deployment", "web"), before)
	stranger := k.edit(agent, c.Token["agent-1"], "not-a-token")
	if r := k.run(k.kubectl, "--kubeconfig", stranger, "scale", "deployment", "web", "--replicas=1"); r.code == 0 {
		t.Errorf("somebody whom the cluster does not know: %v", r)
	}
	before = len(k.entries())
	k.refused(through("delete", "--raw", "/k8s/k8sbox/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/assent-guard"), before)
	if made := k.entries()[before:]; len(made) != 1 || made[0].Action.Verb != "grant" || made[0].Action.Portable != "k8s.admission" {
		t.Errorf("removing the guard was decided as %+v", made)
	}
	k.direct("get", "validatingadmissionpolicybinding", "assent-guard")

	// With the webhook beside it, the ticket says that it was decided already.
	hook := k.write("webhook.yaml", k.must(binary, "kube", "webhook").out)
	k.direct("apply", "-f", hook)
	defer k.direct("delete", "-f", hook)
	waitFor(t, "the webhook", func() bool {
		return strings.Contains(direct("admin", "-n", "default", "create", "configmap", "probe").errOut, "assent refused this call")
	})
	before = len(k.entries())
	if r := through("scale", "deployment", "web", "--replicas=1"); r.code != 0 {
		t.Errorf("with guard and webhook: %v", r)
	}
	for _, d := range k.entries()[before:] {
		if d.Action.Operation != "patch deployments/scale" && !strings.HasPrefix(d.Grant, "consequence of ") && d.Verdict == "allow" {
			t.Errorf("decided twice: %+v", d)
		}
	}
}
