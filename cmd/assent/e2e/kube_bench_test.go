package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
	"github.com/assent-iom/assent/ledger"
	ledgerstore "github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// benchCalls is what is sent, to an object that is there.
var benchCalls = []struct{ name, method, path, contentType, body string }{
	{"get", "GET", "/api/v1/namespaces/default/configmaps/bench", "", ""},
	{"json-patch", "PATCH", "/api/v1/namespaces/default/configmaps/bench", "application/json-patch+json", `[{"op":"replace","path":"/data/a","value":"%d"}]`},
	{"json-patch-deployment", "PATCH", "/apis/apps/v1/namespaces/default/deployments/bench", "application/json-patch+json", `[{"op":"add","path":"/metadata/annotations","value":{"n":"%d"}}]`},
}

// BenchmarkKubernetes sends the same call to a real API server directly, through
// the proxy and through the gateway of a running daemon, one after the other, and
// reports what the latter two add: median and 99th percentile, in microseconds,
// and the ratio of the medians. Every change is judged against declared intent and
// recorded durably; what a ledger on the same disk takes for the two entries of a
// change is measured beside it, and the rest is what is added but for that.
func BenchmarkKubernetes(b *testing.B) {
	c := k8sboxtest.Start(b, "--controllers=false")
	ways := benchWays(b, c)
	book := newBenchLedger(b)
	for _, o := range []struct{ path, body string }{
		{"/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"bench"},"data":{"a":"0"}}`},
		{"/apis/apps/v1/namespaces/default/deployments", `{"metadata":{"name":"bench"},"spec":{"replicas":0,"selector":{"matchLabels":{"app":"bench"}},` +
			`"template":{"metadata":{"labels":{"app":"bench"}},"spec":{"containers":[{"name":"app","image":"registry.example/bench:1"}]}}}}`},
	} {
		ways[0].send(b, "POST", o.path, "application/json", o.body)
	}
	for _, call := range benchCalls {
		b.Run(call.name, func(b *testing.B) {
			took := make([][]time.Duration, len(ways))
			var recorded []time.Duration
			n := 0
			for b.Loop() {
				for i, w := range ways {
					body := call.body
					if body != "" {
						n++
						body = fmt.Sprintf(body, n)
					}
					took[i] = append(took[i], w.send(b, call.method, call.path, call.contentType, body))
				}
				if call.method != "GET" {
					recorded = append(recorded, book.record(b))
				}
			}
			ledgers := quantiles(recorded)
			direct := quantiles(took[0])
			for q, name := range quantileNames {
				b.ReportMetric(direct[q], "direct-"+name+"-µs")
				if recorded != nil {
					b.ReportMetric(ledgers[q], "ledger-"+name+"-µs")
				}
			}
			for i := 1; i < len(ways); i++ {
				through := quantiles(took[i])
				b.ReportMetric(through[0]/direct[0], ways[i].name+"/direct")
				for q, name := range quantileNames {
					b.ReportMetric(through[q]-direct[q], ways[i].name+"-adds-"+name+"-µs")
				}
				if recorded != nil {
					b.ReportMetric(through[0]-direct[0]-ledgers[0], ways[i].name+"-rest-p50-µs")
				}
			}
		})
	}
}

// quantileNames are those that quantiles returns.
var quantileNames = [...]string{"p50", "p99"}

// quantiles returns median and 99th percentile in microseconds.
func quantiles(took []time.Duration) (out [len(quantileNames)]float64) {
	if len(took) == 0 {
		return out
	}
	slices.Sort(took)
	for i, at := range []int{len(took) / 2, len(took) * 99 / 100} {
		out[i] = float64(took[at].Nanoseconds()) / 1e3
	}
	return out
}

// way is one way to an API server.
type way struct {
	name, base, token string
	client            *http.Client
}

// benchWays starts a daemon before a cluster: the first way is past it.
func benchWays(b *testing.B, c *k8sboxtest.Cluster) []way {
	dir := b.TempDir()
	ports := make([]string, 2)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		l.Close()
	}
	for name, content := range map[string]string{
		"assent.yaml":      fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: observe\nintent: intent\nclusters: [%q]\n", ports[0], ports[1], c.Kubeconfig["admin"]),
		"intent/shop.yaml": strings.ReplaceAll(kubeIntent, "NAMESPACE", "default"),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			b.Fatal(err)
		}
	}
	serve := exec.Command(binary, "serve")
	serve.Dir, serve.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	var said lockedBuffer
	serve.Stderr = &said
	if err := serve.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = serve.Process.Signal(os.Interrupt); _ = serve.Wait() })
	for began := time.Now(); !strings.Contains(said.String(), "serving on"); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			b.Fatalf("assent serve does not start: %s", said.String())
		}
	}
	client := func(ca, proxy string) *http.Client {
		pem, err := os.ReadFile(ca)
		if err != nil {
			b.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
		if proxy != "" {
			t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: proxy})
		}
		b.Cleanup(t.CloseIdleConnections)
		return &http.Client{Transport: t}
	}
	ours, token := filepath.Join(dir, ".local", "state", "assent", "ca", "ca.pem"), c.Token["admin"]
	gateway := client(ours, "")
	write := exec.Command(binary, "kubeconfig", "--as", "deploy-agent", "--from", c.Kubeconfig["admin"])
	write.Dir, write.Env = serve.Dir, serve.Env
	config, err := write.Output()
	if err != nil {
		b.Fatalf("assent kubeconfig: %v", err)
	}
	gateway.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificateIn(b, string(config))}
	return []way{
		{"direct", c.Server, token, client(c.CA, "")},
		{"proxy", c.Server, token, client(ours, "127.0.0.1:"+ports[0])},
		{"gateway", "https://127.0.0.1:" + ports[1] + "/k8s/k8sbox", token, gateway},
	}
}

