package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
)

// service is `assent serve` as a service manager runs it.
type service struct {
	*world
	cmd         *exec.Cmd
	out, errOut lockedBuffer
	ended       chan error
}

// startService runs `assent serve` until the test ends. Sockets, if there are any,
// are handed over as systemd does it, under these names.
func startService(t *testing.T, w *world, sockets map[string]*os.File) *service {
	t.Helper()
	return serviceOf(t, w, binary, sockets)
}

// serviceOf is startService for another program than the one under test.
func serviceOf(t *testing.T, w *world, program string, sockets map[string]*os.File) *service {
	t.Helper()
	d := &service{world: w, ended: make(chan error, 1)}
	d.cmd = exec.Command(program, "serve")
	d.cmd.Env = w.environ()
	if len(sockets) > 0 {
		// LISTEN_PID has to be the program's own, which only it knows.
		d.cmd = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" serve`, program)
		var names []string
		for name, f := range sockets {
			names = append(names, name)
			d.cmd.ExtraFiles = append(d.cmd.ExtraFiles, f)
		}
		d.cmd.Env = append(w.environ(), fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = w.dir, &d.out, &d.errOut
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("assent serve:\n%s%s", d.errOut.String(), tailOf(d.out.String(), 4000))
		}
	})
	waitFor(t, "assent serve", func() bool { return strings.Contains(d.errOut.String(), "serving on") })
	return d
}

func (d *service) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

func (d *service) wait() {
	d.t.Helper()
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		d.t.Error("it did not end")
	}
}

// client is an HTTP client behind the proxy at addr, which trusts the daemon's
// authority as it is now.
func (d *service) client(addr string) *http.Client {
	d.t.Helper()
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(d.home, "state", "assent", "ca", "ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		d.t.Fatalf("the authority: %v", err)
	}
	t := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: addr}), TLSClientConfig: &tls.Config{RootCAs: pool}}
	d.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: 30 * time.Second}
}

