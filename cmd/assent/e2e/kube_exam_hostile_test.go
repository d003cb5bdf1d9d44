package e2e

import (
	"fmt"
	"strings"
)

// hostile is a request that no well-meaning client sends, or one that is read
// otherwise than it looks. NS is the namespace, MAPS the path of its ConfigMaps.
type hostile struct {
	method, path string
	contentType  string // none: "-"
	body         string
	header       string
}

// contested are requests that the server takes in a way which we refuse to guess: to
// us they are changes of something unknown, and refused where intent is enforced.
var contested = []struct {
	is  func(request string) bool
	why string
}{
	{saying("fieldManager=contested-twice"), "a key twice, of which the server takes one, or both"},
	{saying("fieldManager=contested-packed"), "a Content-Encoding, which the server does not look at and who stands before it may"},
	{saying("/./"), "a dot segment in the path, where the server finds nothing"},
	{saying("/../"), "a dot segment in the path, where the server finds nothing"},
}

func saying(what string) func(string) bool {
	return func(request string) bool { return strings.Contains(request, what) }
}

var hostiles = []hostile{
	// What is a dry run, and what only looks like one.
	{"POST", "MAPS?dryRun=All", "application/json", `{"metadata":{"name":"dry"}}`, ""},
	{"POST", "MAPS?dryRun=All&dryRun=All", "application/json", `{"metadata":{"name":"dry"}}`, ""},
	{"POST", "MAPS?dryRun=all", "application/json", `{"metadata":{"name":"lower"}}`, ""},
	{"POST", "MAPS?dryRun=", "application/json", `{"metadata":{"name":"empty"}}`, ""},
	{"POST", "MAPS?dryrun=All", "application/json", `{"metadata":{"name":"case"}}`, ""},
	{"POST", "MAPS?dryRun=All;x=1", "application/json", `{"metadata":{"name":"semicolon"}}`, ""},
	{"POST", "MAPS?dry%52un=All", "application/json", `{"metadata":{"name":"escaped"}}`, ""},
	{"POST", "MAPS", "application/json", `{"metadata":{"name":"body"},"dryRun":["All"]}`, ""},
	{"PUT", "MAPS/body?dryRun=All", "application/json", `{"metadata":{"name":"body"},"data":{"a":"b"}}`, ""},
	{"DELETE", "MAPS/body?dryRun=All", "-", "", ""},
	{"DELETE", "MAPS/body", "application/json", `{"dryRun":["All"]}`, ""},
	{"DELETE", "MAPS/body", "application/json", `{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}`, ""},
	{"DELETE", "MAPS/body", "application/yaml", "dryRun: [All]\n", ""},
	{"DELETE", "MAPS/body", "application/vnd.kubernetes.protobuf", "k8s\x00\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x05\x2a\x03All", ""},
	{"DELETE", "MAPS/body", "application/cbor", "\xd9\xd9\xf7\xa3DkindMDeleteOptionsJapiVersionBv1FdryRun\x81CAll", ""},
	{"DELETE", "MAPS/body?dryRun=All", "application/json", "{}", ""},
	{"DELETE", "MAPS/case?dryRun=All", "application/json", `{"kind":"DeleteOptions","apiVersion":"v1"}`, ""},
	{"DELETE", "MAPS/semicolon?dryRun=All", "application/json", "null", ""},
	{"DELETE", "MAPS?dryRun=All&labelSelector=no%3Dsuch", "-", "", ""},
	{"DELETE", "MAPS?labelSelector=no%3Dsuch&dryRun=All", "application/json", "{}", ""},
	{"POST", "/api/v1/namespaces/NS/serviceaccounts/default/token?dryRun=All", "application/json", `{"spec":{}}`, ""},
	{"POST", "/api/v1/namespaces/NS/serviceaccounts/default/token", "application/json", `{}`, ""},
	{"PATCH", "/api/v1/namespaces/NS/secrets/none?dryRun=All", "application/merge-patch+json", `{}`, ""},

	// Bodies: what the server takes them for.
	{"POST", "MAPS", "application/json", `{"metadata":{"name":"kindless"}}`, ""},
	{"POST", "MAPS", "-", `{"metadata":{"name":"typeless"}}`, ""},
	{"POST", "MAPS", "application/yaml", "metadata: {name: yamlish}\n", ""},
	{"POST", "MAPS", "application/yaml", `{"metadata":{"name":"json-as-yaml"}}`, ""},
	{"POST", "MAPS", "application/json; charset=utf-8", `{"metadata":{"name":"charset"}}`, ""},
	{"POST", "MAPS", "application/json", "metadata: {name: yaml-as-json}\n", ""},
	{"POST", "MAPS", "text/plain", `{"metadata":{"name":"plain"}}`, ""},
	{"POST", "MAPS", "application/json", `{"metadata":{"name":"one"}}{"metadata":{"name":"two"}}`, ""},
	{"POST", "MAPS", "application/json", `{"metadata":{"generateName":"gen-"}}`, ""},
	{"POST", "MAPS", "application/json", `{"Metadata":{"name":"shouted"},"metadata":{"name":"spoken"}}`, ""},
	{"POST", "MAPS?fieldManager=contested-twice", "application/json", `{"metadata":{"name":"first"},"metadata":{"labels":{"a":"b"}}}`, ""},
	{"POST", "MAPS?fieldManager=contested-twice", "application/json", `{"metadata":{"name":"first","n\u0061me":"second"}}`, ""},
	{"POST", "MAPS?fieldManager=contested-twice", "application/yaml", "metadata: {name: third}\nmetadata: {name: fourth}\n", ""},
	{"POST", "MAPS?fieldValidation=Strict", "application/json", `{"metadata":{"name":"strict","name":"strict"}}`, ""},
	{"POST", "MAPS", "application/json", `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"kind"}}`, ""},
	{"POST", "MAPS", "application/json", `{"metadata":{"name":"away","namespace":"kube-system"}}`, ""},
	{"PUT", "MAPS/kindless", "application/json", `{"metadata":{"name":"other"}}`, ""},
	{"POST", "MAPS?fieldManager=contested-packed", "application/json", `{"metadata":{"name":"zipped"}}`, "Content-Encoding: gzip"},
	{"POST", "MAPS", "application/json", `{"metadata":{"name":"chunked"}}`, "Transfer-Encoding: chunked"},
	{"PUT", "/apis/coordination.k8s.io/v1/namespaces/NS/leases/put", "application/json", `{"metadata":{"name":"put"}}`, ""},
	{"PATCH", "MAPS/applied?fieldManager=t", "application/apply-patch+yaml", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"}}`, ""},
	{"PATCH", "MAPS/applied?fieldManager=t", "application/apply-patch+yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {a: b}\n", ""},
	{"PATCH", "MAPS/kindless", "application/merge-patch+json", `{"data":{"a":null,"b":"c"}}`, ""},
	{"PATCH", "MAPS/kindless", "application/json-patch+json", `[{"op":"test","path":"/data/b","value":"c"},{"op":"replace","path":"/data/b","value":"d"}]`, ""},
	{"PATCH", "MAPS/kindless", "application/strategic-merge-patch+json", `{"metadata":{"$patch":"merge","labels":{"x":"y"}}}`, ""},
	{"PATCH", "MAPS/kindless", "application/json", `{"data":{}}`, ""},

	// Paths: which object they are of.
	{"GET", "/api/v1/namespaces/NS%2fconfigmaps", "-", "", ""},
	{"GET", "/api/v1/namespaces/NS/config%6daps/kindless", "-", "", ""},
	{"DELETE", "/api/v1/namespaces/NS%2fconfigmaps%2fcharset", "-", "", ""},
	{"GET", "MAPS/?limit=2", "-", "", ""},
	{"GET", "//api/v1/namespaces/NS/configmaps", "-", "", ""},
	{"GET", "/api/v1/./namespaces/NS/configmaps", "-", "", ""},
	{"GET", "/api/v1/namespaces/NS/pods/../configmaps", "-", "", ""},
	{"GET", "/api/v1/watch/namespaces/NS/configmaps?timeoutSeconds=1", "-", "", ""},
	{"GET", "MAPS?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dkindless", "-", "", ""},
	{"GET", "MAPS?watch=false&limit=1", "-", "", ""},
	{"GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dkindless,metadata.namespace%3DNS", "-", "", ""},
	{"GET", "MAPS?fieldSelector=metadata.name%3Dkindless&timeoutSeconds=abc", "-", "", ""},
	{"HEAD", "MAPS/kindless", "-", "", ""},
	{"HEAD", "MAPS", "-", "", ""},
	{"OPTIONS", "MAPS", "-", "", ""},
	{"PURGE", "MAPS/kindless", "-", "", ""},
	{"GET", "MAPS/kindless", "-", "", "X-HTTP-Method-Override: DELETE"},
	{"POST", "MAPS/typeless", "application/json", `{}`, "X-HTTP-Method-Override: DELETE"},
	{"GET", "/apis/apps/v1beta1/namespaces/NS/deployments", "-", "", ""},
	{"GET", "/openapi/v2", "-", "", ""},
	{"GET", "/metrics", "-", "", ""},

	// What is more than it looks.
	{"GET", "/api/v1/namespaces/NS/pods/none/exec?command=id", "-", "", ""},
	{"POST", "/api/v1/namespaces/NS/pods/none/exec?command=id", "-", "", ""},
	{"GET", "/api/v1/namespaces/NS/services/none/proxy/admin", "-", "", ""},
	{"GET", "/api/v1/nodes/none/proxy/run/default/x", "-", "", ""},
	{"GET", "/api/v1/proxy/namespaces/NS/pods/none/", "-", "", ""},
	{"POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "application/json", `{"spec":{"namespace":"default"}}`, ""},
	{"POST", "/apis/authorization.k8s.io/v1/namespaces/NS/localsubjectaccessreviews", "application/json", `{"spec":{"user":"alice","resourceAttributes":{"namespace":"NS","verb":"get","resource":"pods"}}}`, ""},
	{"POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "application/json", `{}`, ""},
	{"POST", "/apis/authentication.k8s.io/v1/tokenreviews", "application/json", `{"spec":{"token":"x"}}`, ""},
	{"GET", "MAPS/kindless", "-", "", "Impersonate-User: alice"},
	{"POST", "MAPS?dryRun=All", "application/json", `{"metadata":{"name":"as"}}`, "Impersonate-User: alice"},
	{"POST", "/api/v1/namespaces/NS/secrets", "application/json", `{"metadata":{"name":"forever","annotations":{"kubernetes.io/service-account.name":"default"}},"type":"kubernetes.io/service-account-token"}`, ""},
	{"GET", "MAPS/kindless", "-", "", "Audit-ID: the-clients-own"},
	{"GET", "MAPS/kindless", "-", "", "Audit-ID: dec_00000000000000000000"},
}

// curlClient sends every hostile request.
func curlClient(e *exam, kubeconfig string) {
	e.namespaced(kubeconfig)
	curl := tool(e.t, "curl")
	fill := strings.NewReplacer("MAPS", "/api/v1/namespaces/"+e.namespace+"/configmaps", "NS", e.namespace)
	for i, h := range hostiles {
		args := []string{"-sS", "-o", "/dev/null", "--path-as-is", "--max-time", "20", "--cacert", e.ca, "--proxy", "",
			"-H", "Authorization: Bearer " + e.cluster.Token["admin"], "-H", "Expect:"}
		switch {
		case h.method == "HEAD":
			args = append(args, "--head")
		default:
			args = append(args, "-X", h.method)
		}
		if h.body != "" {
			args = append(args, "--data-binary", "@"+e.write(fmt.Sprintf("body-%d", i), fill.Replace(h.body)))
		}
		if h.contentType == "-" {
			args = append(args, "-H", "Content-Type:")
		} else {
			args = append(args, "-H", "Content-Type: "+h.contentType)
		}
		if h.header != "" {
			args = append(args, "-H", h.header)
		}
		e.must(curl, append(args, e.gateway+fill.Replace(h.path))...)
	}
}
