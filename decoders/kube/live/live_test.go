package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
)

const discovered = `{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":""},"versions":[{"version":"v1","freshness":"Current","resources":[
 {"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced","verbs":["list","watch","delete"]},
 {"resource":"events","responseKind":{"kind":"Event"},"scope":"Namespaced","verbs":["list","delete"]},
 {"resource":"componentstatuses","responseKind":{"kind":"ComponentStatus"},"scope":"Cluster","verbs":["get","list"]},
 {"resource":"bindings","responseKind":{"kind":"Binding"},"scope":"Namespaced","verbs":["create"]}]}]}]}`

const discoveredGroups = `{"kind":"APIGroupDiscoveryList","items":[
 {"metadata":{"name":"example.com"},"versions":[
  {"version":"v2","freshness":"Current","resources":[{"resource":"widgets","responseKind":{"kind":"Widget"},"scope":"Namespaced","verbs":["list","watch","delete"]}]},
  {"version":"v1","freshness":"Current","resources":[{"resource":"widgets","responseKind":{"kind":"Widget"},"scope":"Namespaced","verbs":["list","watch","delete"]},
    {"resource":"gadgets","responseKind":{"kind":"Gadget"},"scope":"Cluster","verbs":["list","watch","delete"]}]}]},
 {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale","resources":[]}]}]}`

// script answers by path and query; an answer may be a function.
type script struct {
	mu    sync.Mutex
	asked []string
	by    map[string]http.HandlerFunc
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path+"?"+r.URL.RawQuery)
	f := s.by[r.URL.Path]
	s.mu.Unlock()
	if r.Method != http.MethodGet || f == nil {
		http.Error(w, `{"kind":"Status","message":"nothing here"}`, http.StatusNotFound)
		return
	}
	f(w, r)
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func refuses(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); fmt.Fprint(w, body) }
}

