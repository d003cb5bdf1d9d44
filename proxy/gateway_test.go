package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/model"
)

// certified knows actors by certificates too.
type certified struct{ oneToken }

func (certified) AuthenticateCertificate(c *x509.Certificate) (model.Actor, string, bool) {
	if len(c.URIs) != 1 {
		return model.Actor{}, "", false
	}
	return model.Actor{ID: c.URIs[0].Host}, "run_c", true
}

// gatewayBench is a bench with a gateway in front of one upstream.
type gatewayBench struct {
	*bench
	gatewayAddr string
	authority   *certs.Authority
	upstreamURL string
}

func newGatewayBench(t testing.TB, below string, h http.HandlerFunc, more ...func(*Config)) *gatewayBench {
	t.Helper()
	g := &gatewayBench{}
	var to url.URL
	g.bench = newBench(t, func(cfg *Config) {
		cfg.Authenticator, g.authority = certified{}, cfg.Authority
		cfg.Mounts = []Mount{{Prefix: "/k8s/box", To: &to}, {Prefix: "/k8s/box-2", To: &url.URL{Scheme: "https", Host: "other.governed.test"}}}
		to = url.URL{Scheme: "https", Host: "unset.governed.test"} // until the upstream is there
		for _, f := range more {
			f(cfg)
		}
	})
	to = url.URL{Scheme: "https", Host: g.upstream("api.governed.test", true, h), Path: below}
	g.upstreamURL = to.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.gatewayAddr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- g.srv.ServeGateway(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = g.srv.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("gateway: %v", err)
		}
	})
	return g
}

const asTester = "Basic cnVuOnNlY3JldA=="

func (g *gatewayBench) dial(protos ...string) *tls.Conn {
	g.t.Helper()
	c, err := tls.Dial("tcp", g.gatewayAddr, &tls.Config{RootCAs: g.ca, NextProtos: protos})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// raw sends one request with the target as it is written.
func (g *gatewayBench) raw(method, target string, lines ...string) (*http.Response, string) {
	g.t.Helper()
	c := g.dial()
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\n", method, target, g.gatewayAddr, asTester)
	for _, l := range lines {
		head += l + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		g.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		g.t.Fatal(err)
	}
	_, body := readAll(g.t, resp, nil)
	return resp, body
}

func TestWhatWasJudgedIsWhatTheGatewayForwards(t *testing.T) {
	for _, below := range []string{"", "/k8s/clusters/c-1"} {
		g := newGatewayBench(t, below, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s %s", r.Host, r.RequestURI, r.Header.Get("Authorization"))
		})
		for _, rest := range []string{
			"/api/v1/pods?limit=500", "/api/v1/namespaces/a%2fconfigmaps", "/api/v1/namespaces/a%2Fb/config%6Daps/x?a=b%20c&a=;x",
			"/apis/apps/v1/namespaces/x/deployments/y/scale/", "/version?", "/api//v1/./pods", "/api/../k8s/box-2/x", "/a+b:c@d,e;f=g!$&'()*", "", "/", "?x=y",
		} {
			resp, body := g.raw("GET", "/k8s/box"+rest, "Authorization: Bearer the-cluster's-own")
			want := below + rest
			if want == "" || want[0] == '?' {
				want = "/" + want
			}
			if got := g.upstreamURL + " " + want + " Bearer the-cluster's-own"; resp.StatusCode != 200 || body != got {
				t.Errorf("below %q, rest %q: %s %q, want %q", below, rest, resp.Status, body, got)
				continue
			}
			calls := g.gate.calls()
			last := calls[len(calls)-1]
			judged := last.Call.URL.EscapedPath()
			if last.Call.URL.RawQuery != "" || last.Call.URL.ForceQuery {
				judged += "?" + last.Call.URL.RawQuery
			}
			if judged != want || last.Call.Host != g.upstreamURL || last.Actor.ID != "tester" {
				t.Errorf("below %q, rest %q: judged %s on %s by %s", below, rest, judged, last.Call.Host, last.Actor.ID)
			}
			if last.Call.Header.Get("Proxy-Authorization") != "" {
				t.Error("the caller's proof came to the decoder")
			}
		}
	}
}

