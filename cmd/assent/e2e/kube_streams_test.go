package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// variant is one way of streaming: a program, a protocol, a door.
type variant struct {
	kubectl, websockets string
	door
}

func (v variant) String() string {
	protocol := map[string]string{"true": "WebSocket", "false": "SPDY"}[v.websockets]
	return v.door.name + ", " + protocol + ", " + filepath.Base(v.kubectl)
}

// door is one way in: a kubeconfig, and what is in the environment beside it.
type door struct {
	name, config string
	env          map[string]string
}

// matrix is the stream matrix: what kubectl streams, over either protocol, through
// every door, against pods that really run.
type matrix struct {
	*kube
	at     variant
	n      int            // of the variant
	passed map[string]int // operations that passed, by door and protocol
}

// streamed are the stream operations.
var streamed = []struct {
	name string
	try  func(m *matrix, pod string) error
}{
	{"exec", (*matrix).exec}, {"exec -i", (*matrix).execStdin}, {"exec -t", (*matrix).execTerminal}, {"attach", (*matrix).attach},
	{"cp to", (*matrix).copyTo}, {"cp from", (*matrix).copyFrom}, {"port-forward", (*matrix).portForward},
	{"logs -f", (*matrix).logs}, {"get -w", (*matrix).watch},
}

// elsewhere is a name of the API server that no resolver knows: Go clients send no
// call for this machine through HTTPS_PROXY, and a call for this name cannot go
// anywhere else.
const elsewhere = "api.k8sbox.test:6443"

// streamIntent lets the agent execute in the pods of the namespace but for closed.
const streamIntent = `
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: streams, owner: checkout}
spec:
  purpose: Looking into pods.
  allow:
    - {id: pods, who: [deploy-agent], may: [execute], what: {resource: ["k8s://k8sbox/core/Pod/NAMESPACE/run-*"]}, in: [shop]}
`

// TestKubernetesStreams: every stream passes every door. The cluster has a node and
// no controllers: one of them would miss the node's heartbeats after a while.
func TestKubernetesStreams(t *testing.T) {
	c := k8sboxtest.Start(t, "--kubelet", "--controllers=false")
	k := newKube(t, c, "admin", "streaming").enforcing()
	k.direct("-n", k.namespace, "create", "serviceaccount", "default") // which a controller makes
	k.write("intent/shop.yaml", strings.NewReplacer("NAMESPACE", k.namespace, "clusters: [k8sbox]", "clusters: [k8sbox, named]", "k8s://k8sbox/", "k8s://*/").Replace(kubeIntent+streamIntent))
	var variants []variant
	programs := kubectls(c)
	for _, d := range k.doors() {
		variants = append(variants, variant{c.Kubectl, "true", d}, variant{c.Kubectl, "false", d})
		// An old kubectl has a SPDY of its own. It is left to CI: it takes as long again.
		if old := programs[:len(programs)-1]; len(old) > 0 && os.Getenv("CI") != "" {
			variants = append(variants, variant{old[len(old)-1], "false", d})
		}
	}
	m := &matrix{kube: k, passed: map[string]int{}}
	for m.n, m.at = range variants {
		pod := m.pods()
		before := len(k.entries())
		for _, op := range streamed {
			if err := op.try(m, pod); err != nil {
				t.Errorf("%s: %s: %v", m.at, op.name, err)
			} else if m.at.kubectl == c.Kubectl {
				m.passed[m.at.String()]++
			}
		}
		executed := 0
		for _, d := range k.entries()[before:] {
			if d.Action.Verb == "execute" && d.Verdict == "allow" {
				executed++
			}
		}
		if executed < 7 { // those above that are neither logs nor a watch
			t.Errorf("%s: only %d executions are recorded", m.at, executed)
		}
		m.refusals()
	}
	// 9 operations, over SPDY and WebSocket, through HTTPS_PROXY, proxy-url and gateway.
	all := 0
	for _, n := range m.passed {
		all += n
	}
	if want := len(streamed) * 2 * 3; len(streamed) != 9 || len(m.passed) != 6 || all != want {
		t.Errorf("%d of %d stream operations passed: %v", all, want, m.passed)
	}
}

