package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

func kubeExec(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "executed").enforcing()
	for _, pod := range []string{"open", "closed"} { // running, as far as kubectl can see
		k.direct("-n", k.namespace, "run", pod, "--image=registry.example/"+pod)
		k.direct("-n", k.namespace, "patch", "pod", pod, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)
	}
	type client struct{ kubectl, websockets string }
	clients := []client{{c.Kubectl, "false"}}
	for _, path := range kubectls(c) {
		clients = append(clients, client{path, "true"})
	}
	for _, cl := range clients {
		k.env["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"], k.env["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = cl.websockets, cl.websockets
		k.kubectl = cl.kubectl
		before, earlier := len(k.entries()), len(k.writes())
		said := k.refused(k.as("deploy-agent", "exec", "closed", "--", "id"), before)
		contains(t, cl.kubectl, said, "may not execute", "k8s://k8sbox/core/Pod/executed/closed")
		if made := k.entries(); made[len(made)-1].Action.Verb != "execute" {
			t.Errorf("%s: decided as %+v", cl.kubectl, made[len(made)-1].Action)
		}
		for _, w := range k.writes()[earlier:] {
			if w.Namespace == k.namespace {
				t.Errorf("%s: a refused exec reached the server: %+v", cl.kubectl, w)
			}
		}
		// Without a kubelet the server cannot do it, and says so.
		earlier = len(k.writes())
		without := exec.Command(cl.kubectl, "exec", "open", "--", "id")
		without.Env = k.environ()
		want, _ := without.CombinedOutput()
		r := k.as("deploy-agent", "exec", "open", "--", "id")
		if got := withoutOurs(r.errOut); got != string(want) || r.code != without.ProcessState.ExitCode() {
			t.Errorf("%s: without assent %q, exit code %d; with it %v", cl.kubectl, want, without.ProcessState.ExitCode(), r)
		}
		reached := 0
		for _, w := range k.writes()[earlier:] {
			if w.Subresource == "exec" && w.Name == "open" && w.Namespace == k.namespace {
				reached++
			}
		}
		if reached < 2 || reached%2 != 0 {
			t.Errorf("%s: the server was asked %d times, want as often with assent as without", cl.kubectl, reached)
		}
	}
	before := len(k.entries())
	contains(t, "port-forward", k.refused(k.as("deploy-agent", "port-forward", "closed", "18080:80"), before), "may not execute")
	before = len(k.entries())
	contains(t, "attach", k.refused(k.as("deploy-agent", "attach", "closed"), before), "may not execute")
}

// withoutOurs leaves out assent's own lines.
func withoutOurs(stderr string) string {
	var kept strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "assent: ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
