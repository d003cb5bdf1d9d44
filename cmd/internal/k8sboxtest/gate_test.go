package k8sboxtest

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/gate"
)

// gated is a cluster behind the real engine's gateway, in observe mode.
type gated struct {
	*engine.Engine
	cluster *Cluster
	url     string
	client  *http.Client

	mu   sync.Mutex // guards made
	made []policy.Decision
}

// anyone lets everybody in, as nobody.
type anyone struct{}

func (anyone) Authenticate(string) (model.Actor, string, bool) { return model.Actor{}, "", true }
func (anyone) AuthenticateCertificate(*x509.Certificate) (model.Actor, string, bool) {
	return model.Actor{}, "", true
}

// behind starts an engine; reader is the user whose credential reads the cluster, or
// empty: nothing is collected.
func behind(t testing.TB, c *Cluster, reader string) *gated {
	t.Helper()
	up, err := url.Parse(c.Server)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	trust := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	g := &gated{cluster: c}
	dir := t.TempDir()
	cfg := engine.Config{
		Mode: policy.Observe, LedgerDir: filepath.Join(dir, "ledger"), ModelPath: filepath.Join(dir, "model.db"),
		Clusters: []engine.Cluster{{Cluster: kube.Cluster{Name: "box", Host: up.Host}, TLS: trust}},
		Now:      time.Now, Rand: rand.Reader, Event: g.event,
		Trouble: func(what string, err error) { t.Logf("%s: %v", what, err) },
	}
	if reader != "" {
		cfg.Readings = []engine.Reading{{Cluster: "box", TLS: trust, Token: func() (string, error) { return c.Token[reader], nil }}}
	}
	if g.Engine, err = engine.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader, CommonName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Open(engine.Door{Authority: authority, Authenticator: anyone{}}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.ServeGateway(l) }()
	own := x509.NewCertPool()
	own.AppendCertsFromPEM(authority.PEM())
	g.url = "https://" + l.Addr().String() + engine.GatewayPath("box")
	g.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own}}}
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		if err := g.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gated) event(e gate.Event) {
	if e.Outcome != nil || e.Held != nil || e.Turned != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.made = append(g.made, e.Decision)
}

// send sends a request as a user and returns the decision on it, if there was one.
func (g *gated) send(t testing.TB, user string, r rawRequest) (status int, body string, d policy.Decision, decided bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, g.url+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.cluster.Token[user])
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	g.mu.Lock()
	before := len(g.made)
	g.mu.Unlock()
	resp, err := g.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.made) > before {
		d, decided = g.made[len(g.made)-1], true
	}
	return resp.StatusCode, string(text), d, decided
}

// touched is everything that a decision says will be deleted.
func touched(d policy.Decision) (all []model.URN) {
	for _, t := range d.Action.Targets {
		if !strings.HasSuffix(string(t.URN), "/*") {
			all = append(all, t.URN)
		}
	}
	if a := d.Action.Affected; a != nil {
		for _, g := range a.Groups {
			if g.Verb == model.Delete {
				all = append(all, g.Targets...)
			}
		}
	}
	return all
}

// followed reports whether the collector follows every kind.
func (g *gated) followed() bool {
	all, gaps := g.Coverage()
	return len(gaps) == 0 && len(all) > 40 && !slices.ContainsFunc(all, func(v collect.Coverage) bool { return v.State != collect.Complete || !v.Watched })
}

// direct sends a request as the administrator, past the engine.
func direct(t testing.TB, c *Cluster, r rawRequest) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, c.Server+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token["admin"])
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	ca, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
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