// certificateIn is the client certificate of a kubeconfig with one user.
func certificateIn(b *testing.B, config string) tls.Certificate {
	part := func(name string) []byte {
		found := regexp.MustCompile(name + `-data: "?([A-Za-z0-9+/=]+)`).FindStringSubmatch(config)
		if found == nil {
			b.Fatalf("no %s in %s", name, config)
		}
		pem, err := base64.StdEncoding.DecodeString(found[1])
		if err != nil {
			b.Fatal(err)
		}
		return pem
	}
	pair, err := tls.X509KeyPair(part("client-certificate"), part("client-key"))
	if err != nil {
		b.Fatal(err)
	}
	return pair
}

// send makes one call and returns how long it took, answer included.
func (w way) send(b *testing.B, method, path, contentType, body string) time.Duration {
	began := time.Now()
	req, err := http.NewRequest(method, w.base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	said, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode > 299 {
		b.Fatalf("%s %s%s: %s: %s", method, w.base, path, resp.Status, said)
	}
	return time.Since(began)
}

// benchLedger is a ledger beside the daemon's, on the same disk.
type benchLedger struct {
	*ledgerstore.Store
	n int
}

func newBenchLedger(b *testing.B) *benchLedger {
	s, err := ledgerstore.Open(b.Context(), ledgerstore.Config{Dir: b.TempDir(), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return &benchLedger{Store: s}
}

// record appends what a change that is let pass leaves, and returns how long it
// took for both to be durable.
func (l *benchLedger) record(b *testing.B) time.Duration {
	l.n++
	d := policy.Decision{ID: fmt.Sprintf("dec_%020d", l.n), At: time.Now(), Verdict: policy.Allow, Action: model.Action{
		Platform: "kubernetes", Service: "apps", Operation: "patch deployments", Verb: model.Update,
		Targets: []model.Target{{URN: "k8s://k8sbox/apps/Deployment/default/bench", Type: "apps/Deployment", Role: model.RoleTarget}},
	}}
	began := time.Now()
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		b.Fatal(err)
	}
	receipt, err := l.Append(b.Context(), ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Statement: statement})
	if err != nil {
		b.Fatal(err)
	}
	statement, err = ledger.OutcomeOf(ledger.Outcome{Decision: d.ID, Of: receipt, Result: ledger.Succeeded, Status: http.StatusOK, ForwardedAt: began, CompletedAt: time.Now()}, "", statement)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.Append(b.Context(), ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Statement: statement}); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
