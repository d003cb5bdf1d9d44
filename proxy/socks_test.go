package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"github.com/assent-iom/assent/model"
)

// overSocks is a client that goes through SOCKS.
func (b *bench) overSocks(user, password string) proxy.ContextDialer {
	b.t.Helper()
	d, err := proxy.SOCKS5("tcp", b.addr, &proxy.Auth{User: user, Password: password}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return d.(proxy.ContextDialer)
}

func (b *bench) socksTunnel(target string) net.Conn {
	b.t.Helper()
	c, err := b.overSocks("run", "secret").DialContext(context.Background(), "tcp", target)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// Law 2: a SOCKS target is what a CONNECT target is.
func TestLaw2ASOCKSTargetIsACONNECTTarget(t *testing.T) {
	b := newBench(t, nil)
	var evil atomic.Int64
	good := b.upstream("good.governed.test", true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "governed") })
	free := b.upstream("free.test", true, func(w http.ResponseWriter, _ *http.Request) { evil.Add(1); _, _ = io.WriteString(w, "free") })
	_, goodPort, _ := net.SplitHostPort(good)

	for _, h2 := range []bool{false, true} {
		client := b.client(h2)
		tr := client.Transport.(*http.Transport)
		tr.Proxy, tr.DialContext = nil, b.overSocks("run", "secret").DialContext
		if status, body := readAll2(client.Post("https://"+good+"/x", "", strings.NewReader("x"))); status != 200 || body != "governed" {
			t.Errorf("governed, h2 %v: %d %q", h2, status, body)
		}
	}
	calls := b.gate.calls()
	if len(calls) != 2 || calls[0].Actor.ID != "tester" || calls[0].Run != "run_1" || calls[0].Call.Host != good {
		t.Fatalf("judged: %+v", calls)
	}
	// Ungoverned: the real certificate, not ours.
	client := b.client(true)
	tr := client.Transport.(*http.Transport)
	tr.Proxy, tr.DialContext, tr.TLSClientConfig = nil, b.overSocks("run", "secret").DialContext, &tls.Config{RootCAs: b.roots}
	if status, body := readAll2(client.Get("https://" + free + "/")); status != 200 || body != "free" {
		t.Errorf("ungoverned: %d %q", status, body)
	}
	client.CloseIdleConnections()
	eventually(t, func() bool { p := b.srv.Stats().Passed[free]; return p.Times == 1 && p.BytesUp > 0 && p.BytesDown > 0 })

	evil.Store(0)
	secure := tls.Client(b.socksTunnel(good), &tls.Config{RootCAs: b.ca, ServerName: "good.governed.test"})
	fmt.Fprintf(secure, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", free)
	if head := first(t, secure, 12); head != "HTTP/1.1 421" {
		t.Errorf("another Host: %q", head)
	}
	secure = tls.Client(b.socksTunnel(good), &tls.Config{RootCAs: b.ca, ServerName: "free.test"})
	fmt.Fprintf(secure, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good)
	if head := first(t, secure, 12); head != "HTTP/1.1 421" {
		t.Errorf("another server name: %q", head)
	}
	if err := clientHello(b.socksTunnel("127.0.0.1:"+goodPort), "good.governed.test"); err == nil {
		t.Error("an address, with a governed server name: the handshake went through")
	}
	clear := b.socksTunnel("127.0.0.1:" + goodPort)
	fmt.Fprintf(clear, "GET / HTTP/1.1\r\nHost: good.governed.test\r\n\r\n")
	if head := first(t, clear, 12); head != "HTTP/1.1 421" {
		t.Errorf("an address, with a governed Host: %q", head)
	}
	if n := evil.Load(); n != 0 || len(b.gate.calls()) != 2 || len(b.gate.turnedAway()) != 4 {
		t.Errorf("%d calls went elsewhere, %d were judged, %d refusals recorded", n, len(b.gate.calls()), len(b.gate.turnedAway()))
	}
}

func first(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	head := make([]byte, n)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Error(err)
	}
	return string(head)
}

