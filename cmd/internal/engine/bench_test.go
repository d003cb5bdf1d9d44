package engine

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elazarl/goproxy"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// What the table is made of.
const (
	benchHost  = "ec2.us-east-1.amazonaws.com"
	benchRead  = "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"
	benchWrite = "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0"
	// Each cell is measured in so many rounds of so long, in turn with its rivals: what
	// else the machine does hits all of them.
	benchRounds = 3
	benchRound  = 250 * time.Millisecond
)

// The bars, on two cores.
const (
	leastOfGoproxy  = 0.6                    // of bare goproxy's throughput, reads
	mostAddedRead   = 150 * time.Microsecond // to bare goproxy's p50
	mostOfAppend    = 2                      // of the ledger's own durable append, and
	mostAddedChange = 300 * time.Microsecond
	mostTunnel      = 3 * time.Millisecond
	leastResumed    = 0.95
)

// lane is one way to the cloud.
type lane struct {
	name   string
	client func(h2 bool) *http.Client
}

// rig is a cloud, and every way to it.
type rig struct {
	b     *testing.B
	ways  []lane
	cloud *httptest.Server
	proxy string         // of assent
	trust *x509.CertPool // what its clients trust
	roots *x509.CertPool // what the cloud's clients trust
}

func benchCA(b *testing.B) *certs.Authority {
	b.Helper()
	a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func newRig(b *testing.B) *rig {
	r := &rig{b: b, trust: x509.NewCertPool()}
	theirs := benchCA(b)
	leaf, err := theirs.Leaf("127.0.0.1")
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(theirs.Certificate())
	r.roots = roots
	answer := []byte("<DescribeInstancesResponse><requestId>" + strings.Repeat("x", 160) + "</requestId></DescribeInstancesResponse>")
	r.cloud = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write(answer)
	}))
	r.cloud.EnableHTTP2 = true
	r.cloud.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}}
	r.cloud.StartTLS()
	b.Cleanup(r.cloud.Close)
	at := r.cloud.Listener.Addr().String()

	transport := func(h2 bool, conf *tls.Config, via *url.URL) *http.Client {
		t := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: h2, DisableCompression: true, MaxIdleConnsPerHost: 64}
		if via != nil {
			t.Proxy = http.ProxyURL(via)
		} else {
			t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, at)
			}
		}
		if !h2 {
			t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		b.Cleanup(t.CloseIdleConnections)
		return &http.Client{Transport: t, Timeout: time.Minute}
	}
	known := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	r.proxy = r.assent(roots)
	bare := r.goproxy(roots, at)
	http1 := func(addr string) *url.URL { return &url.URL{Scheme: "http", Host: addr} }
	r.ways = []lane{
		{"direct TLS", func(h2 bool) *http.Client { return transport(h2, known, nil) }},
		{"CONNECT passthrough", func(h2 bool) *http.Client { return transport(h2, known, http1(r.proxy)) }},
		{"bare goproxy MITM", func(h2 bool) *http.Client { return transport(h2, &tls.Config{RootCAs: r.trust}, http1(bare)) }},
		{"assent", func(h2 bool) *http.Client { return transport(h2, &tls.Config{RootCAs: r.trust}, http1(r.proxy)) }},
	}
	return r
}

// url is what a way's client asks for: the passthrough is to a host that nothing
// governs.
func (r *rig) url(w lane) string {
	if w.name == "CONNECT passthrough" {
		return r.cloud.URL + "/"
	}
	return "https://" + benchHost + "/"
}

// assent is the whole engine, with a ledger on disk.
func (r *rig) assent(roots *x509.CertPool) string {
	b := r.b
	ours := benchCA(b)
	r.trust.AddCert(ours.Certificate())
	dir := b.TempDir()
	e, err := New(b.Context(), Config{
		Mode: policy.Observe, LedgerDir: filepath.Join(dir, "ledger"), ModelPath: filepath.Join(dir, "model.db"), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		b.Fatal(err)
	}
	to, err := url.Parse(r.cloud.URL)
	if err != nil {
		b.Fatal(err)
	}
	err = e.Open(Door{Authority: ours, Authenticator: anyone{}, Roots: roots, MayDial: []string{"*"},
		Upstreams: []proxy.Upstream{{Hosts: "*.amazonaws.com", To: to}}})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			b.Error(err)
		}
		<-served
	})
	return l.Addr().String()
}

