package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// everything claims every call.
type everything struct{}

func (everything) Name() string                        { return "kubernetes" }
func (everything) Claims(decoders.Call) decoders.Claim { return decoders.Claim{Mine: true} }
func (everything) Decode(context.Context, decoders.Call) (model.Action, error) {
	return model.Action{}, nil
}
func (everything) Learn(decoders.Call, *decoders.Response) []model.Observation { return nil }
func (everything) Refuse(decoders.Call, decoders.Refusal) *http.Response       { return nil }

// gate keeps what it was asked, and answers with permit.
type gate struct {
	permit  func(proxy.Asked) proxy.Permit
	asked   []proxy.Asked
	answers []proxy.Answered
}

func (g *gate) Judge(_ context.Context, in proxy.Asked) proxy.Permit {
	g.asked = append(g.asked, in)
	if g.permit != nil {
		return g.permit(in)
	}
	return proxy.Permit{DecisionID: fmt.Sprintf("dec_%d", len(g.asked)), Close: func(_ context.Context, a proxy.Answered) error {
		g.answers = append(g.answers, a)
		return nil
	}}
}
func (*gate) TurnedAway(context.Context, proxy.Turned) {}

var key = []byte("a key of thirty-two bytes, or so")

func newHandler(t testing.TB, g *gate) *Handler { t.Helper(); return newHandlerWith(t, g, nil) }

