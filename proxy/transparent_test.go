package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
)

// redirect opens a transparent listener and returns a dialer to it: what it dials
// is the original destination, as a firewall's redirect would keep it.
func (b *bench) redirect(from Redirected) func(original string) net.Conn {
	b.t.Helper()
	if from.Authenticator == nil {
		from.Authenticator = sidecar{}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	originals := make(chan netip.AddrPort, 64)
	b.srv.original = func(c net.Conn) (netip.AddrPort, error) {
		select {
		case to := <-originals:
			return to, nil
		default:
			return originalOf(c)
		}
	}
	served := make(chan error, 1)
	go func() { served <- b.srv.ServeTransparent(l, from) }()
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = b.srv.Shutdown(ctx)
		if err := <-served; err != nil {
			b.t.Errorf("serve: %v", err)
		}
	})
	return func(original string) net.Conn {
		b.t.Helper()
		if original != "" {
			originals <- netip.MustParseAddrPort(original)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		return c
	}
}

// sidecar is whoever comes through one listener.
type sidecar struct{}

func (sidecar) Authenticate(string) (model.Actor, string, bool) {
	return model.Actor{ID: "sidecar", Authn: "listener"}, "", true
}

// dialled makes every address one of the test's servers, and counts which were
// asked for.
func dialled(to map[string]string, seen chan<- string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		seen <- address
		if real, ok := to[address]; ok {
			return new(net.Dialer).DialContext(ctx, network, real)
		}
		return nil, fmt.Errorf("nobody is at %s", address)
	}
}

// Law 2: what is judged under the name that a redirected client says is sent to
// the address that it connected to, and only if that proves to be the name.
func TestLaw2ARedirectedCallGoesWhereItWasGoing(t *testing.T) {
	to, seen := map[string]string{}, make(chan string, 64)
	b := newBench(t, func(cfg *Config) {
		cfg.DialContext = dialled(to, seen)
		cfg.LookupNetIP = func(context.Context, string, string) ([]netip.Addr, error) {
			t.Error("a name was resolved: its address was given")
			return nil, nil
		}
	})
	var good, evil atomic.Int64
	goodAddr := b.upstream("good.governed.test", true, func(http.ResponseWriter, *http.Request) { good.Add(1) })
	evilAddr := b.upstream("evil.test", true, func(http.ResponseWriter, *http.Request) { evil.Add(1) })
	_, goodPort, _ := net.SplitHostPort(goodAddr)
	_, evilPort, _ := net.SplitHostPort(evilAddr)
	to["203.0.113.1:443"], to["203.0.113.66:443"] = "127.0.0.1:"+goodPort, "127.0.0.1:"+evilPort
	dial := b.redirect(Redirected{})

	call := func(original, sni, host string) string {
		t.Helper()
		c := tls.Client(dial(original), &tls.Config{RootCAs: b.ca, ServerName: sni})
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", host)
		return first(t, c, 12)
	}
	if head := call("203.0.113.1:443", "good.governed.test", "good.governed.test"); head != "HTTP/1.1 200" || <-seen != "203.0.113.1:443" {
		t.Errorf("a call to where it was going: %q", head)
	}
	if calls := b.gate.calls(); len(calls) != 1 || calls[0].Actor.ID != "sidecar" || calls[0].Call.Host != "good.governed.test" {
		t.Fatalf("judged %+v", calls)
	}
	// The address does not prove to be the name.
	if head := call("203.0.113.66:443", "good.governed.test", "good.governed.test"); head != "HTTP/1.1 502" || <-seen != "203.0.113.66:443" {
		t.Errorf("a call to an impostor: %q", head)
	}
	if head := call("203.0.113.1:443", "good.governed.test", "other.governed.test"); head != "HTTP/1.1 421" {
		t.Errorf("another Host: %q", head)
	}
	// A connection that is kept for one address does not serve another.
	if head := call("203.0.113.2:443", "good.governed.test", "good.governed.test"); head != "HTTP/1.1 502" || <-seen != "203.0.113.2:443" {
		t.Errorf("another address: %q", head)
	}
	for _, o := range b.gate.outcomes()[1:] {
		if o.Result != ledger.NotForwarded {
			t.Errorf("outcome %+v", o)
		}
	}
	if good.Load() != 1 || evil.Load() != 0 || len(seen) != 0 {
		t.Errorf("good saw %d, evil %d, %d more dials", good.Load(), evil.Load(), len(seen))
	}
}

