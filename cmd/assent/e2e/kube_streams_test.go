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
	name, kubectl, websockets, config string
}

// matrix is the stream matrix: what kubectl streams, over either protocol, through
// either door, against pods that really run.
type matrix struct {
	*kube
	at      variant
	n       int // of the variant
	streams int // operations that passed
}

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

func kubeStreamMatrix(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "streaming").enforcing()
	k.write("intent/shop.yaml", strings.ReplaceAll(kubeIntent+streamIntent, "NAMESPACE", k.namespace))
	listen, gateway := freePort(t), freePort(t)
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\n", listen, gateway, c.Kubeconfig["admin"]))
	stop := k.serveUntil()
	through := k.write("gateway.kubeconfig", k.must(binary, "kubeconfig", "--as", "deploy-agent").out)
	// The proxy wants a token to know the agent by; the gateway has its certificate.
	stop()
	const token = "the-token-of-the-agent"
	k.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: enforce\nintent: intent\nclusters: [%q]\ntokens:\n  deploy-agent: sha256:%s\n",
		listen, gateway, c.Kubeconfig["admin"], sha256Hex(token)))
	k.serveUntil()
	proxied := k.write("proxied.kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: x,
clusters: [{name: x, cluster: {server: %q, certificate-authority: %q, proxy-url: "http://assent:%s@127.0.0.1:%s"}}],
users: [{name: u, user: {token: %q}}], contexts: [{name: x, context: {cluster: x, user: u, namespace: streaming}}]}`,
		c.Server, filepath.Join(k.home, "state", "assent", "ca", "ca.pem"), token, listen, c.Token["admin"]))

	old := kubectls(c)[:len(kubectls(c))-1]
	var variants []variant
	for door, config := range map[string]string{"proxy-url": proxied, "gateway": through} {
		variants = append(variants, variant{door + ", WebSocket", c.Kubectl, "true", config}, variant{door + ", SPDY", c.Kubectl, "false", config})
		if len(old) > 0 {
			variants = append(variants, variant{door + ", an old kubectl", old[len(old)-1], "false", config})
		}
	}
	m := &matrix{kube: k}
	for m.n, m.at = range variants {
		k.env["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"], k.env["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = m.at.websockets, m.at.websockets
		pod := m.pods()
		before := len(k.entries())
		for _, op := range []struct {
			name string
			try  func(pod string) error
		}{
			{"exec", m.exec}, {"exec -i", m.execStdin}, {"exec -t", m.execTerminal}, {"attach", m.attach}, {"cp to and from", m.copy}, {"port-forward", m.portForward},
			{"logs -f", m.logs}, {"get -w", m.watch},
		} {
			if err := op.try(pod); err != nil {
				t.Errorf("%s: %s: %v", m.at.name, op.name, err)
			} else {
				m.streams++
			}
		}
		executed := 0
		for _, d := range k.entries()[before:] {
			if d.Action.Verb == "execute" && d.Verdict == "allow" {
				executed++
			}
		}
		if executed < 7 { // the six above, of which cp is at least two
			t.Errorf("%s: only %d executions are recorded", m.at.name, executed)
		}
		m.refusals()
	}
	t.Logf("%d stream operations passed through %d variants", m.streams, len(variants))
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
	cmd.Dir, cmd.Env = m.dir, m.environ()
	return cmd, cancel
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

func (m *matrix) copy(pod string) error {
	sent := strings.Repeat("what is copied\n", 10_000)
	m.write("sent", sent)
	if err := m.says("", 0, "", "cp", "sent", pod+"-plain:there"); err != nil {
		return err
	}
	back := filepath.Join(m.dir, "back")
	defer os.Remove(back)
	if err := m.says("", 0, "", "cp", pod+"-plain:there", "back"); err != nil {
		return err
	}
	if got, err := os.ReadFile(back); err != nil || string(got) != sent {
		return fmt.Errorf("%d bytes came back of %d: %w", len(got), len(sent), err)
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
			c, err := net.DialTimeout("tcp", "127.0.0.1:"+port[1], 10*time.Second)
			if err != nil {
				return true, err
			}
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
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

// refusals: what is not declared ends kubectl with our message, and the server's
// log has no such id.
func (m *matrix) refusals() {
	closed := fmt.Sprintf("closed-%d", m.n)
	for _, line := range []string{
		"create configmap mine", `patch serviceaccount default --type=merge -p {"metadata":{"labels":{"a":"b"}}}`, "delete pod " + closed,
		"exec " + closed + " -- id", "port-forward " + closed + " :80",
	} {
		r := m.run(m.at.kubectl, append([]string{"--kubeconfig", m.at.config}, strings.Fields(line)...)...)
		said := refusalLine.FindStringSubmatch(r.errOut)
		if said == nil || r.code == 0 {
			m.t.Errorf("%s: %s is not refused: %v", m.at.name, line, r)
			continue
		}
		audit, err := os.ReadFile(m.cluster.Audit)
		if err != nil {
			m.t.Fatal(err)
		}
		if bytes.Contains(audit, []byte(said[6])) {
			m.t.Errorf("%s: %s was refused as %s, and the server knows it", m.at.name, line, said[6])
		}
	}
}
