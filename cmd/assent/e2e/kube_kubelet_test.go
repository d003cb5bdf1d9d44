package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/spdystream"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// What is allowed streams both ways, over WebSockets and SPDY, and logs come as
// they are written.
func kubeStreams(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "admin", "streamed").enforcing()
	more := make(chan struct{})
	startKubelet(t, k, "kubelet-of-streamed", more)
	k.direct("-n", k.namespace, "run", "open", "--image=registry.example/open", `--overrides={"spec":{"nodeName":"kubelet-of-streamed"}}`)
	k.direct("-n", k.namespace, "patch", "pod", "open", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)

	large := strings.Repeat("a line that goes there and back\n", 20_000)
	for websockets, programs := range map[string][]string{"true": kubectls(c), "false": {c.Kubectl}} {
		for _, path := range programs {
			k.env["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = websockets
			before := len(k.entries())
			r := k.assent("run", "--as", "deploy-agent", "--", path, "exec", "open", "--", "echo", "heard", "there")
			if r.code != 0 || r.out != "[echo heard there]\n" {
				t.Errorf("%s, websockets %s: %v", path, websockets, r)
			}
			if made := k.entries()[before:]; len(made) != 1 || made[0].Verdict != "allow" || made[0].Action.Verb != "execute" {
				t.Errorf("%s, websockets %s: want one decision: %+v", path, websockets, made)
			}
		}
		// What stdin will say cannot be judged, and the decision says so.
		cmd := exec.Command(binary, "run", "--as", "deploy-agent", "--", c.Kubectl, "exec", "-i", "open", "--", "cat")
		cmd.Dir, cmd.Env, cmd.Stdin = k.dir, k.environ(), strings.NewReader(large)
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil || string(out) != "[cat]\n"+large {
			t.Errorf("websockets %s: %d bytes came back, want %d: %v\n%s", websockets, len(out), len(large), err, tailOf(errOut.String(), 2000))
		}
		made := k.entries()
		if last := made[len(made)-1]; !slices.Contains(last.Action.Unknown, "stdin") {
			t.Errorf("websockets %s: stdin is not said to be unknown: %+v", websockets, last.Action)
		}
	}

	// The second line is written only after the first has arrived.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	logs := exec.CommandContext(ctx, binary, "run", "--as", "deploy-agent", "--", k.kubectl, "logs", "-f", "open")
	logs.Dir, logs.Env = k.dir, k.environ()
	pipe, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for _, want := range []string{"first line", "second line"} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("logs -f: %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
		if want == "first line" {
			close(more)
		}
	}
	if err := logs.Wait(); err != nil {
		t.Errorf("logs -f: %v", err)
	}
}

// startKubelet makes a node whose kubelet runs no containers, but answers as one
// that does: an exec prints its command and echoes stdin, the logs have two lines,
// the second after more is closed.
func startKubelet(t *testing.T, k *kube, node string, more <-chan struct{}) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", serveExec)
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first line")
		w.(http.Flusher).Flush()
		select {
		case <-more:
			fmt.Fprintln(w, "second line")
		case <-r.Context().Done():
		}
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	k.direct("create", "-f", k.write("node.json", fmt.Sprintf(`{"apiVersion":"v1","kind":"Node","metadata":{"name":%q}}`, node)))
	k.direct("patch", "node", node, "--subresource=status", "--type=merge", "-p",
		`{"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":`+port+`}},"conditions":[{"type":"Ready","status":"True"}]}}`)
}

// serveExec speaks v4.channel.k8s.io over SPDY, as kubelets do.
func serveExec(w http.ResponseWriter, r *http.Request) {
	const protocol = "v4.channel.k8s.io"
	if r.Header.Get("Upgrade") != "SPDY/3.1" || !strings.Contains(strings.Join(r.Header["X-Stream-Protocol-Version"], ","), protocol) {
		http.Error(w, "unexpected: "+fmt.Sprint(r.Header), http.StatusBadRequest)
		return
	}
	raw, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer raw.Close()
	fmt.Fprintf(raw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: %s\r\n\r\n", protocol)
	conn, err := spdystream.NewConnection(raw, true)
	if err != nil {
		return
	}
	defer conn.Close()
	opened := make(chan *spdystream.Stream, 8) // there are at most five kinds
	go conn.Serve(func(s *spdystream.Stream) {
		if s.SendReply(http.Header{}, false) == nil {
			opened <- s
		}
	})
	query := r.URL.Query()
	want := 1 // error
	for _, kind := range []string{"input", "output", "error"} {
		if v := query.Get(kind); v == "1" || v == "true" {
			want++
		}
	}
	streams := map[string]*spdystream.Stream{}
	for range want {
		select {
		case s := <-opened:
			streams[s.Headers().Get("Streamtype")] = s
		case <-time.After(time.Minute):
			return
		}
	}
	out := streams["stdout"]
	fmt.Fprintln(out, query["command"])
	if in := streams["stdin"]; in != nil {
		_, _ = io.Copy(out, in)
	}
	fmt.Fprint(streams["error"], `{"metadata":{},"status":"Success"}`)
	for _, s := range streams {
		s.Close()
	}
	<-conn.CloseChan()
}