type anyone struct{}

func (anyone) Authenticate(string) (model.Actor, string, bool) {
	return model.Actor{ID: "bench"}, "", true
}

// goproxy is the library that the engine is built on, alone: it decrypts, keeps
// connections to the cloud, and does nothing else.
func (r *rig) goproxy(roots *x509.CertPool, at string) string {
	b := r.b
	ca := benchCA(b)
	r.trust.AddCert(ca.Certificate())
	dir := b.TempDir()
	if err := ca.Save(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")); err != nil {
		b.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key"))
	if err != nil {
		b.Fatal(err)
	}
	p := goproxy.NewProxyHttpServer()
	p.Logger = log.New(io.Discard, "", 0)
	p.AllowHTTP2, p.KeepAcceptEncoding = true, true
	p.CertStore = &leaves{made: map[string]*tls.Certificate{}}
	p.ConnectDial = nil
	p.Tr = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, ForceAttemptHTTP2: true, DisableCompression: true, MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}
	p.OnRequest().HandleConnect(goproxy.FuncHttpsHandler(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
		return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: goproxy.TLSConfigFromCA(&pair)}, host
	}))
	srv := httptest.NewServer(p)
	b.Cleanup(srv.Close)
	b.Cleanup(p.Tr.CloseIdleConnections)
	return srv.Listener.Addr().String()
}

// leaves keeps goproxy's certificates, as ours are kept.
type leaves struct {
	mu   sync.Mutex // guards made
	made map[string]*tls.Certificate
}

func (l *leaves) Fetch(host string, make func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.made[host]; ok {
		return c, nil
	}
	c, err := make()
	if err == nil {
		l.made[host] = c
	}
	return c, err
}

// figures are what a cell of the table came to.
type figures struct {
	took []time.Duration
	rate float64 // calls a second, the median of the rounds
	each []float64
}

func (f *figures) p(q int) time.Duration { return f.took[min(len(f.took)-1, len(f.took)*q/100)] }

// round lets callers send one call after the other, and adds what they took.
func (r *rig) round(c *http.Client, url, body string, callers int, f *figures) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	n := 0
	for range callers {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(began) < benchRound {
				at := time.Now()
				resp, err := c.Post(url, "application/x-www-form-urlencoded", strings.NewReader(body))
				if err != nil {
					r.b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					r.b.Errorf("answered %s", resp.Status)
					return
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			f.took = append(f.took, mine...)
			n += len(mine)
		})
	}
	wg.Wait()
	f.each = append(f.each, float64(n)/time.Since(began).Seconds())
}