// doors runs a daemon with every door that a stream can take.
func (k *kube) doors() []door {
	listen, gateway := freePort(k.t), freePort(k.t)
	const token = "the-token-of-the-agent"
	// The cluster under its own address, and under the name that leads there.
	clusters := k.write("clusters.kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: k8sbox,
clusters: [{name: k8sbox, cluster: {server: %q, certificate-authority: %q}}, {name: named, cluster: {server: "https://%s", certificate-authority: %[2]q}}],
users: [{name: u, user: {token: %[4]q}}], contexts: [{name: k8sbox, context: {cluster: k8sbox, user: u, namespace: streaming}}]}`,
		k.cluster.Server, k.cluster.CA, elsewhere, k.cluster.Token["admin"]))
	config := fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\nupstreams:\n  - {hosts: %q, to: %q}\n",
		listen, gateway, clusters, elsewhere, k.cluster.Server)
	k.write("assent.yaml", config)
	stop := k.serveUntil()
	k.env["KUBECONFIG"] = clusters
	through := k.write("gateway.kubeconfig", k.must(binary, "kubeconfig", "--as", "deploy-agent").out)
	// The proxy wants a token to know the agent by; the gateway has its certificate.
	stop()
	k.write("assent.yaml", config+"tokens:\n  deploy-agent: sha256:"+sha256Hex(token)+"\n")
	k.serveUntil()
	proxied := func(name, server, more string) string {
		return k.write(name, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: %q, certificate-authority: %q%s}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: streaming}}]}`,
			server, filepath.Join(k.home, "state", "assent", "ca", "ca.pem"), more, k.cluster.Token["admin"]))
	}
	url := "http://assent:" + token + "@127.0.0.1:" + listen
	return []door{
		{"HTTPS_PROXY", proxied("named.kubeconfig", "https://"+elsewhere, ""), map[string]string{"HTTPS_PROXY": url}},
		{"proxy-url", proxied("proxied.kubeconfig", k.cluster.Server, ", proxy-url: \""+url+"\""), nil},
		{"gateway", through, nil},
	}
}

// pods makes what a variant streams to, and returns the first part of the names.
func (m *matrix) pods() string {
	prefix := fmt.Sprintf("run-%d", m.n)
	pod := func(name, script string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - {name: app, image: none, stdin: true, command: [sh, -c, %q]}\n---\n", name, script)
	}
	file := m.write("pods.yaml", pod(prefix+"-plain", "sleep 3600")+
		pod(prefix+"-echo", "while read line; do echo got $line; done")+
		pod(prefix+"-log", "echo first line; while [ ! -e go ]; do sleep 0.1; done; echo second line")+pod(fmt.Sprintf("closed-%d", m.n), "sleep 3600"))
	m.direct("-n", m.namespace, "apply", "-f", file)
	m.direct("-n", m.namespace, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
	return prefix
}

// command is kubectl through the variant's door, for at most a minute.
func (m *matrix) command(args ...string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, m.at.kubectl, append([]string{"--kubeconfig", m.at.config}, args...)...)
	cmd.Dir, cmd.Env = m.dir, append(m.environ(), m.at.environ()...)
	return cmd, cancel
}

func (v variant) environ() []string {
	env := []string{"KUBECTL_REMOTE_COMMAND_WEBSOCKETS=" + v.websockets, "KUBECTL_PORT_FORWARD_WEBSOCKETS=" + v.websockets}
	for name, value := range v.env {
		env = append(env, name+"="+value)
	}
	return env
}

// says runs kubectl and wants an exit code and an output.
func (m *matrix) says(stdin string, code int, want string, args ...string) error {
	cmd, cancel := m.command(args...)
	defer cancel()
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errOut
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != code || out.String() != want {
		return fmt.Errorf("exit code %d, %d bytes %.80q, want %d, %d bytes %.80q: %s", cmd.ProcessState.ExitCode(), out.Len(), out.String(), code, len(want), want, errOut.String())
	}
	return nil
}

func (m *matrix) exec(pod string) error {
	return m.says("", 3, "heard\n", "exec", pod+"-plain", "--", "sh", "-c", "echo heard; exit 3")
}

func (m *matrix) execStdin(pod string) error {
	large := strings.Repeat("a line that goes there and back\n", 20_000)
	return m.says(large, 0, large, "exec", "-i", pod+"-plain", "--", "cat")
}

// execTerminal runs kubectl on a terminal of its own, whose size has to arrive.
func (m *matrix) execTerminal(pod string) error {
	cmd, cancel := m.command("exec", "-it", pod+"-plain", "--", "sh", "-c", "'sleep 1; stty size'")
	defer cancel()
	on := exec.Command("script", "-qec", "stty rows 33 cols 77; "+strings.Join(cmd.Args, " "), "/dev/null")
	on.Dir, on.Env = cmd.Dir, cmd.Env
	out, err := on.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "33 77") {
		return fmt.Errorf("%w: %q", err, out)
	}
	return nil
}