func TestWhatTheGatewayDoesNotServeReachesNobody(t *testing.T) {
	g := newGatewayBench(t, "", func(http.ResponseWriter, *http.Request) { t.Error("it reached the upstream") })
	for _, tc := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/", 403}, {"GET", "/k8s/", 403}, {"GET", "/k8s/boxes/api", 403}, {"GET", "/k8s/bo%78/api", 403}, {"GET", "/K8s/box/api", 403},
		{"GET", "//k8s/box/api", 403}, {"GET", "/x/../k8s/box/api", 403},
		{"OPTIONS", "*", 400}, {"CONNECT", "api.governed.test:443", 400}, {"GET", "https://api.governed.test/k8s/box/api", 421},
	} {
		if resp, body := g.raw(tc.method, tc.target); resp.StatusCode != tc.status {
			t.Errorf("%s %s: %s %s, want %d", tc.method, tc.target, resp.Status, body, tc.status)
		}
	}
	c := g.dial()
	fmt.Fprintf(c, "GET /k8s/box/api HTTP/1.1\r\nHost: api.governed.test\r\nHost: other\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && resp.StatusCode < 400 {
		t.Errorf("two hosts: %s", resp.Status)
	}
	if n := len(g.gate.calls()); n != 0 {
		t.Errorf("%d calls were judged", n)
	}
}

func TestTheGatewayKnowsActorsByCertificateAndByToken(t *testing.T) {
	g := newGatewayBench(t, "", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	foreign, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		signer *certs.Authority
		token  string
		status int
		actor  string
	}{
		{"nobody", nil, "", 401, ""},
		{"a token", nil, asTester, 200, "tester"},
		{"our certificate", g.authority, "", 200, "agent"},
		{"another's certificate", foreign, "", 401, ""},
		{"another's certificate, and a token", foreign, asTester, 200, "tester"},
	} {
		for _, h2 := range []bool{false, true} {
			conf := &tls.Config{RootCAs: g.ca}
			if tc.signer != nil {
				certPEM, keyPEM, err := tc.signer.Client(&url.URL{Scheme: "test", Host: "agent"}, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				pair, err := tls.X509KeyPair(certPEM, keyPEM)
				if err != nil {
					t.Fatal(err)
				}
				// Go's client sends a certificate of an authority that was not asked for only so.
				conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			transport := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: h2}
			t.Cleanup(transport.CloseIdleConnections)
			req, err := http.NewRequest("GET", "https://"+g.gatewayAddr+"/k8s/box/version", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tc.token != "" {
				req.Header.Set("Proxy-Authorization", tc.token)
			}
			before := len(g.gate.calls())
			resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
			status, body := readAll(t, resp, err)
			calls := g.gate.calls()[before:]
			switch {
			case status != tc.status:
				t.Errorf("%s, h2 %v: %d %s", tc.name, h2, status, body)
			case status == 401 && (len(calls) != 0 || !strings.Contains(body, `"kind":"Status"`) || !strings.Contains(body, "assent kubeconfig")):
				t.Errorf("%s, h2 %v: %d judged, answered %s", tc.name, h2, len(calls), body)
			case status == 200 && (len(calls) != 1 || calls[0].Actor.ID != tc.actor):
				t.Errorf("%s, h2 %v: judged %+v, want %s", tc.name, h2, calls, tc.actor)
			}
		}
	}
}

func TestStreamsPassTheGateway(t *testing.T) {
	for _, protocol := range []string{"websocket", "SPDY/3.1"} {
		g := newGatewayBench(t, "", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != protocol || r.RequestURI != "/api/v1/namespaces/x/pods/y/exec?command=id" {
				t.Errorf("it came as %s %v", r.RequestURI, r.Header)
			}
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
			line, _ := rw.ReadString('\n')
			_, _ = io.WriteString(c, "echo "+line)
		})
		c := g.dial("http/1.1")
		fmt.Fprintf(c, "GET /k8s/box/api/v1/namespaces/x/pods/y/exec?command=id HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
			g.gatewayAddr, asTester, protocol)
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %v %v", protocol, resp, err)
		}
		_, _ = io.WriteString(c, "hello\n")
		if line, err := r.ReadString('\n'); line != "echo hello\n" {
			t.Errorf("%s: %q, %v", protocol, line, err)
		}
	}
}