func serve(t testing.TB, by map[string]http.HandlerFunc) (*script, *Server) {
	t.Helper()
	s := &script{by: by}
	up := httptest.NewServer(s)
	t.Cleanup(up.Close)
	u, err := url.Parse(up.URL + "/prefix")
	if err != nil {
		t.Fatal(err)
	}
	for path, f := range by {
		by["/prefix"+path] = f
	}
	server, err := NewServer(Config{URL: u, Transport: up.Client().Transport, Identify: func(h http.Header) error { h.Set("Authorization", "Bearer t"); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s, server
}

func pod(names ...string) string {
	var items []string
	for _, n := range names {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"n","resourceVersion":"5"}}`, n))
	}
	return strings.Join(items, ",")
}

var podScope = collect.Scope{Platform: "kubernetes", Account: "c", Type: "core/Pod"}

func ready(t *testing.T, by map[string]http.HandlerFunc) (*script, *Collector) {
	t.Helper()
	by["/api"], by["/apis"] = says(discovered), says(discoveredGroups)
	s, server := serve(t, by)
	c := NewCollector("c", server, nil)
	if _, _, err := c.Scopes(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestWhatCanBeDeletedIsListedInTheFirstVersion(t *testing.T) {
	_, server := serve(t, map[string]http.HandlerFunc{"/api": says(discovered), "/apis": says(discoveredGroups)})
	scopes, gaps, err := NewCollector("c", server, nil).Scopes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, s := range scopes {
		types = append(types, s.Type)
	}
	if got := strings.Join(types, " "); got != "core/Pod example.com/Widget example.com/Gadget" {
		t.Errorf("%s", got)
	}
	if len(gaps) != 1 || gaps[0].State != collect.Failed || gaps[0].Type != "metrics.k8s.io/*" {
		t.Errorf("%+v", gaps)
	}
	served, err := server.Kinds(t.Context())
	if err != nil || served.Kinds[1].Path("x") != "/apis/example.com/v2/namespaces/x/widgets" || served.Kinds[2].Path("") != "/apis/example.com/v1/gadgets" {
		t.Errorf("%+v, %v", served, err)
	}
}

func TestAnOlderServerIsAskedGroupByGroup(t *testing.T) {
	_, server := serve(t, map[string]http.HandlerFunc{
		"/api": says(`{"kind":"APIVersions","versions":["v1"]}`), "/api/v1": says(`{"kind":"APIResourceList","resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list","delete"]},{"name":"pods/log","kind":"Pod","verbs":["get"]}]}`),
		"/apis":         says(`{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"version":"v1"}]},{"name":"gone.example.com","versions":[{"version":"v1"}]}]}`),
		"/apis/apps/v1": says(`{"kind":"APIResourceList","resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list","delete"]}]}`),
	})
	served, err := server.Kinds(t.Context())
	if err != nil || len(served.Kinds) != 2 || len(served.Silent) != 1 || served.Silent[0] != "gone.example.com" {
		t.Errorf("%+v, %v", served, err)
	}
}

func TestPagesAreReadToTheEnd(t *testing.T) {
	times := 0
	s, c := ready(t, map[string]http.HandlerFunc{"/api/v1/pods": func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("limit") != "500":
			http.Error(w, "no limit", 400)
		case q.Get("continue") == "":
			fmt.Fprintf(w, `{"kind":"PodList","metadata":{"resourceVersion":"70","continue":"two"},"items":[%s]}`, pod("a", "b"))
		case times == 0: // compacted away meanwhile
			times++
			http.Error(w, `{"kind":"Status","reason":"Expired","code":410}`, http.StatusGone)
		default:
			fmt.Fprintf(w, `{"kind":"PodList","metadata":{"resourceVersion":"70"},"items":[%s]}`, pod("c"))
		}
	}})
	seen := map[model.URN]bool{}
	mark, err := c.List(t.Context(), podScope, func(page []model.Observation) error {
		for _, o := range page {
			seen[o.Resource.URN] = true
		}
		return nil
	})
	if err != nil || mark != "70" || len(seen) != 3 {
		t.Errorf("%s, %v, %v, asked %q", mark, err, seen, s.asked)
	}
}

func TestAListThatEndedEarlyIsNotItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		f    http.HandlerFunc
		want error
	}{
		"denied":        {refuses(403, `{"kind":"Status","message":"pods is forbidden"}`), collect.ErrDenied},
		"not known":     {refuses(401, ""), collect.ErrDenied},
		"not served":    {refuses(404, ""), collect.ErrAbsent},
		"broken":        {says(`{"kind":"PodList","items":[`), nil},
		"another thing": {says(`{"kind":"Status"}`), nil},
		"for ever gone": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("continue") != "" {
				w.WriteHeader(410)
				return
			}
			fmt.Fprint(w, `{"kind":"PodList","metadata":{"continue":"x"},"items":[]}`)
		}, collect.ErrLost},
	} {
		_, col := ready(t, map[string]http.HandlerFunc{"/api/v1/pods": c.f})
		_, err := col.List(t.Context(), podScope, func([]model.Observation) error { return nil })
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Bearer") {
			t.Errorf("%s: the credential is in the error", name)
		}
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	tries := 0
	_, c := ready(t, map[string]http.HandlerFunc{"/api/v1/pods": func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
			return
		}
		fmt.Fprintf(w, `{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[%s]}`, pod("a"))
	}})
	if _, err := c.List(t.Context(), podScope, func([]model.Observation) error { return nil }); err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestAWatchGoesOnWhereItWas(t *testing.T) {
	event := func(kind, name, version string) string {
		return fmt.Sprintf(`{"type":%q,"object":{"kind":"Pod","metadata":{"name":%q,"namespace":"n","resourceVersion":%q}}}`+"\n", kind, name, version)
	}
	_, c := ready(t, map[string]http.HandlerFunc{"/api/v1/pods": func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("resourceVersion") {
		case "70":
			fmt.Fprint(w, event("ADDED", "a", "71")+event("DELETED", "b", "72")+event("BOOKMARK", "", "75"))
		case "75":
			fmt.Fprint(w, `{"type":"ERROR","object":{"kind":"Status","code":410}}`+"\n")
		default:
			w.WriteHeader(410)
		}
	}})
	var got []model.Observation
	opened := 0
	watch := func(mark string) (string, error) {
		return c.Watch(t.Context(), podScope, mark, func() { opened++ }, func(o []model.Observation) error { got = append(got, o...); return nil })
	}
	mark, err := watch("70")
	if err != nil || mark != "75" || len(got) != 2 || !got[1].Gone || opened != 1 {
		t.Errorf("%s, %v, %+v", mark, err, got)
	}
	if _, err := watch(mark); !errors.Is(err, collect.ErrLost) {
		t.Errorf("%v", err)
	}
	if _, err := watch("3"); !errors.Is(err, collect.ErrLost) || opened != 2 {
		t.Errorf("%v, opened %d", err, opened)
	}
}

func TestWhatIsKnownIsNotToldAgain(t *testing.T) {
	for _, c := range []struct {
		known string
		told  bool
	}{{`{"metadata":{"resourceVersion":"5"}}`, false}, {`{"metadata":{"resourceVersion":"6"}}`, false}, {`{"metadata":{"resourceVersion":"4"}}`, true}, {`{}`, true}} {
		_, col := ready(t, map[string]http.HandlerFunc{"/api/v1/pods": says(`{"kind":"PodList","metadata":{},"items":[` + pod("a") + `]}`)})
		col.known = func(u model.URN) (model.Resource, bool) { return model.Resource{URN: u, Attrs: []byte(c.known)}, true }
		_, err := col.List(t.Context(), podScope, func(page []model.Observation) error {
			if len(page) != 1 || page[0].Whole != c.told {
				t.Errorf("known as %s: %+v", c.known, page)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestThePaceIsKept(t *testing.T) {
	s, err := NewServer(Config{URL: &url.URL{}, Transport: http.NewFileTransport(nil), Identify: func(http.Header) error { return nil }, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.pace(t.Context()); err != nil {
		t.Errorf("the first question waits: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.pace(ctx); err == nil {
		t.Error("the second question does not wait")
	}
}

func TestAnEventHasABound(t *testing.T) {
	if err := lines(strings.NewReader(strings.Repeat("x", maxLine+70_000)), func([]byte, bool) error { return nil }); err == nil {
		t.Error("it has none")
	}
	n := 0
	if err := lines(strings.NewReader("a\n\n"+strings.Repeat("b", 200_000)+"\nc"), func(line []byte, _ bool) error { n += len(line); return nil }); err != nil || n != 2+200_001+1 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestBeforeIsAskedAsTheCaller(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		there  bool
		known  bool
	}{
		"there":         {says(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","resourceVersion":"4"}}`), true, true},
		"not there":     {refuses(404, `{"kind":"Status","reason":"NotFound","message":"pods \"p\" not found","details":{"name":"p","kind":"pods"}}`), false, true},
		"not served":    {refuses(404, `{"kind":"Status","reason":"NotFound","message":"the server could not find the requested resource","details":{}}`), false, false},
		"denied":        {refuses(403, `{"kind":"Status","reason":"Forbidden","message":"no"}`), false, false},
		"broken":        {says(`{"kind":"Pod","kind":"Secret"}`), false, false},
		"another thing": {says(`[]`), false, false},
	} {
		var as string
		_, server := serve(t, map[string]http.HandlerFunc{"/api/v1/namespaces/n/pods/p": func(w http.ResponseWriter, r *http.Request) {
			as = r.Header.Get("Authorization") + r.Header.Get("Impersonate-User")
			c.answer(w, r)
		}})
		b := &Before{Server: func(_ string, h http.Header) (*Server, error) {
			return NewServer(Config{URL: server.cfg.URL, Transport: server.cfg.Transport, Identify: func(to http.Header) error {
				for key, values := range h {
					to[key] = values
				}
				return nil
			}})
		}}
		object, known := b.Current(t.Context(), kube.Ref{Cluster: "c", Version: "v1", Resource: "pods", Kind: "Pod", Namespace: "n", Name: "p",
			As: http.Header{"Authorization": {"Bearer caller"}, "Impersonate-User": {"ana"}}})
		if known != c.known || (object != nil) != c.there {
			t.Errorf("%s: %v, known %v", name, object, known)
		}
		if as != "Bearer callerana" {
			t.Errorf("%s: asked as %q", name, as)
		}
	}
}