func (m *matrix) attach(pod string) error {
	return m.says("one\ntwo\n", 0, "got one\ngot two\n", "attach", "-i", "-q", pod+"-echo")
}

var copied = strings.Repeat("what is copied\n", 10_000)

func (m *matrix) copyTo(pod string) error {
	m.write("sent", copied)
	return m.says("", 0, "", "cp", "sent", pod+"-plain:there")
}

// copyFrom fetches what copyTo has left.
func (m *matrix) copyFrom(pod string) error {
	back := filepath.Join(m.dir, "back")
	defer os.Remove(back)
	if err := m.says("", 0, "", "cp", pod+"-plain:there", "back"); err != nil {
		return err
	}
	if got, err := os.ReadFile(back); err != nil || string(got) != copied {
		return fmt.Errorf("%d bytes came back of %d: %w", len(got), len(copied), err)
	}
	return nil
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

func (m *matrix) portForward(pod string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	cmd, cancel := m.command("port-forward", "--address", "127.0.0.1", pod+"-plain", fmt.Sprintf(":%d", l.Addr().(*net.TCPAddr).Port))
	defer cancel()
	return m.first(cmd, func(line string) (bool, error) {
		port := forwarding.FindStringSubmatch(line)
		if port == nil {
			return false, nil
		}
		for i := range 3 { // several connections share one upgraded one
			c, err := net.DialTimeout("tcp", "127.0.0.1:"+port[1], time.Minute)
			if err != nil {
				return true, err
			}
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			want := fmt.Sprintf("message %d\n", i)
			_, _ = io.WriteString(c, want)
			got, err := bufio.NewReader(c).ReadString('\n')
			c.Close()
			if got != want {
				return true, fmt.Errorf("%q came back: %w", got, err)
			}
		}
		return true, nil
	})
}

// first reads what a command says until it has said enough, and ends it.
func (m *matrix) first(cmd *exec.Cmd, enough func(line string) (bool, error)) error {
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if done, err := enough(lines.Text()); done || err != nil {
			return err
		}
	}
	_ = cmd.Wait()
	return fmt.Errorf("it ended early: %s", errOut.String())
}

func (m *matrix) logs(pod string) error {
	cmd, cancel := m.command("logs", "-f", pod+"-log")
	defer cancel()
	return m.first(cmd, func(line string) (bool, error) {
		if line == "first line" { // the second is written only now
			m.direct("-n", m.namespace, "exec", pod+"-log", "--", "touch", "go")
		}
		return line == "second line", nil
	})
}

func (m *matrix) watch(pod string) error {
	m.direct("-n", m.namespace, "create", "configmap", pod+"-first")
	cmd, cancel := m.command("get", "configmaps", "-w", "-o", "name")
	defer cancel()
	return m.first(cmd, func(line string) (bool, error) {
		if line == "configmap/"+pod+"-first" {
			m.direct("-n", m.namespace, "create", "configmap", pod+"-second")
		}
		return line == "configmap/"+pod+"-second", nil
	})
}

// refusals: a refused create, patch, delete, exec or port-forward ends kubectl with a
// code other than 0 and our message, and the audit log has no such id.
func (m *matrix) refusals() {
	closed := fmt.Sprintf("closed-%d", m.n)
	for _, line := range []string{
		"create configmap mine", `patch serviceaccount default --type=merge -p {"metadata":{"labels":{"a":"b"}}}`, "delete pod " + closed,
		"exec " + closed + " -- id", "port-forward " + closed + " :80",
	} {
		cmd, cancel := m.command(strings.Fields(line)...)
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		err := cmd.Run()
		cancel()
		said := refusalLine.FindStringSubmatch(errOut.String())
		if said == nil || err == nil {
			m.t.Errorf("%s: %s is not refused: %v: %s", m.at, line, err, errOut.String())
			continue
		}
		audit, err := os.ReadFile(m.cluster.Audit)
		if err != nil {
			m.t.Fatal(err)
		}
		if bytes.Contains(audit, []byte(said[6])) {
			m.t.Errorf("%s: %s was refused as %s, and the server knows it", m.at, line, said[6])
		}
	}
}
