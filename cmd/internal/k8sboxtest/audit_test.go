package k8sboxtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

const manifest = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: checkout}}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/web:1
        envFrom: [{configMapRef: {name: settings}}]
`

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// commands are kubectl's, in order. Some of them fail, for want of a kubelet:
// what counts is what the server says was asked.
func commands(t *testing.T) [][]string {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	app, definition := file("app.yaml", manifest), file("crd.yaml", crd)
	widget := file("widget.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 1}\n")
	var all [][]string
	for _, line := range []string{
		"version", "api-resources", "auth can-i delete pods", "auth whoami", "get namespaces",
		"create namespace shop", "create namespace tmp --dry-run=server",
		"-n shop apply -f " + app, "-n shop apply -f " + app, "-n shop diff -f " + app,
		"-n shop apply --server-side --force-conflicts -f " + app,
		"-n shop get deployments", "-n shop get deployment web -o yaml", "-n shop get pods -A", "-n shop describe deployment web",
		"-n shop scale deployment web --replicas 3", "-n shop set image deployment/web app=registry.example/web:2",
		"-n shop rollout restart deployment web", "-n shop rollout history deployment web",
		"-n shop label configmap settings a=b", "-n shop annotate configmap settings c=d",
		"-n shop patch configmap settings --type json -p [{\"op\":\"add\",\"path\":\"/data/size\",\"value\":\"1\"}]",
		"-n shop patch configmap settings --type merge -p {\"data\":{\"size\":\"2\"}}",
		"-n shop create secret generic s --from-literal=k=hunter2-secret", "-n shop get secret s", "-n shop get secrets -o json",
		"-n shop create serviceaccount robot", "-n shop create token robot",
		"-n shop create role r --verb=get --resource=pods", "-n shop create rolebinding rb --role=r --serviceaccount=shop:robot",
		"-n shop autoscale deployment web --min=1 --max=3", "-n shop expose deployment web --port 80",
		"-n shop create ingress i --rule=web.example/*=web:80",
		"-n shop create deployment two --image=registry.example/two --port=80 --replicas=2", "-n shop create configmap more --from-literal=a=b",
		"-n shop create job j --image=registry.example/j", "-n shop create cronjob cj --image=registry.example/j --schedule=@daily",
		"-n shop create service nodeport np --tcp=80:8080", "-n shop create pdb p --selector=app=web --min-available=50%",
		"-n shop create quota q --hard=services=9,requests.storage=1Gi", "create clusterrole cr --verb=get --resource=pods", "create priorityclass pc --value=7",
		"-n shop run one --image=registry.example/one", "-n shop exec one -- id", "-n shop attach one", "-n shop logs one",
		"-n shop get pods --watch --request-timeout=1s", "-n shop get pod one --watch-only --request-timeout=1s",
		"create -f " + definition, "wait --for=condition=Established crd/widgets.example.com --timeout=20s",
		"apply -f " + widget, "-n shop get widgets", "-n shop get widget w -o json", "-n shop delete widget w",
		"-n shop delete configmap settings --dry-run=server", "-n shop get configmap settings",
		"-n shop get configmaps --as alice", "-n shop delete pod one --force --grace-period=0",
		"get --raw /api/v1/namespaces/shop/configmaps?limit=1", "get --raw /healthz", "proxy --help",
		"-n shop delete ingress,hpa --all", "-n shop delete deployment web --cascade=orphan", "delete namespace shop --wait=false",
	} {
		all = append(all, strings.Fields(line))
	}
	return all
}

// auditEvent is as much of audit.k8s.io/v1 Event as is compared.
type auditEvent struct {
	AuditID    string `json:"auditID"`
	Stage      string `json:"stage"`
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	ObjectRef  struct {
		Resource    string `json:"resource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
		APIVersion  string `json:"apiVersion"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	RequestObject  any `json:"requestObject"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// testAuditLogAgrees plays kubectl through a forwarder that decodes
// every request, and compares with what the server itself logged of each.
func testAuditLogAgrees(t *testing.T, c *Cluster) {
	f := newForwarder(t, c)
	through := f.kubeconfig(t, c, "admin")
	for i, program := range programs(c) {
		through.Kubectl = program
		for _, args := range commands(t) {
			if i > 0 { // the namespace of before is still being deleted
				args = elsewhere(args)
			}
			if out, err := through.Run("admin", args...); err != nil {
				t.Logf("%s: %v: %s", program, err, strings.TrimSpace(out))
			}
		}
	}
	f.scripts(t, c)
	for _, request := range rawRequests {
		if status := f.send(t, c, request); status > 299 {
			t.Errorf("%s %s: %d", request.method, request.path, status)
		}
	}
	compared := 0
	for _, e := range events(t, c.Audit) {
		j := f.seen[e.AuditID]
		if j == nil || e.ResponseStatus.Code >= 400 && e.ResponseStatus.Code != 404 && e.ResponseStatus.Code != 409 {
			continue
		}
		compared++
		if err := agrees(j, e); err != nil {
			t.Errorf("%s (%d): %v", j.request, e.ResponseStatus.Code, err)
		}
	}
	t.Logf("%d of %d requests compared with the audit log", compared, len(f.seen))
	if compared < 120 { // 129 when this was written
		t.Errorf("only %d requests were compared", compared)
	}
}

