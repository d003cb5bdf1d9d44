package proxy

import (
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/model"
)

// namedTokens knows run:NAME as NAME.
type namedTokens struct{}

func (namedTokens) Authenticate(h string) (model.Actor, string, bool) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h, "Basic "))
	_, name, ok := strings.Cut(string(raw), ":")
	return model.Actor{ID: name, Authn: "test"}, "run_1", err == nil && ok && name != ""
}

// mutual is an upstream that wants a client certificate, and keeps, for each
// connection, who used it and which certificate was shown on it.
type mutual struct {
	mu    sync.Mutex
	users map[string]map[string]int // connection → X-Actor → requests
	shown map[string]string         // connection → the certificate's URI
}

func (m *mutual) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[r.RemoteAddr] == nil {
		m.users[r.RemoteAddr] = map[string]int{}
	}
	m.users[r.RemoteAddr][r.Header.Get("X-Actor")]++
	m.shown[r.RemoteAddr] = r.TLS.PeerCertificates[0].URIs[0].String()
	_, _ = io.Copy(io.Discard, r.Body)
}

// Pools are keyed by actor, host and TLS identity: two actors whose calls to one
// upstream with client certificates alternate never share a connection, and after
// assent's certificate was renewed nothing travels under the old one.
func TestNoConnectionServesTwoActorsOrTwoIdentities(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2 %v", h2), func(t *testing.T) {
			own, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			identity := func(name string) *tls.Certificate {
				certPEM, key, err := own.Client(&url.URL{Scheme: "test", Host: name}, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				pair, err := tls.X509KeyPair(certPEM, key)
				if err != nil {
					t.Fatal(err)
				}
				return &pair
			}
			var shown atomic.Pointer[tls.Certificate]
			shown.Store(identity("first"))
			clients := x509.NewCertPool()
			clients.AddCert(own.Certificate())

			leaf, err := own.Leaf("mutual.governed.test")
			if err != nil {
				t.Fatal(err)
			}
			seen := &mutual{users: map[string]map[string]int{}, shown: map[string]string{}}
			up := httptest.NewUnstartedServer(seen)
			up.EnableHTTP2 = h2
			up.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
			up.StartTLS()
			defer up.Close()
			_, port, _ := net.SplitHostPort(up.Listener.Addr().String())

			b := newBench(t, func(c *Config) {
				c.Authenticator = namedTokens{}
				c.TLS = func(string) *tls.Config {
					return &tls.Config{RootCAs: clients, Certificates: []tls.Certificate{*shown.Load()}}
				}
			})
			client := func(actor string) *http.Client {
				tr := &http.Transport{
					Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: b.addr, User: url.UserPassword("run", actor)}),
					TLSClientConfig: &tls.Config{RootCAs: b.ca}, ForceAttemptHTTP2: h2,
				}
				t.Cleanup(tr.CloseIdleConnections)
				return &http.Client{Transport: tr, Timeout: 30 * time.Second}
			}
			actors := map[string]*http.Client{"alice": client("alice"), "bob": client("bob")}
			round := func() {
				for i := range 10 {
					for actor, c := range actors {
						for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
							var body io.Reader
							if method == http.MethodPost {
								body = strings.NewReader("x")
							}
							r, err := http.NewRequest(method, fmt.Sprintf("https://mutual.governed.test:%s/%d", port, i), body)
							if err != nil {
								t.Fatal(err)
							}
							r.Header.Set("X-Actor", actor)
							resp, err := c.Do(r)
							if status, _ := readAll(t, resp, err); status != http.StatusOK {
								t.Fatalf("%s of %s: status %d", method, actor, status)
							}
						}
					}
				}
			}
			round()
			shown.Store(identity("second"))
			seen.mu.Lock()
			before := len(seen.users)
			old := map[string]bool{}
			for conn := range seen.users {
				old[conn] = true
			}
			seen.users = map[string]map[string]int{}
			seen.mu.Unlock()
			round()

			seen.mu.Lock()
			defer seen.mu.Unlock()
			requests := 0
			for conn, users := range seen.users {
				if len(users) != 1 {
					t.Errorf("connection %s served %v", conn, users)
				}
				for _, n := range users {
					requests += n
				}
				if old[conn] || seen.shown[conn] != "test://second" {
					t.Errorf("connection %s is under %s after the renewal", conn, seen.shown[conn])
				}
			}
			if requests != 60 || before == 0 {
				t.Errorf("%d requests after the renewal, %d connections before it: the test proves nothing", requests, before)
			}
			if n := len(seen.users); n > 50 { // 20 deletes have one each; reads and changes are pooled
				t.Errorf("%d connections for 60 requests: nothing is pooled", n)
			}
		})
	}
}

func TestPoolsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	for i := range poolsKept + 10 {
		b.srv.pools.of("a", &url.URL{Scheme: "https", Host: fmt.Sprintf("h%d.test", i)}, netip.AddrPort{})
	}
	if n := b.srv.pools.order.Len(); n != poolsKept || len(b.srv.pools.by) != poolsKept {
		t.Errorf("%d pools are kept, want %d", n, poolsKept)
	}
}