func newHandlerWith(t testing.TB, g *gate, m Memory) *Handler {
	t.Helper()
	registry, err := decoders.NewRegistry([]decoders.Decoder{everything{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{Gate: g, Registry: registry, Key: key, Memory: m, Clusters: []Cluster{
		{Name: "box", URL: &url.URL{Scheme: "https", Host: "api.example:6443", Path: "/below"}, Host: "api.example:6443"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *Handler) ask(t testing.TB, request string) *response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", Path(key, "box"), strings.NewReader(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":`+request+`}`)))
	var out review
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Response == nil || out.APIVersion != "admission.k8s.io/v1" || out.Kind != "AdmissionReview" {
		t.Fatalf("%s: %d %s", request, w.Code, w.Body)
	}
	return out.Response
}

func TestAReviewIsTheRequestThatItStandsFor(t *testing.T) {
	const pods = `"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"shop"`
	const deployments = `"resource":{"group":"apps","version":"v1","resource":"deployments"},"namespace":"shop"`
	for _, tc := range []struct{ request, method, path, body string }{
		{`"operation":"CREATE",` + deployments + `,"name":"web","object":{"kind":"Deployment"}`, "POST", "/below/apis/apps/v1/namespaces/shop/deployments", `{"kind":"Deployment"}`},
		{`"operation":"UPDATE",` + deployments + `,"name":"web","object":{"a":1},"oldObject":{"a":2}`, "PUT", "/below/apis/apps/v1/namespaces/shop/deployments/web", `{"a":1}`},
		{`"operation":"UPDATE",` + deployments + `,"name":"web","subResource":"scale","object":{"a":1}`, "PUT", "/below/apis/apps/v1/namespaces/shop/deployments/web/scale", `{"a":1}`},
		{`"operation":"DELETE",` + pods + `,"name":"one","options":{"kind":"DeleteOptions"},"oldObject":{"a":2}`, "DELETE", "/below/api/v1/namespaces/shop/pods/one", `{"kind":"DeleteOptions"}`},
		{`"operation":"DELETE",` + pods + `,"name":"one","options":null`, "DELETE", "/below/api/v1/namespaces/shop/pods/one", ``},
		{`"operation":"DELETE","dryRun":true,` + pods + `,"name":"one","options":{"kind":"DeleteOptions"}`, "DELETE", "/below/api/v1/namespaces/shop/pods/one?dryRun=All", `{"dryRun":["All"],"kind":"DeleteOptions"}`},
		{`"operation":"CREATE","dryRun":true,` + pods + `,"object":{}`, "POST", "/below/api/v1/namespaces/shop/pods?dryRun=All", `{}`},
		{`"operation":"CREATE",` + pods + `,"name":"one","subResource":"eviction","object":{}`, "POST", "/below/api/v1/namespaces/shop/pods/one/eviction", `{}`},
		{`"operation":"CONNECT",` + pods + `,"name":"one","subResource":"exec","object":{"kind":"PodExecOptions","apiVersion":"v1","stdin":true,"container":"app","command":["sh","-c","a b"]}`,
			"POST", "/below/api/v1/namespaces/shop/pods/one/exec?command=sh&command=-c&command=a+b&container=app&stdin=true", ``},
		{`"operation":"CONNECT",` + pods + `,"name":"one","subResource":"portforward","object":{"kind":"PodPortForwardOptions","ports":[80]}`, "POST", "/below/api/v1/namespaces/shop/pods/one/portforward?ports=80", ``},
		{`"operation":"CREATE","resource":{"group":"rbac.authorization.k8s.io","version":"v1","resource":"clusterroles"},"name":"a:b c","object":{}`, "POST", "/below/apis/rbac.authorization.k8s.io/v1/clusterroles", `{}`},
		{`"operation":"DELETE","resource":{"group":"rbac.authorization.k8s.io","version":"v1","resource":"clusterroles"},"name":"a:b c"`, "DELETE", "/below/apis/rbac.authorization.k8s.io/v1/clusterroles/a:b%20c", ``},
		{`"operation":"DELETE","resource":{"group":"","version":"v1","resource":"namespaces"},"namespace":"shop","name":"shop"`, "DELETE", "/below/api/v1/namespaces/shop", ``},
	} {
		g := &gate{}
		if r := newHandler(t, g).ask(t, `{"uid":"u1","userInfo":{"username":"alice"},`+tc.request+`}`); !r.Allowed || r.UID != "u1" || r.AuditAnnotations["decision"] != "dec_1" {
			t.Errorf("%s: %+v", tc.request, r)
			continue
		}
		in := g.asked[0]
		if in.Call.Method != tc.method || in.Call.URL.RequestURI() != tc.path || string(in.Call.Body) != tc.body || in.Call.Host != "api.example:6443" {
			t.Errorf("%s:\nread as %s %s %s\nwant    %s %s %s", tc.request, in.Call.Method, in.Call.URL.RequestURI(), in.Call.Body, tc.method, tc.path, tc.body)
		}
		if in.Actor.ID != "alice" || in.Actor.Authn != "kubernetes" || !in.Echo || in.Follows != "" {
			t.Errorf("%s: asked as %+v", tc.request, in)
		}
		if len(g.answers) != 1 || g.answers[0].Result != ledger.Unresolved {
			t.Errorf("%s: what became of it is recorded as %+v", tc.request, g.answers)
		}
	}
}

func TestWhatCannotBeReadIsRefusedOrNotAnswered(t *testing.T) {
	g := &gate{}
	h := newHandler(t, g)
	for _, request := range []string{
		`"operation":"PATCH","resource":{"version":"v1","resource":"pods"},"name":"a"`,
		`"operation":"DELETE","resource":{"version":"v1","resource":"pods"},"namespace":"x","name":"a/../b"`,
		`"operation":"DELETE","resource":{"version":"v1","resource":"pods"},"namespace":"..","name":"a"`,
		`"operation":"DELETE","resource":{"version":"v1","resource":""},"name":"a"`,
		`"operation":"CONNECT","resource":{"version":"v1","resource":"pods"},"subResource":"exec","name":""`,
		`"operation":"CONNECT","resource":{"version":"v1","resource":"pods"},"subResource":"exec","name":"a","object":[1]`,
	} {
		if r := h.ask(t, `{"uid":"u1",`+request+`}`); r.Allowed || r.Status == nil || r.Status.Code != 403 {
			t.Errorf("%s: %+v", request, r)
		}
	}
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/", "{}", 404}, {"POST", "/admission/guessed", "{}", 404}, {"GET", Path(key, "box"), "", 404}, {"POST", Path(key, "other"), "{}", 404},
		{"POST", Path(key, "box"), "", 400}, {"POST", Path(key, "box"), "{}", 400},
		{"POST", Path(key, "box"), `{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"1"}}`, 400},
		{"POST", Path(key, "box"), `"` + strings.Repeat("a", reviewCap) + `"`, 400},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body)))
		if w.Code != tc.status {
			t.Errorf("%s %s %.60s: %d, want %d", tc.method, tc.path, tc.body, w.Code, tc.status)
		}
	}
	if len(g.asked) != 0 {
		t.Errorf("%d of them were judged", len(g.asked))
	}
}