// agrees compares a decision with what the server logged.
func agrees(j *judged, e auditEvent) error {
	if j.err != nil {
		return fmt.Errorf("undecodable to us, fine to the server: %w", j.err)
	}
	var n struct{ Verb, Group, Version, Resource, Subresource, Namespace, Name string }
	if err := json.Unmarshal(j.action.Native, &n); err != nil {
		return err
	}
	o := e.ObjectRef
	name := n.Name
	if name == "" && o.Name != "" && len(j.action.Targets) == 1 { // the log has it from the body
		urn := string(j.action.Targets[0].URN)
		name = urn[strings.LastIndex(urn, "/")+1:]
	}
	ours := [7]string{n.Verb, n.Group, n.Version, n.Resource, n.Subresource, n.Namespace, name}
	theirs := [7]string{e.Verb, o.APIGroup, o.APIVersion, o.Resource, o.Subresource, o.Namespace, o.Name}
	if n.Resource == "namespaces" && n.Namespace == "" {
		theirs[5] = "" // of a namespace that is created, the log has the name here too
	}
	if ours != theirs {
		return fmt.Errorf("\n ours   %q\n theirs %q", ours, theirs)
	}
	var params struct{ Object any }
	if len(j.action.Params) > 0 {
		if err := json.Unmarshal(j.action.Params, &params); err != nil {
			return err
		}
	}
	if params.Object != nil && e.RequestObject != nil {
		return within("", params.Object, e.RequestObject)
	}
	return nil
}

// within reports what of an object that we read, by JSON or protobuf, is not in
// the object that the server read; the server's has defaults too.
func within(path string, ours, theirs any) error {
	switch ours := ours.(type) {
	case nil:
		return nil
	case map[string]any:
		other, _ := theirs.(map[string]any)
		for key, value := range ours {
			if err := within(path+"."+key, value, other[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		other, _ := theirs.([]any)
		if len(other) != len(ours) {
			return fmt.Errorf("%s has %d items, the server's %d", path, len(ours), len(other))
		}
		for i, value := range ours {
			if err := within(fmt.Sprint(path, "[", i, "]"), value, other[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if ours == decoders.Redacted || path == ".apiVersion" || path == ".kind" || fmt.Sprint(ours) == fmt.Sprint(theirs) {
			return nil
		}
		return fmt.Errorf("%s is %v, the server's %v", path, ours, theirs)
	}
}

// rawRequests are what no kubectl sends.
var rawRequests = []rawRequest{
	{"GET", "/api/v1/namespaces/kube-system%2fconfigmaps", "", ""},
	{"GET", "/api/v1/namespaces/default/config%6daps/kube-root-ca.crt", "", ""},
	{"GET", "/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1", "", ""},
	{"GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dkube-root-ca.crt,metadata.namespace%3Ddefault", "", ""},
	{"GET", "/api/v1/namespaces/default/configmaps/?limit=2", "", ""},
	{"POST", "/api/v1/namespaces/default/configmaps?dryRun=All", "", `{"metadata":{"name":"dry"}}`},
	{"POST", "/api/v1/namespaces/default/configmaps", "", `{"metadata":{"name":"kindless"}}`},
	{"POST", "/api/v1/namespaces/default/configmaps", "application/yaml", "metadata: {name: yamlish}\n"},
	{"POST", "/api/v1/namespaces/default/configmaps", "", `{"metadata":{"generateName":"gen-"}}`},
	{"POST", "/api/v1/namespaces/default/configmaps?dryRun=All;x=1", "", `{"metadata":{"name":"semicolon"}}`},
	{"DELETE", "/api/v1/namespaces/default/configmaps/yamlish?dryRun=All", "", ""},
	{"DELETE", "/api/v1/namespaces/default/configmaps/kindless?dryRun=All", "", "{}"},
	{"DELETE", "/api/v1/namespaces/default/configmaps?labelSelector=none%3Dthere", "", ""},
	{"PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", "", `{"metadata":{"name":"l"}}`},
	{"PATCH", "/api/v1/namespaces/default/configmaps/ssa?fieldManager=t", "application/apply-patch+yaml", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ssa"}}`},
	{"POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "", `{"spec":{"namespace":"default"}}`},
}

func events(t *testing.T, file string) []auditEvent {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []auditEvent
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("reading the audit log: %v", err)
		}
		if e.Stage == "ResponseComplete" {
			all = append(all, e)
		}
	}
	return all
}
