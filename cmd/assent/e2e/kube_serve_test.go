package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// kubeServe runs the daemon, and kubectl with a proxy-url that a person wrote.
func kubeServe(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "served").enforcing()
	const token = "the-token-of-the-agent"
	port := freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\ntokens:\n  deploy-agent: sha256:%x\n",
		port, c.Kubeconfig["admin"], sha256.Sum256([]byte(token))))
	serve := exec.Command(binary, "serve")
	serve.Dir, serve.Env = k.dir, k.environ()
	var out, errOut lockedBuffer
	serve.Stdout, serve.Stderr = &out, &errOut
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serve.Wait() }()
	t.Cleanup(func() {
		serve.Process.Kill()
		if t.Failed() {
			t.Logf("assent serve:\n%s%s", errOut.String(), tailOf(out.String(), 4000))
		}
	})
	waitFor(t, "assent serve", func() bool { return strings.Contains(errOut.String(), "serving on") })

	through := func(name, userinfo string) string {
		return k.write(name, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: %q, certificate-authority: %q, proxy-url: "http://%s127.0.0.1:%s"}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: served}}]}`,
			c.Server, filepath.Join(k.home, "state", "assent", "ca", "ca.pem"), userinfo, port, c.Token["admin"]))
	}
	known, wrong, stranger := through("known", "assent:"+token+"@"), through("wrong", "assent:guessed@"), through("stranger", "")
	kubectl := func(config string, args ...string) result {
		return k.run(k.kubectl, append([]string{"--kubeconfig", config}, args...)...)
	}
	for _, config := range []string{wrong, stranger} {
		if r := kubectl(config, "get", "pods"); r.code == 0 || !strings.Contains(r.errOut, "Proxy Authentication Required") {
			t.Errorf("%s: want 407: %v", filepath.Base(config), r)
		}
	}
	if r := kubectl(known, "create", "deployment", "web", "--image=registry.example/web", "--replicas=0"); r.code != 0 {
		t.Errorf("a declared change was in the way: %v", r)
	}
	// In one file, a refusal is on stderr and its decision in the log and the ledger.
	m := refusalLine.FindStringSubmatch(kubectl(known, "delete", "deployment", "web").errOut)
	if m == nil || !strings.Contains(out.String(), `"decision":"`+m[6]+`"`) {
		t.Fatalf("not refused, or not in the log: %q", m)
	}
	contains(t, "explain", k.must(binary, "explain", m[6]).out, "deploy-agent", "k8s://k8sbox/apps/Deployment/served/web", "carol@shop.example")

	scale := func(n string) result { return kubectl(known, "scale", "deployment", "web", "--replicas="+n) }
	good, err := os.ReadFile(filepath.Join(k.dir, "intent", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	logged := func(what string) func() bool {
		before := strings.Count(out.String(), what)
		return func() bool { return strings.Count(out.String(), what) > before }
	}
	// A bad file keeps the old intent in force, and says why.
	kept := logged("new intent is not in force; the old one is")
	k.write("intent/shop.yaml", strings.Replace(string(good), "may: [create", "mya: [create", 1))
	waitFor(t, "the bad file", kept)
	contains(t, "the log", out.String(), "shop.yaml:", "mya")
	if r := scale("1"); r.code != 0 {
		t.Errorf("a bad file took the old intent away: %v", r)
	}
	// A changed file is read without being asked to.
	changed := logged(`"new intent is in force"`)
	k.write("intent/shop.yaml", strings.Replace(string(good), "may: [create, update, scale]", "may: [create, update]", 1))
	waitFor(t, "the changed file", changed)
	if r := scale("2"); r.code == 0 {
		t.Errorf("the changed intent is not in force: %v", r)
	}
	// SIGHUP too: a file that changes by its name elsewhere tells a watcher nothing.
	changed = logged(`"new intent is in force"`)
	if err := os.Link(filepath.Join(k.dir, "intent", "shop.yaml"), filepath.Join(k.dir, "elsewhere.yaml")); err != nil {
		t.Fatal(err)
	}
	k.write("elsewhere.yaml", string(good))
	if err := serve.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "SIGHUP", changed)
	if r := scale("3"); r.code != 0 {
		t.Errorf("the intent of before is not in force again: %v", r)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ending on SIGTERM: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("SIGTERM does not end it")
	}
	contains(t, "ledger verify", k.must(binary, "ledger", "verify").out, "verified")
	for _, secret := range []string{token, c.Token["admin"]} {
		if strings.Contains(out.String()+errOut.String(), secret) {
			t.Errorf("a token is in the log")
		}
	}
}

// kubeQuestions asks with a command, with lines, and of what is known.
func kubeQuestions(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "asked").enforcing()
	k.direct("-n", "asked", "create", "deployment", "web", "--image=registry.example/web", "--replicas=0")
	before := k.direct("-n", "asked", "get", "deployment,replicaset,pod", "-o", "yaml")
	for _, tc := range []struct {
		line string
		code int
		says string
	}{
		{"delete deployment web", 3, "assent may: this would be refused"},
		{"scale deployment web --replicas=1", 0, "assent may: this would be allowed by deploys/workloads"},
		{"get deployments", 0, "0 would be allowed, 0 refused"},
		{"get deployment none", 1, "not found"},
	} {
		r := k.assent(append([]string{"may", "--as", "deploy-agent", "--", k.kubectl}, strings.Fields(tc.line)...)...)
		if r.code != tc.code {
			t.Errorf("may -- kubectl %s: want exit code %d: %v", tc.line, tc.code, r)
		}
		contains(t, "may -- kubectl "+tc.line, r.errOut, tc.says)
		if strings.Contains(r.errOut, "assent explain") {
			t.Errorf("there is nothing to explain of a question: %v", r)
		}
	}
	if after := k.direct("-n", "asked", "get", "deployment,replicaset,pod", "-o", "yaml"); after != before {
		t.Errorf("a question changed the cluster:\n%s\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(k.home, "state", "assent", "ledger", "ledger.db")); err == nil {
		t.Error("a question was recorded")
	}

	// A line about a server that no kubeconfig names is still understood.
	body := base64.StdEncoding.EncodeToString([]byte(`{"spec":{"replicas":3}}`))
	k.write("lines", `{"method":"PATCH","url":"https://10.9.8.7:6443/apis/apps/v1/namespaces/shop/deployments/web/scale","headers":{"Content-Type":"application/merge-patch+json"},"body_b64":"`+body+`"}
{"method":"DELETE","url":"https://api.unknown.example/api/v1/namespaces/shop/secrets/db","headers":{}}
{"method":"GET","url":"https://api.unknown.example/elsewhere","headers":{}}
`)
	lines := strings.Split(strings.TrimSpace(k.must("sh", "-c", binary+" decode < lines").out), "\n")
	if len(lines) != 3 {
		t.Fatalf("decode: %q", lines)
	}
	for i, want := range []struct{ verb, service, resource, account, errText string }{
		{"scale", "apps", "deployments", "10.9.8.7:6443", ""},
		{"delete", "core", "secrets", "api.unknown.example", ""},
		{"", "", "", "", "no decoder governs api.unknown.example"},
	} {
		var got struct {
			Verb, Service, Account, Error string
			Kubernetes                    object
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Verb != want.verb || got.Service != want.service || got.Kubernetes.Resource != want.resource || got.Account != want.account || got.Error != want.errText {
			t.Errorf("decode: %s, want %+v", lines[i], want)
		}
	}

	// What is known is told, and a decision is explained.
	k.must(binary, "run", "--as", "deploy-agent", "--", k.kubectl, "get", "deployments", "-o", "yaml")
	what := k.must(binary, "what", "k8s://k8sbox/apps/Deployment/asked/web").out
	contains(t, "what", what, "apps/Deployment", "depends on  k8s://k8sbox/core/Namespace//asked")
	contains(t, "what", k.must(binary, "what").out, "k8s://k8sbox/apps/Deployment/asked/web")
	said := k.refused(k.as("deploy-agent", "delete", "deployment", "web"), 0)
	id := decisionID.FindString(said)
	contains(t, "explain", k.must(binary, "explain", id).out, id, "apps:delete deployments", "AS2002", "checkout", "k8s://k8sbox/apps/Deployment/asked/web")
}