func TestARefusalIsTheDecisionsLine(t *testing.T) {
	g := &gate{permit: func(proxy.Asked) proxy.Permit {
		return proxy.Permit{DecisionID: "dec_x", Refusal: &decoders.Refusal{Message: "assent refused this call: because", DecisionID: "dec_x"}}
	}}
	r := newHandler(t, g).ask(t, `{"uid":"u1","operation":"DELETE","resource":{"version":"v1","resource":"pods"},"namespace":"x","name":"a","userInfo":{"username":"alice","extra":{"assent.dev/ticket":["dec_t"]}}}`)
	if r.Allowed || r.Status.Code != 403 || r.Status.Reason != "Forbidden" || r.Status.Message != "assent refused this call: because" || r.AuditAnnotations["decision"] != "dec_x" {
		t.Errorf("%+v", r)
	}
	if g.asked[0].Ticket != "dec_t" {
		t.Errorf("the ticket is %q", g.asked[0].Ticket)
	}
}

func TestAControllersChangeIsTracedToWhatWasAllowed(t *testing.T) {
	const controller = `"userInfo":{"username":"system:serviceaccount:kube-system:deployment-controller","groups":["system:serviceaccounts"]}`
	change := func(user, operation, resource, name, object string) string {
		return fmt.Sprintf(`{"uid":"u","operation":%q,"resource":{"group":"apps","version":"v1","resource":%q},"namespace":"shop","name":%q,%s,"object":%s}`, operation, resource, name, user, object)
	}
	g := &gate{}
	h := newHandler(t, g)
	const alice = `"userInfo":{"username":"alice"}`
	h.ask(t, change(alice, "CREATE", "deployments", "web", `{"metadata":{"uid":"D"}}`)) // dec_1
	follows := func(request string) string {
		h.ask(t, request)
		return g.asked[len(g.asked)-1].Follows
	}
	owned := func(uid, owner string, by bool) string {
		return fmt.Sprintf(`{"metadata":{"uid":%q,"ownerReferences":[{"uid":%q,"controller":%v}]}}`, uid, owner, by)
	}
	for _, tc := range []struct{ name, request, want string }{
		{"the deployment's replica set", change(controller, "CREATE", "replicasets", "web-1", owned("R", "D", true)), "dec_1"},
		{"the replica set's pod", change(controller, "CREATE", "pods", "web-1-a", owned("P", "R", true)), "dec_1"},
		{"the deployment itself", change(controller, "UPDATE", "deployments", "web", `{"metadata":{"uid":"D"}}`), "dec_1"},
		{"one of an unknown parent", change(controller, "CREATE", "pods", "x", owned("X", "unknown", true)), ""},
		{"an owner that does not manage it", change(controller, "CREATE", "pods", "y", owned("Y", "D", false)), ""},
		{"somebody else, with the same owner", change(alice, "CREATE", "pods", "z", owned("Z", "D", true)), ""},
		{"a controller of somebody's own", change(`"userInfo":{"username":"system:serviceaccount:shop:operator"}`, "CREATE", "pods", "o", owned("O", "D", true)), ""},
		{"a node's name without its group", change(`"userInfo":{"username":"system:node:a","groups":["people"]}`, "CREATE", "pods", "n", owned("N", "D", true)), ""},
		{"another cluster's uid", change(controller, "CREATE", "pods", "c", owned("C", "nothing", true)), ""},
	} {
		if got := follows(tc.request); got != tc.want {
			t.Errorf("%s: follows from %q, want %q", tc.name, got, tc.want)
		}
	}
	h.ask(t, `{"uid":"u","operation":"DELETE","resource":{"version":"v1","resource":"namespaces"},"namespace":"gone","name":"gone","userInfo":{"username":"alice"}}`)
	deleted := fmt.Sprintf("dec_%d", len(g.asked))
	const content = `{"uid":"u","operation":"DELETE","resource":{"version":"v1","resource":"configmaps"},"namespace":%q,"name":"a","userInfo":{"username":"system:serviceaccount:kube-system:namespace-controller"},"oldObject":{"metadata":{"uid":"K"}}}`
	if got := follows(fmt.Sprintf(content, "gone")); got != deleted {
		t.Errorf("the content of a namespace that is deleted follows from %q, want %q", got, deleted)
	}
	if got := follows(fmt.Sprintf(strings.ReplaceAll(content, `"K"`, `"L"`), "kept")); got != "" {
		t.Errorf("the content of another follows from %q", got)
	}
}

