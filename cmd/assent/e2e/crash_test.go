package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Nothing leaves before its decision is durable: assent is killed in the middle
// of 200 concurrent mutations, and every mutation that the upstream saw has its
// decision on disk. After a restart the ledger verifies, and what was open is
// unknown.
func TestNothingLeavesBeforeItsDecisionIsDurable(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	arrived := make(chan struct{}, 1000)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[strings.SplitN(r.Host, ".", 2)[0]] = true
		mu.Unlock()
		arrived <- struct{}{}
		time.Sleep(3 * time.Millisecond) // a cloud that takes its time, so that calls are open when the kill comes
		w.WriteHeader(http.StatusOK)
	}))
	defer upstream.Close()

	w := newWorld(t)
	port := freePort(t)
	w.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\nmode: observe\nupstreams:\n  - {hosts: \"*.amazonaws.com\", to: %q}\n", port, upstream.URL))
	serve := exec.Command(binary, "serve")
	serve.Dir, serve.Env = w.dir, w.environ()
	var log lockedBuffer
	serve.Stdout, serve.Stderr = &log, &log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	defer func() {
		if !killed {
			serve.Process.Kill()
			serve.Wait()
		}
	}()
	var ca []byte
	waitFor(t, "assent serve: "+log.String(), func() bool {
		var err error
		ca, err = os.ReadFile(filepath.Join(w.home, "state", "assent", "ca", "ca.pem"))
		if err != nil {
			return false
		}
		resp, err := http.Get("http://127.0.0.1:" + port + "/")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return true
	})

	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("ca.pem: no certificate\n%s", ca)
	}
	proxyURL := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	client := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(proxyURL), TLSClientConfig: &tls.Config{RootCAs: roots}, MaxConnsPerHost: 1,
	}, Timeout: time.Minute}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			req, _ := http.NewRequest(http.MethodPut, fmt.Sprintf("https://bucket-%03d.s3.amazonaws.com/", i), nil)
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
			if resp, err := client.Do(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	for range 60 { // let some through, then kill in the middle
		<-arrived
	}
	serve.Process.Kill()
	serve.Wait()
	killed = true
	all.Wait()

	recorded := map[string]bool{}
	for _, d := range w.decisions() {
		for _, target := range d.Action.Targets {
			recorded[strings.TrimPrefix(target.URN, "arn:aws:s3:::")] = true
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) < 60 || len(seen) == 200 {
		t.Errorf("%d of 200 mutations arrived: the kill was not in the middle", len(seen))
	}
	for bucket := range seen {
		if !recorded[bucket] {
			t.Errorf("%s was forwarded, but no decision is on disk", bucket)
		}
	}
	// A restart settles what was open; then everything verifies.
	w.must(binary, "run", "--", "true")
	verified := w.must(binary, "ledger", "verify")
	contains(t, "ledger verify", verified.out, "verified")
	t.Logf("%d arrived, %d recorded", len(seen), len(recorded))
}
