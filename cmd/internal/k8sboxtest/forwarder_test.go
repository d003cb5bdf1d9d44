package k8sboxtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
)

// judged is one request, as the decoder understood it.
type judged struct {
	request string
	action  model.Action
	err     error
	status  int
	learned []model.Observation
}

// forwarder decodes every request, names it by an Audit-ID and passes it on.
// It refuses what refuse says.
type forwarder struct {
	decoder *kube.Decoder
	host    string
	server  *httptest.Server
	refuse  func(model.Action) bool

	mu   sync.Mutex // guards seen
	seen map[string]*judged
}

func newForwarder(t *testing.T, c *Cluster) *forwarder {
	t.Helper()
	up, err := url.Parse(c.Server)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := kube.New(kube.Config{Clusters: []kube.Cluster{{Name: "box", Host: up.Host}}})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	f := &forwarder{decoder: decoder, host: up.Host, seen: map[string]*judged{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = up.Scheme, up.Host },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableCompression: true},
		FlushInterval: -1,
		ModifyResponse: func(resp *http.Response) error {
			return f.learn(resp)
		},
	}
	f.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		call := f.call(req, body)
		action, err := decoder.Decode(context.Background(), call)
		id := f.record(&judged{request: req.Method + " " + req.URL.RequestURI(), action: action, err: err})
		if f.refuse != nil && f.refuse(action) {
			resp := decoder.Refuse(call, decoders.Refusal{Code: decoders.DeniedCode, Message: "assent refused " + action.Operation + ", ask checkout", DecisionID: id})
			for key, values := range resp.Header {
				w.Header()[key] = values
			}
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
		req.Header.Set("Audit-Id", id)
		proxy.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), callKey{}, call)))
	}))
	t.Cleanup(f.server.Close)
	return f
}

type callKey struct{}

func (f *forwarder) call(req *http.Request, body []byte) decoders.Call {
	return decoders.Call{Method: req.Method, Scheme: "https", Host: f.host, URL: req.URL, Header: req.Header.Clone(), Body: body}
}

func (f *forwarder) record(j *judged) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("call-%d", len(f.seen))
	f.seen[id] = j
	return id
}

func (f *forwarder) learn(resp *http.Response) error {
	call := resp.Request.Context().Value(callKey{}).(decoders.Call)
	f.mu.Lock()
	j := f.seen[resp.Request.Header.Get("Audit-Id")]
	f.mu.Unlock()
	j.status = resp.StatusCode
	if resp.StatusCode == http.StatusSwitchingProtocols || strings.Contains(call.URL.RawQuery, "watch=") {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	j.learned = f.decoder.Learn(call, &decoders.Response{Status: resp.StatusCode, Header: resp.Header, Body: body})
	return nil
}

// kubeconfig writes one that leads a user through the forwarder.
func (f *forwarder) kubeconfig(t *testing.T, c *Cluster, user string) *Cluster {
	t.Helper()
	data, err := os.ReadFile(c.Kubeconfig[user])
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), user+".kubeconfig")
	ca := filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(c.Server, f.server.URL, c.CA, ca).Replace(string(data)) // kubectl sends no token over http
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	through := *c
	through.Kubeconfig = map[string]string{user: file}
	return &through
}

// decode decodes a GET.
func (f *forwarder) decode(t *testing.T, path string) model.Action {
	t.Helper()
	u, err := url.Parse("https://" + f.host + path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.decoder.Decode(context.Background(), decoders.Call{Method: "GET", Scheme: "https", Host: f.host, URL: u, Header: http.Header{}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
