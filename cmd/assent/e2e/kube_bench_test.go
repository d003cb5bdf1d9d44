package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// BenchmarkKubernetes sends the same call to a real API server directly, through
// the proxy and through the gateway of a running daemon, one after the other, and
// reports what the latter two add: median and 99th percentile, in microseconds.
// Every change is judged and recorded durably.
func BenchmarkKubernetes(b *testing.B) {
	c := k8sboxtest.Start(b)
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
	config := fmt.Sprintf("listen: 127.0.0.1:%s\ngateway: 127.0.0.1:%s\nmode: observe\nclusters: [%q]\n", ports[0], ports[1], c.Kubeconfig["admin"])
	if err := os.WriteFile(filepath.Join(dir, "assent.yaml"), []byte(config), 0o600); err != nil {
		b.Fatal(err)
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
	ours := filepath.Join(dir, ".local", "state", "assent", "ca", "ca.pem")
	ways := []struct {
		name   string
		client *http.Client
		base   string
	}{
		{"direct", client(c.CA, ""), c.Server},
		{"proxy", client(ours, "127.0.0.1:"+ports[0]), c.Server},
		{"gateway", client(ours, ""), "https://127.0.0.1:" + ports[1] + "/k8s/k8sbox"},
	}
	send := func(client *http.Client, method, target, contentType, body string) time.Duration {
		began := time.Now()
		req, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Token["admin"])
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode > 299 {
			b.Fatalf("%s %s: %s", method, target, resp.Status)
		}
		return time.Since(began)
	}
	const configmaps = "/api/v1/namespaces/default/configmaps"
	send(ways[0].client, "POST", ways[0].base+configmaps, "application/json", `{"metadata":{"name":"bench"},"data":{"a":"0"}}`)
	for _, call := range []struct{ name, method, contentType string }{
		{"get", "GET", ""}, {"json-patch", "PATCH", "application/json-patch+json"},
	} {
		b.Run(call.name, func(b *testing.B) {
			took := make([][]time.Duration, len(ways))
			n := 0
			for b.Loop() {
				for i, w := range ways {
					body := ""
					if call.method == "PATCH" {
						n++
						body = fmt.Sprintf(`[{"op":"replace","path":"/data/a","value":"%d"}]`, n)
					}
					took[i] = append(took[i], send(w.client, call.method, w.base+configmaps+"/bench", call.contentType, body))
				}
			}
			for i := range took {
				slices.Sort(took[i])
			}
			at := func(i int, q float64) float64 {
				return float64(took[i][min(len(took[i])-1, int(q*float64(len(took[i]))))].Microseconds())
			}
			b.ReportMetric(at(0, 0.5), "direct-p50-µs")
			b.ReportMetric(at(0, 0.99), "direct-p99-µs")
			for i := 1; i < len(ways); i++ {
				b.ReportMetric(at(i, 0.5)-at(0, 0.5), ways[i].name+"-adds-p50-µs")
				b.ReportMetric(at(i, 0.99)-at(0, 0.99), ways[i].name+"-adds-p99-µs")
			}
		})
	}
}
