package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// serveUntil runs the daemon with the kube's assent.yaml until stop is called, or
// the test ends.
func (k *kube) serveUntil() (stop func()) {
	k.t.Helper()
	cmd := exec.Command(binary, "serve")
	cmd.Dir, cmd.Env = k.dir, k.environ()
	var out, errOut lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			k.t.Error("an interrupt does not end assent serve")
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	k.t.Cleanup(func() {
		stop()
		if k.t.Failed() {
			k.t.Logf("assent serve:\n%s%s", errOut.String(), tailOf(out.String(), 4000))
		}
	})
	waitFor(k.t, "assent serve", func() bool { return strings.Contains(errOut.String(), "serving on") })
	return stop
}

// kubeGateway: a kubeconfig that leads to the gateway works for every verb, for a
// cluster on this machine, without any proxy, and tells whose it is.
func kubeGateway(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "alice", "gatewayed").enforcing()
	gateway := freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\n", freePort(t), gateway, c.Kubeconfig["admin"]))
	k.serveUntil()
	config := func(actor string, more ...string) string {
		r := k.must(binary, append([]string{"kubeconfig", "--as", actor}, more...)...)
		contains(t, "the kubeconfig", r.out, "https://127.0.0.1:"+gateway+"/k8s/k8sbox", "client-certificate-data", c.Token["alice"])
		return k.write(actor+".kubeconfig", r.out)
	}
	agent, stranger := config("deploy-agent"), config("mallory", "--lifetime", "1h")
	for _, program := range kubectls(c) {
		kubectl := func(config string, args ...string) result {
			return k.run(program, append([]string{"--kubeconfig", config}, args...)...)
		}
		before := len(k.entries())
		for _, line := range []string{
			"create deployment web --image=registry.example/web --replicas=0", "scale deployment web --replicas=1",
			`patch deployment web --type=merge -p {"metadata":{"labels":{"a":"b"}}}`, "get deployments", "get deployments -w --request-timeout=1s",
			"get deployment web -o yaml", "api-resources", "auth can-i get pods", "apply --server-side --dry-run=server -f dry.yaml",
		} {
			k.write("dry.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dry}\n")
			r := kubectl(agent, strings.Fields(line)...)
			timedOut := strings.Contains(line, "-w ") && strings.Contains(r.errOut, "Client.Timeout")
			if r.code != 0 && !timedOut {
				t.Errorf("%s %s: %v", program, line, r)
			}
		}
		made := k.entries()[before:]
		if len(made) != 3 {
			t.Fatalf("%s: want three decisions: %+v", program, made)
		}
		writes := k.writes()
		for _, d := range made {
			// The server logs it under the decision's id, as the caller's own user.
			found := false
			for _, w := range writes {
				found = found || w.id == d.ID && w.user == "alice" && w.Namespace == "gatewayed" && w.Name == "web"
			}
			if !found || d.request != d.ID {
				t.Errorf("%s: %s (answered as %s) is not in the audit log", program, d.ID, d.request)
			}
		}
		for name, config := range map[string]string{"not allowed": agent, "allowed nothing": stranger} {
			before, earlier := len(k.entries()), len(k.writes())
			k.refused(kubectl(config, "delete", "deployment", "web"), before)
			for _, w := range k.writes()[earlier:] {
				if w.Namespace == k.namespace && w.user == "alice" {
					t.Errorf("%s, %s: it reached the server: %+v", program, name, w)
				}
			}
		}
		k.direct("-n", k.namespace, "delete", "deployment", "web")
	}
	// Whoever shows nothing is nobody, and whoever shows another's certificate is told.
	bare := k.write("bare.kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: "https://127.0.0.1:%s/k8s/k8sbox", certificate-authority: %q}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: gatewayed}}]}`,
		gateway, k.home+"/state/assent/ca/ca.pem", c.Token["alice"]))
	before := len(k.entries())
	k.refused(k.run(k.kubectl, "--kubeconfig", bare, "create", "deployment", "web", "--image=registry.example/web"), before)
	curl := func(path string, more ...string) string {
		return k.must("curl", append([]string{"-sS", "--cacert", k.home + "/state/assent/ca/ca.pem", "-H", "Authorization: Bearer " + c.Token["alice"],
			"https://127.0.0.1:" + gateway + path}, more...)...).out
	}
	contains(t, "a cluster that is not served", curl("/k8s/other/api/v1/pods"), "it serves /k8s/k8sbox", `"code":403`)
	const id = "a-client-of-its-own"
	contains(t, "a read with an audit id", strings.ToLower(curl("/k8s/k8sbox/api/v1/namespaces/gatewayed/pods", "-H", "Audit-ID: "+id, "-D", "-")), "audit-id: "+id, `"podlist"`)
}

// edit writes a changed copy of a file and returns its path.
func (k *kube) edit(path, old, changed string) string {
	k.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.write("edited.kubeconfig", strings.ReplaceAll(string(data), old, changed))
}

// kubeWatchCut: most watches end because their client has seen enough.
func kubeWatchCut(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "watched")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	watch := exec.CommandContext(ctx, binary, "run", "--", "sh", "-c", k.kubectl+" get configmaps -w -o name & read enough; kill $!")
	watch.Dir, watch.Env = k.dir, k.environ()
	enough, err := watch.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	seen := func(name string) {
		for lines.Scan() {
			if lines.Text() == "configmap/"+name {
				return
			}
		}
		t.Fatalf("%s is not seen: %v", name, lines.Err())
	}
	seen("kube-root-ca.crt") // a list, and then the watch
	k.direct("-n", k.namespace, "create", "configmap", "appeared", "--from-literal=colour=blue")
	seen("appeared")
	enough.Close()
	_ = watch.Wait()
	contains(t, "what is known", k.must(binary, "what").out, "k8s://k8sbox/core/ConfigMap/watched/appeared")
}
