package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
	"github.com/assent-iom/assent/decoders"
	kubedecoder "github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
)

// witness stands between Assent and the API server: it sees every request as it was
// forwarded, and asks etcd before and after each whether it wrote.
type witness struct {
	t       *testing.T
	cluster *k8sboxtest.Cluster
	decoder *kubedecoder.Decoder
	server  *httptest.Server

	turn sync.Mutex // one request at a time, but for those that last

	mu     sync.Mutex // guards all below
	client string     // whose turn it is
	others bool       // others write meanwhile, so that etcd says nothing of a request
	seen   []*testimony
	ids    map[string]*testimony // by Audit-ID
}

// testimony is one request: as it was forwarded, and what became of it.
type testimony struct {
	id      string // the Audit-ID that it had, or was given: read-N
	request string
	client  string // whose turn it was
	agent   string // its User-Agent
	content string // its content type
	action  model.Action
	err     error // why it could not be decoded
	status  int
	opaque  bool // an apply whose body is no JSON
	lasting bool // a stream or a watch: other requests are made meanwhile

	before, after int64 // etcd's revisions; none if there is nothing to be learned from them
}

func newWitness(t *testing.T, c *k8sboxtest.Cluster) *witness {
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
	w := &witness{t: t, cluster: c, ids: map[string]*testimony{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = up.Scheme, up.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // or what cannot be parsed is taken out of it
		},
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableCompression: true},
		FlushInterval: -1,
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.pass(proxy, rw, r) }))
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	if w.decoder, err = kubedecoder.New(kubedecoder.Config{Clusters: []kubedecoder.Cluster{{Name: "k8sbox", Host: w.host()}}}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *witness) host() string { return strings.TrimPrefix(w.server.URL, "https://") }

// kubeconfig is the cluster's own, with the witness in the server's place.
func (w *witness) kubeconfig(k *world, user string) string {
	w.t.Helper()
	data, err := os.ReadFile(w.cluster.Kubeconfig[user])
	if err != nil {
		w.t.Fatal(err)
	}
	ca := k.write("witness.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw})))
	return k.write("witness.kubeconfig", strings.NewReplacer(w.cluster.Server, w.server.URL, w.cluster.CA, ca).Replace(string(data)))
}

// pass notes a request and passes it on.
func (w *witness) pass(proxy http.Handler, rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Errorf("%s %s: its body was not forwarded whole: %v", r.Method, r.URL, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	u := *r.URL
	s := &testimony{
		id: r.Header.Get("Audit-Id"), request: r.Method + " " + r.URL.RequestURI(), agent: r.UserAgent(), lasting: lasts(r),
	}
	s.content, _, _ = strings.Cut(r.Header.Get("Content-Type"), ";")
	s.opaque = strings.HasPrefix(s.content, "application/apply-patch") && !json.Valid(body)
	s.action, s.err = w.decoder.Decode(context.Background(), decoders.Call{
		Method: r.Method, Scheme: "https", Host: w.host(), URL: &u, Header: r.Header.Clone(), Body: body,
	})
	others := w.note(s)
	r.Header.Set("Audit-Id", s.id)
	if !s.lasting && !others {
		w.turn.Lock()
		defer w.turn.Unlock()
		s.before = w.revision()
		defer func() { s.after = w.revision() }()
	}
	answer := &statusWriter{ResponseWriter: rw}
	proxy.ServeHTTP(answer, r)
	s.status = answer.status
}

// note keeps a testimony, under an id that no other has.
func (w *witness) note(s *testimony) (others bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.client = w.client
	if s.id == "" {
		s.id = fmt.Sprint("read-", len(w.seen))
	}
	if w.ids[s.id] != nil {
		w.t.Errorf("%s: forwarded twice, or two requests under one Audit-ID: %s", s.id, s.request)
	}
	w.seen, w.ids[s.id] = append(w.seen, s), s
	return w.others
}

// next says whose turn it is, and whether others write meanwhile.
func (w *witness) next(client string, others bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client, w.others = client, others
}

// count counts a client's requests by its name and its User-Agent.
func (w *witness) count(c client) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		if s.client == c.name && strings.HasPrefix(s.agent, c.agent) {
			n++
		}
	}
	return n
}

