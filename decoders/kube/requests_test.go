package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

func testDecoder(t testing.TB) *Decoder {
	t.Helper()
	d, err := New(Config{Clusters: []Cluster{
		{Name: "c", Host: "c.example:6443"},
		{Name: "r", Host: "rancher.example:443", PathPrefix: "/k8s/clusters/r/"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// callOf makes a call to cluster c from "METHOD PATH?QUERY".
func callOf(t testing.TB, line, contentType, body string) decoders.Call {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	u, err := url.Parse("https://c.example:6443" + target)
	if err != nil {
		t.Fatal(err)
	}
	call := decoders.Call{Method: method, Scheme: "https", Host: "c.example:6443", URL: u, Header: http.Header{}, Body: []byte(body)}
	if contentType != "" {
		call.Header.Set("Content-Type", contentType)
	}
	return call
}

const (
	merge     = "application/merge-patch+json"
	strategic = "application/strategic-merge-patch+json"
	jsonPatch = "application/json-patch+json"
	apply     = "application/apply-patch+yaml"
	protobuf  = "application/vnd.kubernetes.protobuf"
	ns        = "/api/v1/namespaces/shop"
	apps      = "/apis/apps/v1/namespaces/shop"
)

// Each case: the request, and "VERB OPERATION → TARGET FLAGS", or "error: WORDS".
var requestCases = []struct{ request, contentType, body, want string }{
	// Reads.
	{"GET /api/v1/pods", "", "", "list list pods → k8s://c/core/Pod/*/* exact"},
	{"GET " + ns + "/pods", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods/", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods/web-1", "", "", "read get pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"HEAD " + ns + "/pods/web-1", "", "", "read get pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods/web-1/log?container=app", "", "", "read get pods/log → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods/web-1/status", "", "", "read get pods/status → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods?watch=true", "", "", "list watch pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?watch=", "", "", "list watch pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?watch=0", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?watch=False", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET /api/v1/watch/namespaces/shop/pods", "", "", "list watch pods → k8s://c/core/Pod/shop/* exact"},
	{"GET /api/v1/watch/namespaces/shop/pods/web-1", "", "", "read watch pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dweb-1", "", "", "read list pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dweb-1&watch=1", "", "", "read watch pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dweb-1&limit=abc", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?fieldSelector=metadata.name%3D..", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?fieldSelector=metadata.name%21%3Dweb-1", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET " + ns + "/pods?fieldSelector=nonsense", "", "", "list list pods → k8s://c/core/Pod/shop/* exact"},
	{"GET /api/v1/namespaces", "", "", "list list namespaces → k8s://c/core/Namespace//* exact"},
	{"GET " + ns, "", "", "read get namespaces → k8s://c/core/Namespace//shop exact"},
	{"GET " + ns + "/status", "", "", "read get namespaces/status → k8s://c/core/Namespace//shop exact"},
	{"GET /api/v1/nodes/n1", "", "", "read get nodes → k8s://c/core/Node//n1 exact"},
	{"GET " + apps + "/deployments/web/scale", "", "", "read get deployments/scale → k8s://c/apps/Deployment/shop/web exact"},
	{"GET /apis/example.com/v1/namespaces/shop/widgets/w", "", "", "read get widgets → k8s://c/example.com/widgets/shop/w exact"},
	{"GET /apis/example.com/v1/widgets/w", "", "", "read get widgets → k8s://c/example.com/widgets//w exact"},
	{"GET /apis/metrics.k8s.io/v1beta1/nodes", "", "", "list list nodes → k8s://c/metrics.k8s.io/nodes/*/* exact"},
	{"GET /version", "", "", "read get /version →  exact"},
	{"GET /api", "", "", "read get /api →  exact"},
	{"GET /api/v1", "", "", "read get /api/v1 →  exact"},
	{"GET /apis/apps/v1?timeout=32s", "", "", "read get /apis/apps/v1 →  exact"},
	{"GET /openapi/v3", "", "", "read get /openapi/v3 →  exact"},
	{"GET /healthz", "", "", "read get /healthz →  exact"},
	{"GET /", "", "", "read get / →  exact"},
	{"POST /healthz", "", "", "unknown post /healthz →  opaque [operation]"},

	// Percent-encoding resolves, the slash too; nothing else is normalised.
	{"GET /api/v1/namespaces/exam%2fconfigmaps", "", "", "list list configmaps → k8s://c/core/ConfigMap/exam/* exact"},
	{"GET /api/v1/namespaces/exam/config%6daps", "", "", "list list configmaps → k8s://c/core/ConfigMap/exam/* exact"},
	{"GET /api/v1/namespaces/exam%2Fsecrets", "", "", "reveal list secrets → k8s://c/core/Secret/exam/* exact"},
	{"DELETE /api/v1/namespaces/shop%2Fpods%2Fweb-1", "", "", "delete delete pods → k8s://c/core/Pod/shop/web-1 exact"},
	{"GET /api/v1/namespaces/shop/pods/../secrets", "", "", "error: .. segment"},
	{"GET /api/v1/namespaces/shop/pods/%2e%2e/secrets", "", "", "error: .. segment"},
	{"GET /api/v1/namespaces/./shop/pods", "", "", "error: . segment"},
	{"GET /api/v1//namespaces/shop/pods", "", "", "error: empty segment"},
	{"DELETE /api/v1/namespaces/shop/pods//web-1", "", "", "error: empty segment"},
	{"GET /api/v1/watch", "", "", "error: names no resource"},
	{"GET " + ns + "/pods/web/proxy/../../../secrets", "", "", "error: .. segment"},

	// Methods.
	{"OPTIONS " + ns + "/pods", "", "", "unknown options pods → k8s://c/core/Pod/shop/* opaque [operation]"},
	{"get " + ns + "/pods", "", "", "unknown get pods → k8s://c/core/Pod/shop/* opaque [operation]"},
	{"DELETE /api/v1/watch/namespaces/shop/pods/web", "", "", "unknown watch pods → k8s://c/core/Pod/shop/web opaque [operation]"},
	{"POST /api/v1/watch/namespaces/shop/pods?dryRun=All", "", "", "unknown watch pods → k8s://c/core/Pod/shop/* opaque [operation]"},

	// Creations.
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "application/json; charset=utf-8", `{"kind":"Pod","metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "", `{"metadata":{"generateName":"web-"}}`, "create create pods → +k8s://c/core/Pod/shop/* exact"},
	{"POST " + ns + "/pods", "application/yaml", "metadata:\n  name: web\n", "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "application/yaml", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "application/cbor", "\xa1hmetadata\xa1dnamecweb", "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "application/cbor", "\xd9\xd9\xf7\xa1Hmetadata\xa1DnameCweb", "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", protobuf, "k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x07\x0a\x05\x0a\x03web", "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST /apis/example.com/v1/namespaces/shop/widgets", protobuf, "k8s\x00\x0a\x18\x0a\x0eexample.com/v1\x12\x06Widget\x12\x07\x0a\x05\x0a\x03web", "create create widgets → +k8s://c/example.com/Widget/shop/web opaque [body]"},
	{"POST " + ns + "/pods", protobuf, "k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x0b\x0a\x05\x0a\x03web\x0a\x02\x0a\x00", "error: occurs twice"},
	{"POST " + ns + "/pods", protobuf, "k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x00\x12\x00", "error: occurs twice"},
	{"POST " + ns + "/pods", protobuf, "{}", "error: k8s"},
	{"POST " + ns + "/pods", "text/plain", "{}", "create create pods → +k8s://c/core/Pod/shop/* opaque [body]"},
	{"POST " + ns + "/pods?dryRun=All", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact dry"},
	{"POST " + ns + "/pods?dryRun=All&dryRun=All", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact dry"},
	{"POST " + ns + "/pods?dryRun=all", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods?dryrun=All", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods?dryRun=", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods?dryRun=All;x=1", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods?dryRun=All&dryRun=None", "", `{"metadata":{"name":"web"}}`, "create create pods → +k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"a","name":"b"}}`, "error: occurs twice"},
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"a","n\u0061me":"b"}}`, "error: occurs twice"},
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"a"}}{"metadata":{"name":"b"}}`, "error: after the value"},
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"a"}`, "error: EOF"},
	{"POST " + ns + "/pods", "", "metadata: {name: a}", "error: reading the body"},
	{"POST " + ns + "/pods", "application/yaml", "a: 1\n---\nb: 2\n", "error: second document"},
	{"POST " + ns + "/pods", "application/yaml", "a: 1\na: 2\n", "error: twice"},
	{"POST " + ns + "/pods", "", `{"metadata":{"name":"a","namespace":"other"}}`, `error: in namespace "shop"`},
	{"POST " + ns + "/pods", "", `{"kind":"Deployment","metadata":{"name":"a"}}`, "error: the body is a Deployment"},
	{"POST " + apps + "/deployments", "", `{"kind":"Deployment","metadata":{"name":"web"}}`, "create create deployments → +k8s://c/apps/Deployment/shop/web exact"},
	{"POST /api/v1/namespaces", "", `{"metadata":{"name":"new"}}`, "create create namespaces → +k8s://c/core/Namespace//new exact"},
	{"POST /apis/example.com/v1/namespaces/shop/widgets", "", `{"kind":"Widget","metadata":{"name":"w"}}`, "create create widgets → +k8s://c/example.com/Widget/shop/w exact"},
	{"POST " + ns + "/secrets", "", `{"metadata":{"name":"s"},"data":{"k":"djE="}}`, "create create secrets → +k8s://c/core/Secret/shop/s exact"},
	{"POST " + ns + "/secrets", "", `{"type":"kubernetes.io/service-account-token","metadata":{"name":"s"}}`, "grant create secrets → +k8s://c/core/Secret/shop/s exact"},

	// Changes.
	{"PUT " + ns + "/configmaps/cm", "", `{"metadata":{"name":"cm"}}`, "update update configmaps → k8s://c/core/ConfigMap/shop/cm exact"},
	{"PUT " + ns + "/configmaps/cm", "", `{"metadata":{"name":"other"}}`, `error: the URL is of "cm"`},
	{"PATCH " + apps + "/deployments/web", strategic, `{"spec":{"replicas":3}}`, "update patch deployments → k8s://c/apps/Deployment/shop/web exact"},
	{"PATCH " + apps + "/deployments/web", merge + "; charset=utf-8", `{"spec":{"replicas":3}}`, "update patch deployments → k8s://c/apps/Deployment/shop/web exact"},
	{"PATCH " + apps + "/deployments/web", jsonPatch, `[{"op":"replace","path":"/spec/replicas","value":3}]`, "update patch deployments → k8s://c/apps/Deployment/shop/web exact"},
	{"PATCH " + apps + "/deployments/web?fieldManager=kubectl&force=true", apply, "spec: {replicas: 3}", "update patch deployments → k8s://c/apps/Deployment/shop/web exact"},
	{"PATCH " + apps + "/deployments/web?dryRun=All", strategic, `{}`, "update patch deployments → k8s://c/apps/Deployment/shop/web exact dry"},
	{"PATCH " + apps + "/deployments/web", "application/json", `{}`, "update patch deployments → k8s://c/apps/Deployment/shop/web opaque [body]"},
	{"PATCH " + apps + "/deployments/web/scale", merge, `{"spec":{"replicas":3}}`, "scale patch deployments/scale → k8s://c/apps/Deployment/shop/web exact"},
	{"PUT " + apps + "/deployments/web/scale", "", `{"metadata":{"name":"web"},"spec":{"replicas":3}}`, "scale update deployments/scale → k8s://c/apps/Deployment/shop/web exact"},
	{"PATCH " + ns + "/pods/web/status", merge, `{}`, "update patch pods/status → k8s://c/core/Pod/shop/web exact"},
	{"PATCH " + ns + "/pods/web/resize", merge, `{}`, "update patch pods/resize → k8s://c/core/Pod/shop/web exact"},
	{"PATCH " + ns + "/pods/web/ephemeralcontainers", strategic, `{}`, "execute patch pods/ephemeralcontainers → k8s://c/core/Pod/shop/web exact"},
	{"PUT " + ns + "/finalize", "", `{"metadata":{"name":"shop"}}`, "delete update namespaces/finalize → k8s://c/core/Namespace//shop exact"},
	{"PATCH /api/v1/nodes/n1", strategic, `{"spec":{"unschedulable":true}}`, "update patch nodes → k8s://c/core/Node//n1 exact"},
	{"POST " + ns + "/pods/web/binding", "", `{"metadata":{"name":"web"},"target":{"name":"n1"}}`, "attach create pods/binding → k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/bindings", "", `{"metadata":{"name":"web"},"target":{"name":"n1"}}`, "attach create bindings → k8s://c/core/Pod/shop/web exact"},
	{"POST /apis/example.com/v1/namespaces/shop/widgets/w/launch", "", `{}`, "unknown create widgets/launch → k8s://c/example.com/widgets/shop/w opaque [operation]"},
	{"POST /apis/example.com/v1/namespaces/shop/widgets/w/launch?dryRun=All", "", `{}`, "unknown create widgets/launch → k8s://c/example.com/widgets/shop/w opaque [operation]"},
	{"GET /apis/subresources.kubevirt.io/v1/namespaces/shop/virtualmachineinstances/vm/console", "", "", "unknown get virtualmachineinstances/console → k8s://c/subresources.kubevirt.io/virtualmachineinstances/shop/vm opaque [operation]"},

	// Deletions: options come from the body alone, if there is one.
	{"DELETE " + ns + "/pods/web", "", "", "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web?dryRun=All", "", "", "delete delete pods → k8s://c/core/Pod/shop/web exact dry"},
	{"DELETE " + ns + "/pods/web?dryRun=All", "", "{}", "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web?dryRun=All", "", "null", "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web?dryRun=All", "", `{"kind":"DeleteOptions","apiVersion":"v1"}`, "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web", "", `{"propagationPolicy":"Background","dryRun":["All"]}`, "delete delete pods → k8s://c/core/Pod/shop/web exact dry"},
	{"DELETE " + ns + "/pods/web", "", `{"dryrun":["All"]}`, "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web", "", `{"dryRun":["all"]}`, "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods/web", "", `{"dryRun":"All"}`, "error: dryRun is no list"},
	{"DELETE " + ns + "/pods/web", "", `{"kind":"Pod","dryRun":["All"]}`, "error: not DeleteOptions"},
	{"DELETE " + ns + "/pods/web", "", `{"dryRun":["All"],"dryRun":[]}`, "error: occurs twice"},
	{"DELETE " + ns + "/pods/web", "application/yaml", "dryRun: [All]", "delete delete pods → k8s://c/core/Pod/shop/web exact dry"},
	{"DELETE " + ns + "/pods/web?dryRun=All", "text/plain", "{}", "delete delete pods → k8s://c/core/Pod/shop/web opaque [body]"},
	{"DELETE " + ns + "/pods/web", protobuf, "k8s\x00\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x05\x2a\x03All", "delete delete pods → k8s://c/core/Pod/shop/web exact dry"},
	{"DELETE " + ns + "/pods/web?dryRun=All", protobuf, "k8s\x00\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x00", "delete delete pods → k8s://c/core/Pod/shop/web exact"},
	{"DELETE " + ns + "/pods", "", "", "delete deletecollection pods → k8s://c/core/Pod/shop/* exact"},
	{"DELETE " + ns + "/pods?fieldSelector=metadata.name%3Dweb", "", "", "delete deletecollection pods → k8s://c/core/Pod/shop/* exact"},
	{"DELETE " + ns, "", "", "delete delete namespaces → k8s://c/core/Namespace//shop exact"},
	{"POST " + ns + "/pods/web/eviction", "", `{"metadata":{"name":"web"}}`, "delete create pods/eviction → k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods/web/eviction", "", `{"metadata":{"name":"web"},"deleteOptions":{"dryRun":["All"]}}`, "delete create pods/eviction → k8s://c/core/Pod/shop/web exact dry"},
	{"POST " + ns + "/pods/web/eviction?dryRun=All", "", `{"metadata":{"name":"web"}}`, "delete create pods/eviction → k8s://c/core/Pod/shop/web exact dry"},

	// Connections, by any method.
	{"GET " + ns + "/pods/web/exec?command=sh&command=-c&command=id", "", "", "execute get pods/exec → k8s://c/core/Pod/shop/web exact"},
	{"POST " + ns + "/pods/web/exec?command=sh&stdin=true", "", "", "execute create pods/exec → k8s://c/core/Pod/shop/web partial [stdin]"},
	{"GET " + ns + "/pods/web/exec?command=id&dryRun=All", "", "", "execute get pods/exec → k8s://c/core/Pod/shop/web exact"},
	{"GET " + ns + "/pods/web/attach", "", "", "execute get pods/attach → k8s://c/core/Pod/shop/web partial [stream]"},
	{"GET " + ns + "/pods/web/portforward?ports=80", "", "", "execute get pods/portforward → k8s://c/core/Pod/shop/web partial [stream]"},
	{"GET " + ns + "/pods/web/proxy/metrics", "", "", "execute get pods/proxy → k8s://c/core/Pod/shop/web exact"},
	{"GET " + ns + "/services/https:web:443/proxy//x/", "", "", "execute get services/proxy → k8s://c/core/Service/shop/https:web:443 exact"},
	{"GET /api/v1/nodes/n1/proxy/run/shop/web/app?cmd=id", "", "", "execute get nodes/proxy → k8s://c/core/Node//n1 exact"},
	{"GET /api/v1/proxy/nodes/n1/pods", "", "", "execute proxy nodes → k8s://c/core/Node//n1 exact"},
	{"GET /api/v1/proxy/namespaces/shop/services/web/x", "", "", "execute proxy services → k8s://c/core/Service/shop/web exact"},

	// Secrets and credentials.
	{"GET " + ns + "/secrets/s", "", "", "reveal get secrets → k8s://c/core/Secret/shop/s exact"},
	{"GET /api/v1/secrets", "", "", "reveal list secrets → k8s://c/core/Secret/*/* exact"},
	{"GET /api/v1/watch/secrets", "", "", "reveal watch secrets → k8s://c/core/Secret/*/* exact"},
	{"POST " + ns + "/serviceaccounts/robot/token", "", `{}`, "reveal create serviceaccounts/token → k8s://c/core/ServiceAccount/shop/robot exact"},

	{"GET " + ns + "/secrets/s?dryRun=All", "", "", "reveal get secrets → k8s://c/core/Secret/shop/s exact"},
	{"POST " + ns + "/serviceaccounts/robot/token?dryRun=All", "", `{}`, "reveal create serviceaccounts/token → k8s://c/core/ServiceAccount/shop/robot exact"},

	// Guards and grants.
	{"POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "", `{"metadata":{"name":"x"}}`, "grant create clusterrolebindings → +k8s://c/rbac.authorization.k8s.io/ClusterRoleBinding//x exact"},
	{"DELETE /apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/x", "", "", "revoke delete rolebindings → k8s://c/rbac.authorization.k8s.io/RoleBinding/shop/x exact"},
	{"DELETE /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/x", "", "", "grant delete validatingwebhookconfigurations → k8s://c/admissionregistration.k8s.io/ValidatingWebhookConfiguration//x exact"},
	{"PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", "", `{"metadata":{"name":"x"}}`, "grant update certificatesigningrequests/approval → k8s://c/certificates.k8s.io/CertificateSigningRequest//x exact"},

	// Questions put by POST.
	{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", `{"spec":{}}`, "read create selfsubjectaccessreviews → k8s://c/authorization.k8s.io/SelfSubjectAccessReview//* exact"},
	{"POST /apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews", "", `{}`, "read create localsubjectaccessreviews → k8s://c/authorization.k8s.io/LocalSubjectAccessReview/shop/* exact"},
	{"POST /apis/authentication.k8s.io/v1/tokenreviews", "", `{}`, "read create tokenreviews → k8s://c/authentication.k8s.io/TokenReview//* exact"},
	{"POST /apis/example.com/v1/selfsubjectaccessreviews", "", `{}`, "create create selfsubjectaccessreviews → +k8s://c/example.com/selfsubjectaccessreviews/*/* exact"},
}

func TestRequestsAreReadAsTheServerReadsThem(t *testing.T) {
	d := testDecoder(t)
	if len(requestCases) < 100 {
		t.Fatalf("only %d cases", len(requestCases))
	}
	for _, c := range requestCases {
		a, err := d.Decode(context.Background(), callOf(t, c.request, c.contentType, c.body))
		if words, wantError := strings.CutPrefix(c.want, "error: "); wantError {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s %s\n got %s, %v\nwant an error with %q", c.request, c.body, summary(a), err, words)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.request, c.body, err)
		} else if got := summary(a); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.request, c.body, got, c.want)
		}
	}
}

func summary(a model.Action) string {
	var targets []string
	for _, t := range a.Targets {
		created := ""
		if t.Role == model.RoleCreated {
			created = "+"
		}
		targets = append(targets, created+string(t.URN))
	}
	s := fmt.Sprintf("%s %s → %s %s", a.Verb, a.Operation, strings.Join(targets, ","), a.Fidelity)
	if len(a.Unknown) > 0 {
		s += fmt.Sprint(" ", a.Unknown)
	}
	if a.DryRun {
		s += " dry"
	}
	return s
}