func TestNewRefusesAMountThatCannotWork(t *testing.T) {
	to := &url.URL{Scheme: "https", Host: "api.governed.test"}
	for _, m := range []Mount{
		{Prefix: "", To: to}, {Prefix: "/", To: to}, {Prefix: "k8s", To: to}, {Prefix: "/k8s/", To: to}, {Prefix: "/k8s//x", To: to}, {Prefix: "/k8s/%2f", To: to},
		{Prefix: "/k8s/x"}, {Prefix: "/k8s/x", To: &url.URL{Scheme: "ftp", Host: "x"}}, {Prefix: "/k8s/x", To: &url.URL{Scheme: "https"}},
		{Prefix: "/k8s/x", To: &url.URL{Scheme: "https", Host: "x", RawQuery: "a"}}, {Prefix: "/k8s/x", To: &url.URL{Scheme: "https", Host: "x y"}},
	} {
		if err := m.check(); err == nil {
			t.Errorf("%+v: no error", m)
		}
	}
}

// FuzzMounted: whatever the path, it is below the mount as it was written, or it
// is not served.
func FuzzMounted(f *testing.F) {
	for _, seed := range []string{"/k8s/box/api", "/k8s/box", "/k8s/box?x", "/k8s/box%2fapi", "/k8s/boxx", "//", "/k8s/box//api", "/k8s/box/../box-2/api"} {
		f.Add(seed)
	}
	to := &url.URL{Scheme: "https", Host: "api.governed.test", Path: "/below"}
	s := &Server{cfg: Config{Mounts: []Mount{{Prefix: "/k8s/box", To: to}}}}
	f.Fuzz(func(t *testing.T, target string) {
		_, raw, ok := s.mounted(target)
		if !ok {
			return
		}
		rest, below := strings.CutPrefix(raw, "/below")
		if !below || "/k8s/box"+rest != target {
			t.Errorf("%q became %q", target, raw)
		}
	})
}

// A certificate that was verified is remembered, and only until its end.
func TestACertificateThatIsRememberedStillEnds(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	authority, err := certs.New(certs.Config{Now: clock, Rand: rand.Reader, CommonName: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := certs.New(certs.Config{Now: clock, Rand: rand.Reader, CommonName: "other"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(cfg *Config) { cfg.Authenticator, cfg.Authority, cfg.Now = certified{}, authority, clock })
	shown := func(by *certs.Authority) *tls.ConnectionState {
		cert, key, err := by.Client(&url.URL{Scheme: "assent", Host: "agent"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{pair.Leaf}}
	}
	ours, theirs := shown(authority), shown(other)
	for range 2 {
		if who, _, err := b.srv.certified(ours); err != nil || who.actor.ID != "agent" {
			t.Errorf("%+v, %v", who, err)
		}
		if _, _, err := b.srv.certified(theirs); err == nil {
			t.Error("another authority's certificate is taken")
		}
	}
	if len(b.srv.certificates.until) != 1 {
		t.Errorf("%d are remembered", len(b.srv.certificates.until))
	}
	now = now.Add(2 * time.Hour)
	if _, _, err := b.srv.certified(ours); err == nil {
		t.Error("it is good after its end")
	}
}