// admin asks the daemon's own door.
func (d *service) admin(path string) (int, string) {
	d.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", d.env["ADMIN"])
	}}}
	resp, err := client.Get("http://assent" + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const terminate = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"

// terminateInstances sends a change, as an SDK would.
func terminateInstances(c *http.Client) (int, string) {
	resp, err := c.Post("https://ec2.us-east-1.amazonaws.com/", "application/x-www-form-urlencoded", strings.NewReader(terminate))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// newServiceWorld has an assent.yaml whose cloud is h.
func newServiceWorld(t *testing.T, h http.HandlerFunc, more string) (w *world, addr string) {
	cloud := httptest.NewServer(h)
	t.Cleanup(cloud.Close)
	w = newWorld(t)
	addr = "127.0.0.1:" + freePort(t)
	// A socket's path has room for some hundred bytes.
	dir, err := os.MkdirTemp("", "assent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.env["ADMIN"] = filepath.Join(dir, "admin.sock")
	w.write("assent.yaml", fmt.Sprintf("listen: %s\nadmin: %s\nupstreams: [{hosts: \"*.amazonaws.com\", to: %q}]\n%s", addr, w.env["ADMIN"], cloud.URL, more))
	return w, addr
}

// SIGTERM during a change that takes two seconds: its caller gets its answer, the
// ledger its outcome, and nobody else is let in.
func TestSIGTERMLetsAChangeFinishAndRecordsIt(t *testing.T) {
	arrived, taken := make(chan struct{}), 2*time.Second
	w, addr := newServiceWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		close(arrived)
		time.Sleep(taken) // the change takes its time
		rw.Header().Set("X-Amzn-Requestid", "the-cloud-did-it")
		_, _ = io.WriteString(rw, "<TerminateInstancesResponse/>")
	}, "")
	d := startService(t, w, nil)
	if status, body := d.admin("/readyz"); status != 200 {
		t.Errorf("not ready: %d %s", status, body)
	}
	client := d.client(addr)
	type answer struct {
		status int
		body   string
	}
	answered := make(chan answer, 1)
	go func() {
		status, body := terminateInstances(client)
		answered <- answer{status, body}
	}()
	<-arrived
	d.signal(syscall.SIGTERM)
	waitFor(t, "the end of serving", func() bool { return strings.Contains(d.errOut.String(), "ending") })
	if status, body := terminateInstances(d.client(addr)); status == 200 {
		t.Errorf("another call was let in: %s", body)
	}
	if a := <-answered; a.status != 200 || a.body != "<TerminateInstancesResponse/>" {
		t.Errorf("the caller got %+v", a)
	}
	d.wait()
	log := w.must(binary, "ledger", "tail", "--all", "--json").out
	contains(t, "the ledger", log, `"the-cloud-did-it"`, "succeeded")
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
}

// The daemon serves sockets that systemd has opened, as the units in deploy/systemd
// name them, and calls that come before it is there wait.
func TestItServesTheSocketsOfTheServiceManager(t *testing.T) {
	w, addr := newServiceWorld(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<done/>") }, "")
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	file := func(l interface{ File() (*os.File, error) }) *os.File {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	proxyFile := file(l.(*net.TCPListener))
	l.Close()
	early, err := net.Dial("tcp", addr) // nobody accepts yet, and nobody refuses
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(filepath.Dir(w.env["ADMIN"]), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	w.env["NOTIFY_SOCKET"] = notify.LocalAddr().String()

	name := unitValue(t, "assent.socket", "FileDescriptorName")
	if name != "proxy" {
		t.Errorf("the unit calls the socket %q", name)
	}
	d := startService(t, w, map[string]*os.File{name: proxyFile})
	said := make([]byte, 100)
	_ = notify.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := notify.Read(said); err != nil || string(said[:n]) != "READY=1" {
		t.Errorf("it told %q %v", said[:n], err)
	}
	fmt.Fprintf(early, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = early.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := early.Read(said); err != nil || !strings.HasPrefix(string(said[:n]), "HTTP/1.1 400") {
		t.Errorf("the early call got %q %v", said[:n], err)
	}
	if status, body := terminateInstances(d.client(addr)); status != 200 || body != "<done/>" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := d.admin("/metrics"); status != 200 || !strings.Contains(body, `assent_outcomes_total{result="succeeded"} 1`) {
		t.Errorf("%d %s", status, body)
	}
	d.signal(syscall.SIGTERM)
	d.wait()
	if c, err := net.Dial("tcp", addr); err != nil { // the port is still the service manager's
		t.Errorf("the port was closed: %v", err)
	} else {
		c.Close()
	}
	if command := unitValue(t, "assent.service", "ExecStart"); !strings.Contains(command, "assent serve --config") {
		t.Errorf("the unit runs %q", command)
	}
}

func TestASocketThatNobodyKnowsIsRefused(t *testing.T) {
	w, _ := newServiceWorld(t, nil, "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{"prxoy": "FileDescriptorName=", "gateway": "assent.yaml has none"} {
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" serve`, binary)
		cmd.Dir, cmd.ExtraFiles = w.dir, []*os.File{f}
		cmd.Env = append(w.environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// unitValue reads a value out of a unit in deploy/systemd.
func unitValue(t *testing.T, unit, key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "systemd", unit))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return value
		}
	}
	t.Fatalf("%s has no %s", unit, key)
	return ""
}

// The authority is exchanged while a call is in flight: the call gets its answer, and
// the next client meets the new one.
func TestTheAuthorityIsExchangedWithoutDroppingACall(t *testing.T) {
	arrived, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w, addr := newServiceWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		once.Do(func() { close(arrived) })
		<-finish
		_, _ = io.WriteString(rw, "<done/>")
	}, "")
	d := startService(t, w, nil)
	before := d.client(addr)
	answered := make(chan string, 1)
	go func() { _, body := terminateInstances(before); answered <- body }()
	<-arrived
	next, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader, CommonName: "Assent"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(d.home, "state", "assent", "ca")
	if err := next.Save(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the new authority", func() bool { return strings.Contains(d.out.String(), "a new authority is in force") })
	close(finish)
	if body := <-answered; body != "<done/>" {
		t.Errorf("the call in flight got %q", body)
	}
	if status, body := terminateInstances(d.client(addr)); status != 200 || body != "<done/>" { // trusts the new one alone
		t.Errorf("%d %s", status, body)
	}
	if status, body := d.admin("/metrics"); status != 200 || !strings.Contains(body, `assent_reloads_total{result="in force",what="authority"} 1`) {
		t.Errorf("it is not counted: %d", status)
	}
}
