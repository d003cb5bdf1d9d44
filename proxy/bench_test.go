package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkRequest compares a 200-byte answer over a kept-alive connection,
// straight and through the proxy with a gate that does nothing.
func BenchmarkRequest(b *testing.B) {
	answer := strings.Repeat("x", 200)
	for _, h2 := range []bool{false, true} {
		proto := "h1"
		if h2 {
			proto = "h2"
		}
		bench := newBench(b, nil)
		addr := bench.upstream("bench.governed.test", h2, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
		_, port, _ := net.SplitHostPort(addr)
		straight := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: bench.roots, ServerName: "bench.governed.test"}, ForceAttemptHTTP2: h2, DisableCompression: true,
		}}
		for name, run := range map[string]struct {
			client *http.Client
			method string
			url    string
		}{
			"direct": {straight, http.MethodGet, "https://127.0.0.1:" + port + "/"},
			"read":   {bench.client(h2), http.MethodGet, "https://" + addr + "/"},
			"change": {bench.client(h2), http.MethodPost, "https://" + addr + "/"},
		} {
			b.Run(proto+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					req, _ := http.NewRequest(run.method, run.url, strings.NewReader("a=b"))
					resp, err := run.client.Do(req)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
	}
}

// BenchmarkTunnel opens a new tunnel for each request: CONNECT, handshake, leaf.
func BenchmarkTunnel(b *testing.B) {
	bench := newBench(b, nil)
	addr := bench.upstream("bench.governed.test", false, func(http.ResponseWriter, *http.Request) {})
	client := bench.client(false)
	client.Transport.(*http.Transport).DisableKeepAlives = true
	for b.Loop() {
		resp, err := client.Get("https://" + addr + "/")
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}