// ownAppend is the median of the ledger's own durable append of a decision and of
// its outcome, one caller.
func ownAppend(b *testing.B) time.Duration {
	s, err := store.Open(b.Context(), store.Config{Dir: b.TempDir(), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var took []time.Duration
	for i := range 200 {
		d := policy.Decision{ID: fmt.Sprintf("dec_%d", i), At: time.Now(), Verdict: policy.Allow, Action: model.Action{ID: "a", Platform: "aws", Service: "ec2", Operation: "StopInstances"}}
		statement, err := ledger.DecisionStatement(d)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := s.Append(b.Context(), ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Statement: statement}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// BenchmarkWays compares, in one run, the ways to a cloud: direct, through a blind
// tunnel, through goproxy alone, and through assent with judge and ledger. All of
// them, client and cloud are on this machine. It prints the table.
func BenchmarkWays(b *testing.B) {
	r := newRig(b)
	append1 := ownAppend(b)
	bar := func(ok bool) string {
		if ok {
			return "met"
		}
		return "MISSED"
	}
	var table strings.Builder
	fmt.Fprintf(&table, "the ledger's own durable append: p50 %s\n", append1)
	fmt.Fprintf(&table, "%-3s %-7s %-3s %-20s %9s %9s %9s %10s\n", "", "", "", "", "p50", "p99", "calls/s", "/goproxy")
	for _, h2 := range []bool{false, true} {
		for _, what := range []struct{ name, body string }{{"read", benchRead}, {"change", benchWrite}} {
			for _, callers := range []int{1, 32} {
				all := make([]figures, len(r.ways))
				clients := make([]*http.Client, len(r.ways))
				for i, w := range r.ways {
					clients[i] = w.client(h2)
				}
				for range benchRounds {
					for i, w := range r.ways {
						r.round(clients[i], r.url(w), what.body, callers, &all[i])
					}
				}
				for i := range all {
					slices.Sort(all[i].took)
					slices.Sort(all[i].each)
					all[i].rate = all[i].each[len(all[i].each)/2]
				}
				proto := map[bool]string{false: "h1", true: "h2"}[h2]
				bare, ours := all[2], all[3]
				for i, w := range r.ways {
					fmt.Fprintf(&table, "%-3s %-7s %-3d %-20s %9s %9s %9.0f %10.2f\n", proto, what.name, callers, w.name,
						all[i].p(50).Round(time.Microsecond), all[i].p(99).Round(time.Microsecond), all[i].rate, all[i].rate/bare.rate)
				}
				added := ours.p(50) - bare.p(50)
				name := proto + "-" + what.name + "-" + fmt.Sprint(callers)
				switch {
				case what.name == "read":
					fmt.Fprintf(&table, "    bar: %.2f of goproxy's throughput, want %.1f: %s\n", ours.rate/bare.rate, leastOfGoproxy, bar(ours.rate/bare.rate >= leastOfGoproxy))
					b.ReportMetric(ours.rate/bare.rate, name+"/goproxy")
					if callers == 1 {
						fmt.Fprintf(&table, "    bar: %s added to the p50, want %s: %s\n", added.Round(time.Microsecond), mostAddedRead, bar(added <= mostAddedRead))
					}
				case callers == 1:
					want := mostOfAppend*append1 + mostAddedChange
					fmt.Fprintf(&table, "    bar: %s added to the p50, want %s: %s\n", added.Round(time.Microsecond), want, bar(added <= want))
					b.ReportMetric(float64(added)/float64(want), name+"/bar")
				}
			}
		}
	}
	r.tunnels(&table, bar)
	fmt.Print("\n", table.String()) // a benchmark's own log is cut short
	b.ReportMetric(0, "ns/op")
}

// tunnels measures what a new tunnel costs, and whether TLS sessions are taken up
// again.
func (r *rig) tunnels(table *strings.Builder, bar func(bool) string) {
	b := r.b
	const n = 200
	open := func(conf *tls.Config, through bool) (time.Duration, bool) {
		began := time.Now()
		at := r.proxy
		if !through {
			at = r.cloud.Listener.Addr().String()
		}
		c, err := net.Dial("tcp", at)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		if through {
			fmt.Fprintf(c, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", benchHost, benchHost)
			if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))); err != nil {
				b.Fatal(err)
			}
		}
		secure := tls.Client(c, conf)
		fmt.Fprintf(secure, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", benchHost, len(benchRead), benchRead)
		resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return time.Since(began), secure.ConnectionState().DidResume
	}
	median := func(conf *tls.Config, through bool) (time.Duration, float64) {
		var took []time.Duration
		resumed := 0
		for range n {
			d, again := open(conf, through)
			took = append(took, d)
			if again {
				resumed++
			}
		}
		slices.Sort(took)
		return took[n/2], float64(resumed) / n
	}
	direct, _ := median(&tls.Config{RootCAs: r.roots, ServerName: "127.0.0.1"}, false)
	fresh, _ := median(&tls.Config{RootCAs: r.trust, ServerName: benchHost}, true)
	again, rate := median(&tls.Config{RootCAs: r.trust, ServerName: benchHost, ClientSessionCache: tls.NewLRUClientSessionCache(8)}, true)
	fmt.Fprintf(table, "a new connection and one read: direct %s, a new governed tunnel %s, with a session taken up again %s\n",
		direct.Round(time.Microsecond), fresh.Round(time.Microsecond), again.Round(time.Microsecond))
	fmt.Fprintf(table, "    bar: %s a tunnel, want %s: %s\n", fresh.Round(time.Microsecond), mostTunnel, bar(fresh <= mostTunnel))
	fmt.Fprintf(table, "    bar: %.3f of sessions taken up again, want %.2f: %s\n", rate, leastResumed, bar(rate > leastResumed))
	b.ReportMetric(float64(fresh)/float64(mostTunnel), "tunnel/bar")
	b.ReportMetric(rate, "resumed")
}