// What is refused has the reply that RFC 1928 has for it, and is recorded.
func TestSOCKSRefusals(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Egress, cfg.Limits.Header = EgressDeny, time.Second })
	const hello, login = "\x05\x01\x02", "\x01\x03run\x06secret"
	const name = "\x03\x09free.test\x01\xbb"
	for what, c := range map[string]struct{ sent, want string }{
		"egress is denied":    {hello + login + "\x05\x01\x00" + name, "\x05\x02\x01\x00\x05\x02"},
		"no request":          {hello + login + "\x04\x01\x00" + name, "\x05\x02\x01\x00\x05\x01"},
		"to bind":             {hello + login + "\x05\x02\x00" + name, "\x05\x02\x01\x00\x05\x07"},
		"UDP":                 {hello + login + "\x05\x03\x00" + name, "\x05\x02\x01\x00\x05\x07"},
		"an unknown address":  {hello + login + "\x05\x01\x00\x05", "\x05\x02\x01\x00\x05\x08"},
		"no name":             {hello + login + "\x05\x01\x00\x03\x00\x01\xbb", "\x05\x02\x01\x00\x05\x01"},
		"a name that is none": {hello + login + "\x05\x01\x00\x03\x03a/b\x01\xbb", "\x05\x02\x01\x00\x05\x01"},
		"port 0":              {hello + login + "\x05\x01\x00\x03\x01a\x00\x00", "\x05\x02\x01\x00\x05\x01"},
		"a wrong password":    {hello + "\x01\x03run\x05wrong", "\x05\x02\x01\x01"},
		"a name with a colon": {hello + "\x01\x04a:un\x06secret", "\x05\x02\x01\x01"},
		"no password":         {"\x05\x01\x00", "\x05\xff"},
		"SOCKS 4":             {"\x04\x01\x01\xbb\x01\x02\x03\x04user\x00", "\x00\x5b"},
		"half a greeting":     {"\x05\x02\x00", ""},
	} {
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Error(err)
		}
		got, _ := io.ReadAll(conn) // ends because the proxy closes
		if !strings.HasPrefix(string(got), c.want) || c.want == "" && len(got) > 0 {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
		_ = conn.Close()
	}
	if turned := b.gate.turnedAway(); len(turned) != 1 || turned[0].Method != "SOCKS" || turned[0].Host != "free.test:443" {
		t.Errorf("recorded: %+v", turned)
	}
	if n := b.srv.Stats().Tunnels; n != 0 {
		t.Errorf("%d tunnels are open", n)
	}
}

func TestSOCKSNeverReachesForbiddenAddresses(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.AllowLoopback = nil })
	for _, target := range []string{"169.254.169.254:80", "[fd00:ec2::254]:80", "169.254.170.2:80", "localhost:22", b.addr} {
		_, err := b.overSocks("run", "secret").DialContext(context.Background(), "tcp", target)
		if err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: %v", target, err)
		}
	}
	if n := len(b.gate.turnedAway()); n != 5 {
		t.Errorf("%d refusals were recorded", n)
	}
}

// Where everybody may call, nobody needs a password.
func TestSOCKSWithoutAPassword(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Authenticator = everybody{} })
	addr := b.upstream("good.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	d, err := proxy.SOCKS5("tcp", b.addr, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := b.client(false)
	tr := client.Transport.(*http.Transport)
	tr.Proxy, tr.DialContext = nil, d.(proxy.ContextDialer).DialContext
	if status, _ := readAll2(client.Get("https://" + addr + "/")); status != 200 || len(b.gate.calls()) != 1 {
		t.Errorf("%d, judged %d", status, len(b.gate.calls()))
	}
}

type everybody struct{}

func (everybody) Authenticate(string) (model.Actor, string, bool) { return model.Actor{}, "", true }