func TestWhatEveryNamespaceHasFollowsFromTheNamespace(t *testing.T) {
	g := &gate{}
	h := newHandler(t, g)
	h.ask(t, `{"uid":"u","operation":"CREATE","resource":{"version":"v1","resource":"namespaces"},"namespace":"new","name":"new","userInfo":{"username":"alice"},"object":{"metadata":{"uid":"N"}}}`)
	for user, want := range map[string]string{
		"system:serviceaccount:kube-system:service-account-controller": "dec_1",
		"system:serviceaccount:kube-system:root-ca-cert-publisher":     "dec_1",
		"system:serviceaccount:kube-system:deployment-controller":      "",
		"system:serviceaccount:new:service-account-controller":         "",
	} {
		h.ask(t, fmt.Sprintf(`{"uid":"u","operation":"CREATE","resource":{"version":"v1","resource":"serviceaccounts"},"namespace":"new","name":"default","userInfo":{"username":%q},"object":{}}`, user))
		if got := g.asked[len(g.asked)-1].Follows; got != want {
			t.Errorf("%s: follows from %q, want %q", user, got, want)
		}
	}
}

// kept is a Memory.
type kept [][2]string

func (k *kept) Each(take func(object, decision string)) error {
	for _, one := range *k {
		take(one[0], one[1])
	}
	return nil
}

func (k *kept) Keep(object, decision string) error {
	*k = append(*k, [2]string{object, decision})
	return nil
}

func TestParentsSurviveARestart(t *testing.T) {
	const change = `{"uid":"u","operation":"CREATE","resource":{"group":"apps","version":"v1","resource":%q},"namespace":"shop","name":"web","userInfo":{"username":%q},"object":%s}`
	memory := new(kept)
	h := newHandlerWith(t, &gate{}, memory)
	h.ask(t, fmt.Sprintf(change, "deployments", "alice", `{"metadata":{"uid":"D"}}`)) // dec_1
	h.ask(t, fmt.Sprintf(change, "deployments", "alice", `{"metadata":{"uid":"D"}}`)) // dec_2 takes its place
	h.ask(t, `{"uid":"u","operation":"DELETE","resource":{"version":"v1","resource":"namespaces"},"namespace":"gone","name":"gone","userInfo":{"username":"alice"}}`)
	g := &gate{}
	again := newHandlerWith(t, g, memory)
	const controllers = "system:serviceaccount:kube-system:"
	for request, want := range map[string]string{
		fmt.Sprintf(change, "replicasets", controllers+"deployment-controller", `{"metadata":{"uid":"R","ownerReferences":[{"uid":"D","controller":true}]}}`):                            "dec_2",
		fmt.Sprintf(change, "replicasets", controllers+"deployment-controller", `{"metadata":{"uid":"S","ownerReferences":[{"uid":"E","controller":true}]}}`):                            "",
		`{"uid":"u","operation":"DELETE","resource":{"version":"v1","resource":"pods"},"namespace":"gone","name":"a","userInfo":{"username":"` + controllers + `namespace-controller"}}`: "dec_3",
	} {
		again.ask(t, request)
		if got := g.asked[len(g.asked)-1].Follows; got != want {
			t.Errorf("%s: follows from %q, want %q", request, got, want)
		}
	}
	if len(*memory) != 5 { // three before, and of what followed the replica sets; a pod without a uid is not remembered
		t.Errorf("kept is %q", *memory)
	}
}

func TestOriginsAreBounded(t *testing.T) {
	o := newOrigins()
	for i := range OriginsKept + 10 {
		o.add(fmt.Sprint(i), "dec")
	}
	if len(o.by) != OriginsKept || o.order.Len() != OriginsKept || o.of("0") != "" || o.of(fmt.Sprint(OriginsKept)) == "" {
		t.Errorf("%d are kept, the oldest %q", len(o.by), o.of("0"))
	}
}

// FuzzReview: whatever is sent, the answer is a refusal or an answer, and what is
// asked stays below the cluster's path.
func FuzzReview(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","resource":{"version":"v1","resource":"pods"},"namespace":"x","object":{"metadata":{"uid":"a"}}}}`,
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CONNECT","resource":{"version":"v1","resource":"pods"},"namespace":"x","name":"a","subResource":"exec","object":{"command":["a"]}}}`,
		`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"DELETE","dryRun":true,"resource":{"group":"g","version":"v1","resource":"r"},"name":"..","options":{}}}`,
		`{}`, `[]`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g := &gate{}
		w := httptest.NewRecorder()
		newHandler(t, g).ServeHTTP(w, httptest.NewRequest("POST", Path(key, "box"), strings.NewReader(text)))
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%q: %d", text, w.Code)
		}
		for _, in := range g.asked {
			if p := in.Call.URL.Path; !strings.HasPrefix(p, "/below/api/") && !strings.HasPrefix(p, "/below/apis/") {
				t.Errorf("%q: asked about %s", text, p)
			}
		}
	})
}
