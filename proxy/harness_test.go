package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// plainDecoder claims *.governed.test. A body is needed unless the path begins
// with /stream.
type plainDecoder struct{ panicIn string }

func (plainDecoder) Name() string { return "kubernetes" }
func (d plainDecoder) Claims(c decoders.Call) decoders.Claim {
	if d.panicIn == "claims" && c.Method != http.MethodConnect {
		panic("claims")
	}
	claim := decoders.Claim{Mine: decoders.HostMatches("*.governed.test", c.Host) || decoders.HostMatches("governed.test", c.Host)}
	if strings.HasPrefix(c.URL.Path, "/stream") {
		claim.Body = decoders.StreamBody
	}
	return claim
}
func (plainDecoder) Decode(context.Context, decoders.Call) (model.Action, error) {
	return model.Action{}, nil
}
func (plainDecoder) Learn(decoders.Call, *decoders.Response) []model.Observation { return nil }
func (d plainDecoder) Refuse(_ decoders.Call, r decoders.Refusal) *http.Response {
	if d.panicIn == "refuse" {
		panic("refuse")
	}
	return &http.Response{
		StatusCode: http.StatusForbidden,
		Header:     http.Header{"Content-Type": {"application/x-native"}, "X-Native-Id": {r.DecisionID}},
		Body:       io.NopCloser(strings.NewReader("<denied>" + r.Message + "</denied>")),
	}
}

// fakeGate takes every GET for a read, everything else for a mutation.
type fakeGate struct {
	judge func(Asked) Permit // nil: as above

	mu      sync.Mutex
	asked   []Asked
	turned  []Turned
	answers []Answered
	learnt  []*decoders.Response
}

func (g *fakeGate) Judge(_ context.Context, in Asked) Permit {
	g.mu.Lock()
	g.asked = append(g.asked, in)
	judge := g.judge
	g.mu.Unlock()
	if judge != nil {
		return judge(in)
	}
	return g.permit(in)
}

func (g *fakeGate) permit(in Asked) Permit {
	p := Permit{DecisionID: "dec_1", Learn: func(r *decoders.Response) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.learnt = append(g.learnt, r)
	}}
	if in.Call.Method != http.MethodGet && in.Call.Method != http.MethodHead {
		p.Close = func(_ context.Context, a Answered) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.answers = append(g.answers, a)
			return nil
		}
	}
	return p
}

func (g *fakeGate) TurnedAway(_ context.Context, t Turned) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turned = append(g.turned, t)
}

func (g *fakeGate) set(judge func(Asked) Permit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.judge = judge
}

func (g *fakeGate) calls() []Asked {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Asked(nil), g.asked...)
}

func (g *fakeGate) outcomes() []Answered {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Answered(nil), g.answers...)
}

func (g *fakeGate) turnedAway() []Turned {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Turned(nil), g.turned...)
}

type oneToken struct{}

func (oneToken) Authenticate(h string) (model.Actor, string, bool) {
	if h == "Basic "+base64.StdEncoding.EncodeToString([]byte("run:secret")) {
		return model.Actor{ID: "tester", Kind: model.Human, Authn: "test"}, "run_1", true
	}
	return model.Actor{}, "", false
}

// bench is a proxy with everything around it, on loopback.
type bench struct {
	t     testing.TB
	gate  *fakeGate
	srv   *Server
	ca    *x509.CertPool
	addr  string
	names map[string]string // host → address; every other name does not exist
	roots *x509.CertPool
}

func newBench(t testing.TB, change func(*Config)) *bench {
	t.Helper()
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := decoders.NewRegistry([]decoders.Decoder{plainDecoder{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, gate: &fakeGate{}, ca: x509.NewCertPool(), names: map[string]string{}, roots: x509.NewCertPool()}
	b.ca.AddCert(authority.Certificate())
	cfg := Config{
		Authority: authority, Registry: registry, Gate: b.gate, Authenticator: oneToken{}, Now: time.Now,
		TLS:           func(string) *tls.Config { return &tls.Config{RootCAs: b.roots} },
		AllowLoopback: func(string) bool { return true },
		LookupNetIP: func(_ context.Context, _, host string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		// Names stand for servers of the test, whatever the port.
		DialContext: nil,
	}
	if change != nil {
		change(&cfg)
	}
	b.srv, err = New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- b.srv.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = b.srv.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// upstream starts a TLS server that is known as name, h1 or h2, and returns
// "name:port".
func (b *bench) upstream(name string, h2 bool, h http.HandlerFunc) string {
	b.t.Helper()
	a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.t.Fatal(err)
	}
	leaf, err := a.Leaf(name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.roots.AddCert(a.Certificate())
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = h2
	srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		protos := []string{"http/1.1"}
		if h2 {
			protos = []string{"h2", "http/1.1"}
		}
		return &tls.Config{Certificates: []tls.Certificate{*leaf}, NextProtos: protos, MinVersion: tls.VersionTLS12}, nil
	}}
	srv.StartTLS()
	b.t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	return net.JoinHostPort(name, port)
}

func (b *bench) proxyURL() *url.URL {
	return &url.URL{Scheme: "http", Host: b.addr, User: url.UserPassword("run", "secret")}
}

// client goes through the proxy and trusts its CA.
func (b *bench) client(h2 bool) *http.Client {
	t := &http.Transport{Proxy: http.ProxyURL(b.proxyURL()), TLSClientConfig: &tls.Config{RootCAs: b.ca}, ForceAttemptHTTP2: h2, DisableCompression: true}
	if !h2 {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	b.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: 60 * time.Second}
}

// rawTunnel opens a CONNECT tunnel and stops there.
func (b *bench) rawTunnel(target string) (net.Conn, *http.Response) {
	b.t.Helper()
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", target, target,
		base64.StdEncoding.EncodeToString([]byte("run:secret")))
	resp, err := http.ReadResponse(bufio.NewReader(oneByte{c}), &http.Request{Method: http.MethodConnect})
	if err != nil {
		b.t.Fatal(err)
	}
	return c, resp
}

// tunnel opens TLS in a tunnel.
func (b *bench) tunnel(target, sni string, protos ...string) *tls.Conn {
	b.t.Helper()
	c, resp := b.rawTunnel(target)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("CONNECT: %s", resp.Status)
	}
	secure := tls.Client(c, &tls.Config{RootCAs: b.ca, ServerName: sni, NextProtos: protos})
	if err := secure.Handshake(); err != nil {
		b.t.Fatalf("handshake: %v", err)
	}
	return secure
}

// oneByte reads nothing ahead.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

func readAll(t testing.TB, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