// lasts reports whether a request is answered for as long as its client likes.
func lasts(r *http.Request) bool {
	q := r.URL.Query()
	return r.Header.Get("Upgrade") != "" || q.Get("watch") != "" && q.Get("watch") != "false" || q.Get("follow") == "true" ||
		strings.Contains(r.URL.Path, "/watch/")
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// revision is etcd's: how many writes there were.
func (w *witness) revision() int64 {
	var status struct {
		Header struct{ Revision string }
	}
	w.etcd("/v3/maintenance/status", map[string]any{}, &status)
	n, err := strconv.ParseInt(status.Header.Revision, 10, 64)
	if err != nil {
		w.t.Errorf("etcd's revision: %v", err)
	}
	return n
}

// history is every write of etcd while an exam lasts.
type history struct {
	w    *witness
	stop func()

	mu   sync.Mutex // guards keys and last
	keys map[int64][]string
	last int64
	fail error
}

// watch begins a history. It reads etcd's own watch, so nothing is missed.
func (w *witness) watch() *history {
	w.t.Helper()
	everything := base64.StdEncoding.EncodeToString([]byte{0})
	body := fmt.Sprintf(`{"create_request":{"key":%q,"range_end":%q,"start_revision":%d}}`, everything, everything, w.revision()+1)
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cluster.Etcd+"/v3/watch", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	h := &history{w: w, keys: map[int64][]string{}}
	done := make(chan struct{})
	h.stop = sync.OnceFunc(func() { cancel(); <-done; resp.Body.Close() })
	w.t.Cleanup(h.stop)
	go func() {
		defer close(done)
		h.read(ctx, json.NewDecoder(resp.Body))
	}()
	return h
}

func (h *history) read(ctx context.Context, events *json.Decoder) {
	for {
		var line struct {
			Result struct {
				Events []struct {
					Kv struct {
						Key         []byte
						ModRevision int64 `json:"mod_revision,string"`
					}
				}
			}
		}
		err := events.Decode(&line)
		h.mu.Lock()
		if err != nil && ctx.Err() == nil {
			h.fail = err
		}
		for _, e := range line.Result.Events {
			h.keys[e.Kv.ModRevision] = append(h.keys[e.Kv.ModRevision], string(e.Kv.Key))
			h.last = max(h.last, e.Kv.ModRevision)
		}
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits until the history has come to a revision.
func (h *history) until(revision int64) {
	h.w.t.Helper()
	waitFor(h.w.t, "etcd's watch", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.last >= revision || h.fail != nil
	})
	if h.fail != nil {
		h.w.t.Errorf("etcd's watch: %v", h.fail)
	}
}

// own are the keys that the API server writes by itself, whoever asks what: its
// leases, and what its controllers make of a definition that somebody has created.
var own = []string{
	"/registry/leases/kube-system/apiserver-", "/registry/peerserverleases/apiserver-",
	"/registry/apiregistration.k8s.io/apiservices/",
	"/registry/apiextensions.k8s.io/customresourcedefinitions/",
}

// written are the keys that were written between two revisions, but for own.
func (h *history) written(before, after int64) (keys []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for revision := before + 1; revision <= after; revision++ {
		for _, key := range h.keys[revision] {
			if !slices.ContainsFunc(own, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (w *witness) etcd(path string, ask, answer any) {
	body, err := json.Marshal(ask)
	if err != nil {
		w.t.Error(err)
		return
	}
	resp, err := http.Post(w.cluster.Etcd+path, "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil || resp.StatusCode != http.StatusOK {
		w.t.Errorf("etcd %s: %s %v", path, resp.Status, err)
	}
}