func TestBeforeNeverLeavesTheObject(t *testing.T) {
	b := &Before{Server: func(string, http.Header) (*Server, error) { t.Error("asked"); return nil, nil }}
	for _, ref := range []kube.Ref{{Name: "../../secrets/s", Resource: "pods", Version: "v1", Namespace: "n"}, {Name: "p", Resource: "pods", Version: "v1", Namespace: "n/secrets"}, {Resource: "pods", Version: "v1"}, {Name: "p?x=y", Resource: "pods", Version: "v1"}} {
		if _, known := b.Current(t.Context(), ref); known {
			t.Errorf("%+v", ref)
		}
	}
}

// An object that the model has as it is now is there: "unchanged" is not "absent". What
// the server does not have is, and a name that nobody can have is nobody's.
func TestWhatIsUnchangedIsNotAbsent(t *testing.T) {
	const one = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"n","uid":"u","resourceVersion":"7"}}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api":
			fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
		case r.URL.Path == "/apis":
			fmt.Fprint(w, `{"kind":"APIGroupList","groups":[]}`)
		case r.URL.Path == "/api/v1":
			fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["list","watch","get","delete"]}]}`)
		case r.URL.Query().Get("fieldSelector") == "metadata.name=x":
			fmt.Fprintf(w, `{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[%s]}`, one)
		default:
			fmt.Fprint(w, `{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[]}`)
		}
	}))
	defer api.Close()
	u, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{URL: u, Transport: http.DefaultTransport, Identify: func(http.Header) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	c := NewCollector("c", s, func(urn model.URN) (model.Resource, bool) { return g.Snapshot().Resource(urn) })
	if _, _, err := c.Scopes(t.Context()); err != nil {
		t.Fatal(err)
	}
	const urn = "k8s://c/core/ConfigMap/n/x"
	for read := range 3 {
		seen, err := c.Get(t.Context(), urn)
		if err != nil || len(seen) != 1 || seen[0].Gone || seen[0].Resource.URN != urn {
			t.Fatalf("read %d: %+v, %v", read, seen, err)
		}
		g.Apply(seen)
		if r, ok := g.Snapshot().Resource(urn); !ok || kube.VersionOf(r) != "7" {
			t.Fatalf("read %d: the model has %+v", read, r)
		}
	}
	if _, err := c.Get(t.Context(), "k8s://c/core/ConfigMap/n/y"); !errors.Is(err, collect.ErrAbsent) {
		t.Errorf("what is not there: %v", err)
	}
	for id, held := range map[model.URN]bool{urn: true, "k8s://d/core/ConfigMap/n/x": false, "k8s://c/core/ConfigMap/n/*": false, "arn:aws:s3:::x": false} {
		if c.Holds(id) != held {
			t.Errorf("%s: held %v", id, !held)
		}
	}
}