func TestCurlGoesThroughSOCKS(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("NOT RUN: curl is not installed")
		}
		t.Skip("NOT RUN: curl is not installed")
	}
	b := newBench(t, nil)
	addr := b.upstream("curl.governed.test", true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "got %s", body)
	})
	out, err := exec.Command(curl, "-sS", "-k", "--socks5-hostname", b.addr, "--proxy-user", "run:secret", "--data-binary", "hello", "https://"+addr+"/").CombinedOutput()
	if err != nil || string(out) != "got hello" || len(b.gate.calls()) != 1 {
		t.Errorf("%v %q, judged %d", err, out, len(b.gate.calls()))
	}
}

// A connection that says nothing does not hold up the end, and none is accepted
// after it.
func TestShutdownEndsWhoHasSaidNothing(t *testing.T) {
	b := newBench(t, nil)
	for _, said := range []string{"", "\x05", "\x05\x01\x02"} {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		if said == "\x05\x01\x02" { // the answer shows that it was taken in
			if got := first(t, c, 2); got != "\x05\x02" {
				t.Fatalf("%q", got)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second) // below the time for a head
	defer cancel()
	if err := b.srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// FuzzSOCKS: whatever a client sends, what comes out is a target in its one
// spelling or an error, nothing is read beyond the request, and nobody gets in
// without the password.
func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x01\x02\x01\x03run\x06secret\x05\x01\x00\x03\x09free.test\x01\xbbmore"))
	f.Add([]byte("\x02\x00\x02\x01\x03run\x06secret\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"))
	f.Add([]byte("\x01\x02\x01\x03run\x06secret\x05\x01\x00\x04\xfd\x00\x0e\xc2\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x54\x00\x50"))
	f.Add([]byte("\x01\x02\x01\x03run\x06secret\x05\x01\x00\x03\x05[::1]\x00\x50"))
	f.Add([]byte("\x01\x00\x05\x01\x00\x03\x01a\x00\x50"))
	s := &Server{cfg: Config{Authenticator: oneToken{}}}
	f.Fuzz(func(t *testing.T, sent []byte) {
		in := bytes.NewReader(sent)
		var out bytes.Buffer
		who, host, err := s.negotiate(struct {
			io.Reader
			io.Writer
		}{in, &out}, socks5)
		if err != nil {
			if errors.Is(err, errStranger) && host != "" {
				t.Fatalf("a stranger with a target: %q", host)
			}
			return
		}
		if who.actor.ID != "tester" || !bytes.HasSuffix(out.Bytes(), []byte{passwordVersion, 0}) {
			t.Fatalf("let in as %+v after %q", who.actor, out.Bytes())
		}
		if !bytes.Contains(sent, []byte("secret")) {
			t.Fatal("let in without the password")
		}
		if _, err := parseAuthority(host, "443"); err != nil {
			return
		}
		// What was read last is the port.
		end := len(sent) - in.Len()
		if _, port, _ := net.SplitHostPort(host); port != fmt.Sprint(binary.BigEndian.Uint16(sent[end-2:end])) {
			t.Fatalf("%q out of %q", host, sent[:end])
		}
	})
}

func TestSOCKSAddressesKeepTheirSpelling(t *testing.T) {
	for sent, want := range map[string]string{
		"\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb":                       "1.2.3.4:443",
		"\x05\x01\x00\x03\x07A.Test.\x01\xbb":                            "a.test:443",
		"\x05\x01\x00\x03\x03::1\x01\xbb":                                "[::1]:443",
		"\x05\x01\x00\x03\x0e::ffff:1.2.3.4\x01\xbb":                     "1.2.3.4:443",
		"\x05\x01\x00\x04" + strings.Repeat("\x00", 15) + "\x01\x01\xbb": "[::1]:443",
	} {
		host, err := readTarget(strings.NewReader(sent))
		if err != nil {
			t.Errorf("%q: %v", sent, err)
			continue
		}
		a, err := parseAuthority(host, "443")
		if err != nil || a.hostPort() != want {
			t.Errorf("%q: %v %v, want %s", sent, a, err, want)
		}
	}
}