// Without a name, or under a name that is nobody's, the address decides.
func TestWithoutAGovernedNameTheAddressDecides(t *testing.T) {
	to, seen := map[string]string{}, make(chan string, 64)
	change := func(cfg *Config) { cfg.DialContext = dialled(to, seen) }
	b := newBench(t, change)
	addr := b.upstream("free.test", true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "free") })
	_, port, _ := net.SplitHostPort(addr)
	to["203.0.113.9:443"] = "127.0.0.1:" + port
	dial := b.redirect(Redirected{})
	for _, sni := range []string{"free.test", ""} {
		c := tls.Client(dial("203.0.113.9:443"), &tls.Config{InsecureSkipVerify: true, ServerName: sni})
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: free.test\r\nConnection: close\r\n\r\n")
		if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), "free") {
			t.Errorf("server name %q: %q", sni, got)
		}
		if c.ConnectionState().PeerCertificates[0].DNSNames[0] != "free.test" {
			t.Error("it was looked into")
		}
		_ = c.Close()
	}
	eventually(t, func() bool { return b.srv.Stats().Passed["203.0.113.9:443"].Times == 2 })
	if n := len(b.gate.calls()); n != 0 {
		t.Errorf("%d calls were judged", n)
	}

	deny := newBench(t, func(cfg *Config) { change(cfg); cfg.Egress = EgressDeny })
	c := tls.Client(deny.redirect(Redirected{})("203.0.113.9:443"), &tls.Config{InsecureSkipVerify: true, ServerName: "free.test"})
	if err := c.Handshake(); err == nil || !strings.Contains(err.Error(), "access denied") || len(deny.gate.turnedAway()) != 1 {
		t.Errorf("egress deny: %v, recorded %d", err, len(deny.gate.turnedAway()))
	}
}

// What is not TLS, at a port where governed APIs are, is refused so that a person
// can read it; metadata services and the listener itself lead nowhere.
func TestWhatIsRefusedBehindARedirectIsClear(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.AllowLoopback = nil })
	dial := b.redirect(Redirected{})
	for original, want := range map[string]string{
		"203.0.113.1:443":       "port 443 is for TLS",
		"169.254.169.254:80":    "link-local",
		"169.254.170.2:80":      "link-local",
		"[fd00:ec2::254]:80":    "instance metadata",
		"[::ffff:127.0.0.1]:80": "loopback",
		"":                      "no redirect brought this connection here",
	} {
		c := dial(original)
		fmt.Fprintf(c, "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n\r\n")
		if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), "HTTP/1.1 40") || !strings.Contains(string(got), want) {
			t.Errorf("%s: %q does not say %q", original, got, want)
		}
	}
	for _, turned := range b.gate.turnedAway() {
		if turned.Method != "REDIRECT" || turned.Actor.ID != "sidecar" {
			t.Errorf("recorded %+v", turned)
		}
	}
	if n := len(b.gate.turnedAway()); n != 6 {
		t.Errorf("%d refusals were recorded", n)
	}
}

// Where assent hands out the addresses, the name that was asked for is the target,
// as in CONNECT.
func TestAnAddressThatWasHandedOutIsItsName(t *testing.T) {
	b := newBench(t, nil)
	addr := b.upstream("good.governed.test", true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	_, port, _ := net.SplitHostPort(addr)
	dial := b.redirect(Redirected{Names: func(a netip.Addr) (string, bool) {
		return "good.governed.test", a == netip.MustParseAddr("198.18.0.1")
	}})
	c := tls.Client(dial("198.18.0.1:"+port), &tls.Config{RootCAs: b.ca, ServerName: "good.governed.test"})
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", addr)
	if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), "ok") {
		t.Errorf("%q", got)
	}
	c = tls.Client(dial("198.18.0.1:"+port), &tls.Config{RootCAs: b.ca, ServerName: "free.test"})
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
	if head := first(t, c, 12); head != "HTTP/1.1 421" {
		t.Errorf("another server name: %q", head)
	}
}

// A transparent listener that is nobody's lets nobody in that would need a token.
func TestATransparentListenerNeedsAnActor(t *testing.T) {
	b := newBench(t, nil)
	c := b.redirect(Redirected{Authenticator: oneToken{}})("203.0.113.1:443")
	if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
