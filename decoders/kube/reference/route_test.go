package reference

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/klog/v2"

	"github.com/assent-iom/assent/decoders/kube"
)

// cases is how many requests are generated. The seed is fixed: a failure is the
// same tomorrow.
const cases = 1_500_000

// words are what paths and queries are made of: what the rules know, and what
// they may stumble over.
var (
	segments = []string{
		"api", "apis", "v1", "v1beta1", "apps", "batch", "", ".", "..", "namespaces", "default", "kube-system", "pods", "services", "nodes",
		"deployments", "secrets", "configmaps", "widgets", "example.com", "metrics.k8s.io", "watch", "proxy", "status", "finalize", "scale",
		"exec", "attach", "portforward", "log", "eviction", "binding", "token", "ephemeralcontainers", "approval", "https:web:443", "web",
		"%2f", "a%2fb", "%2e%2e", "%2E", "a b", "*", "API", "Namespaces", "healthz", "version", "openapi", "\x00", "é", "%25", ";", "a;b", "?",
	}
	methods = []string{"GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "get", "Get", "PROXY", "WATCH", "", "X"}
	keys    = []string{
		"watch", "watch", "fieldSelector", "fieldSelector", "fieldSelector", "labelSelector", "limit", "timeoutSeconds", "Watch", "dryRun", "resourceVersion",
		"allowWatchBookmarks", "sendInitialEvents", "continue", "resourceVersionMatch", "fieldselector", "a;b", "",
	}
	values = []string{
		"", "true", "false", "0", "1", "False", "TRUE", "no", "5", "-1", "abc", "1.5", " 1", "9223372036854775808", "metadata.name=web", "metadata.name==web",
		"metadata.name!=web", "metadata.name=web,metadata.namespace=x", "metadata.name=", "metadata.name=..", "metadata.name=a/b", "metadata.name=a%b", `metadata.name=a\,b`,
		`metadata.name=a\x`, "metadata.name=a=b", "metadata.name", "spec.nodeName=n,metadata.name=a", "metadata.name=b,metadata.name=a", "metadata.name!=a,metadata.name=a", " metadata.name=a",
		"app=web", "app in (a,b)", "app in (", "!app", "app,", ",app", "a b", "app in (,)", "app notin ()", "x>1", "x>a", "app==a,b!=c", "A/b=c", "a/b/c", "in in (in)", "\x00", "a=\x00b", "=", "==", "!", "a=-",
	}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// hostile writes a request that is mostly of a known form and somewhere off it.
func hostile(r *rand.Rand) (method, path, query string) {
	var parts []string
	switch r.IntN(8) {
	case 0: // anything
	case 1, 2, 3:
		parts = []string{"api", "v1"}
	case 4, 5:
		parts = []string{"apis", pick(r, []string{"apps", "batch", "example.com", "metrics.k8s.io"}), "v1"}
	case 6:
		parts = []string{"api", "v1", pick(r, []string{"watch", "proxy"})}
	case 7:
		parts = []string{"apis", "apps", "v1", pick(r, []string{"watch", "proxy"})}
	}
	if len(parts) > 0 && r.IntN(2) == 0 {
		parts = append(parts, "namespaces", pick(r, []string{"default", "kube-system", "", "a%2fb", "status"}))
	}
	for range r.IntN(6) {
		parts = append(parts, pick(r, segments))
	}
	path = "/" + strings.Join(parts, "/")
	if r.IntN(8) == 0 {
		path += "/"
	}
	if r.IntN(16) == 0 {
		path = "/" + path
	}
	if r.IntN(64) == 0 && len(path) > 1 { // one byte more or less
		at := 1 + r.IntN(len(path)-1)
		path = path[:at] + string(rune(r.IntN(128))) + path[at+r.IntN(2):]
	}
	var pairs []string
	for range r.IntN(4) {
		value := pick(r, values)
		if r.IntN(32) == 0 && len(value) > 1 {
			at := r.IntN(len(value))
			value = value[:at] + string("=!,()<> \\\x00aé"[r.IntN(12)]) + value[at+r.IntN(2):]
		}
		if r.IntN(16) != 0 {
			value = url.QueryEscape(value)
		}
		pairs = append(pairs, pick(r, keys)+"="+value)
	}
	return pick(r, methods), path, strings.Join(pairs, pick(r, []string{"&", "&", "&", "&", ";", "&&"}))
}

// difference compares what both say of one request; "" is none. refused says that
// ours would not take a request that theirs takes.
func difference(factory *request.RequestInfoFactory, method, path, query string) (diff string, refused bool) {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return "", false // no server takes it
	}
	u := &url.URL{Path: decoded, RawQuery: query}
	ours, err := kube.RouteOf(method, decoded, u.Query())
	theirs, theirErr := factory.NewRequestInfo(&http.Request{Method: method, URL: u})
	if err != nil {
		if theirErr != nil || contradicts(decoded) {
			return "", theirErr == nil
		}
		return fmt.Sprintf("we refuse it: %v", err), true
	}
	if theirErr != nil {
		return fmt.Sprintf("they refuse it: %v", theirErr), false
	}
	a := []any{ours.Resourceful, ours.Path, ours.Verb, ours.Group, ours.Version, ours.Namespace, ours.Resource, ours.Subresource, ours.Name, ours.FieldSelector, ours.LabelSelector}
	b := []any{theirs.IsResourceRequest, theirs.Path, theirs.Verb, theirs.APIGroup, theirs.APIVersion, theirs.Namespace, theirs.Resource, theirs.Subresource, theirs.Name, theirs.FieldSelector, theirs.LabelSelector}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("\n ours   %q\n theirs %q", a, b), false
		}
	}
	return "", false
}

// contradicts: readers on the way may take the path for another one.
func contradicts(path string) bool {
	inner := strings.Trim(path, "/")
	return strings.Contains(inner, "//") || strings.Contains("/"+inner+"/", "/./") || strings.Contains("/"+inner+"/", "/../")
}

func TestRoutesAreReadAsTheServerReadsThem(t *testing.T) {
	klog.SetLogger(klog.Logger{}) // upstream logs each query that it cannot read
	factory := &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	r := rand.New(rand.NewPCG(1, 2))
	differences, refused := 0, 0
	for range cases {
		method, path, query := hostile(r)
		diff, no := difference(factory, method, path, query)
		if no {
			refused++
		}
		if diff != "" {
			if differences++; differences <= 10 {
				t.Errorf("%q %q ? %q: %s", method, path, query, diff)
			}
		}
	}
	t.Logf("%d requests, %d differences, %d refused for a contradictory path", cases, differences, refused)
	if refused > cases/2 {
		t.Errorf("%d of %d were never compared", refused, cases)
	}
}
