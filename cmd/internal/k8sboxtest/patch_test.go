package k8sboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/decoders/kube/patch"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

// patched is an object that is patched, and the changes that are tried on it.
type patched struct {
	path    string
	base    string
	changes []string
}

const podTemplate = `{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"a","image":"web:1","ports":[{"containerPort":80}],"env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}]},{"name":"b","image":"side:1"}],"volumes":[{"name":"v","emptyDir":{}}]}}`

const someLabels = `{"metadata":{"labels":{"team":"billing","a/b":"c"}}}`

// corpus are objects of more than ten kinds, each with changes by which a merge
// goes into maps, lists with keys, lists without, and out of them again.
var corpus = []patched{
	{"/api/v1/namespaces/default/configmaps/web", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","labels":{"team":"a"},"annotations":{"x":"y"}},"data":{"a":"1","b":"2"}}`,
		[]string{someLabels, `{"data":{"a":"9","c":"3"}}`, `{"data":{"b":null}}`, `{"metadata":{"annotations":{"x":null}}}`, `{"binaryData":{"k":"aGk="}}`}},
	{"/api/v1/namespaces/default/secrets/web", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"web","labels":{"team":"a"}},"type":"Opaque","data":{"k":"aGk="}}`,
		[]string{someLabels, `{"data":{"k":"aG8=","l":"aA=="}}`, `{"data":{"k":null}}`}},
	{"/api/v1/namespaces/default/services/web", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"selector":{"app":"web"},"ports":[{"name":"http","port":80},{"name":"dns","port":53,"protocol":"UDP"}]}}`,
		[]string{someLabels, `{"spec":{"ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080}]}}`, `{"spec":{"selector":{"tier":"x"}}}`, `{"spec":{"sessionAffinity":"ClientIP"}}`, `{"spec":{"publishNotReadyAddresses":true}}`}},
	{"/apis/apps/v1/namespaces/default/deployments/web", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":` + podTemplate + `}}`,
		[]string{someLabels, `{"spec":{"replicas":5}}`, `{"spec":{"paused":true,"minReadySeconds":3}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"web:2"}]}}}}`,
			`{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"web:1","env":[{"name":"X","value":"9"},{"name":"Z","value":"3"}]}]}}}}`,
			`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`, `{"spec":{"template":{"spec":{"nodeSelector":{"disk":"ssd"},"hostNetwork":false}}}}`,
			`{"spec":{"template":{"spec":{"tolerations":[{"key":"k","operator":"Exists"}]}}}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":1}}}}`,
			`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"new:1","imagePullPolicy":"Always","terminationMessagePath":"/t","terminationMessagePolicy":"File"}]}}}}`}},
	{"/apis/apps/v1/namespaces/default/statefulsets/web", `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"serviceName":"web","replicas":1,"selector":{"matchLabels":{"app":"web"}},"template":` + podTemplate + `}}`,
		[]string{someLabels, `{"spec":{"replicas":3}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"side:2"}]}}}}`, `{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}}`}},
	{"/apis/apps/v1/namespaces/default/daemonsets/web", `{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"selector":{"matchLabels":{"app":"web"}},"template":` + podTemplate + `}}`,
		[]string{someLabels, `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"web:3"}]}}}}`, `{"spec":{"minReadySeconds":5}}`, `{"spec":{"template":{"spec":{"volumes":[{"name":"w","emptyDir":{"medium":"Memory"}}]}}}}`}},
	{"/apis/batch/v1/namespaces/default/cronjobs/web", `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"schedule":"@daily","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"job:1"}]}}}}}}`,
		[]string{someLabels, `{"spec":{"schedule":"@hourly"}}`, `{"spec":{"suspend":true,"successfulJobsHistoryLimit":1}}`, `{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"job:2"}]}}}}}}`}},
	{"/apis/networking.k8s.io/v1/namespaces/default/ingresses/web", `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"rules":[{"host":"a.example","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}}`,
		[]string{someLabels, `{"spec":{"tls":[{"hosts":["a.example"],"secretName":"s"}]}}`, `{"spec":{"ingressClassName":"internal"}}`, `{"spec":{"defaultBackend":{"service":{"name":"d","port":{"name":"http"}}}}}`}},
	{"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/web", `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Ingress"]}}`,
		[]string{someLabels, `{"spec":{"podSelector":{"matchLabels":{"tier":"x"}}}}`, `{"spec":{"policyTypes":["Ingress","Egress"]}}`, `{"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":80,"protocol":"TCP"}]}]}}`}},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/web", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"web","labels":{"team":"a"}},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`,
		[]string{someLabels, `{"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["list"]}]}`, `{"rules":null}`}},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/web", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"web","labels":{"team":"a"}},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"web"},"subjects":[{"kind":"User","name":"bob","apiGroup":"rbac.authorization.k8s.io"}]}`,
		[]string{someLabels, `{"subjects":[{"kind":"ServiceAccount","name":"x","namespace":"default"}]}`, `{"subjects":null}`}},
	{"/apis/policy/v1/namespaces/default/poddisruptionbudgets/web", `{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"web"}}}}`,
		[]string{someLabels, `{"spec":{"minAvailable":"50%"}}`, `{"spec":{"minAvailable":null,"maxUnavailable":1}}`, `{"spec":{"selector":{"matchLabels":{"b":"c"}}}}`}},
	{"/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/web", `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"minReplicas":1,"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}}`,
		[]string{someLabels, `{"spec":{"maxReplicas":9}}`, `{"spec":{"minReplicas":2}}`, `{"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web"}}}`}},
	{"/api/v1/namespaces/default/serviceaccounts/web", `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"web","labels":{"team":"a"}},"imagePullSecrets":[{"name":"pull"}]}`,
		[]string{someLabels, `{"automountServiceAccountToken":false}`, `{"imagePullSecrets":[{"name":"other"}]}`, `{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":"r"}}}`}},
	{"/api/v1/namespaces/default/resourcequotas/web", `{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"web","labels":{"team":"a"}},"spec":{"hard":{"pods":"10"}}}`,
		[]string{someLabels, `{"spec":{"hard":{"pods":"20","services":"5"}}}`}},
	{"/apis/storage.k8s.io/v1/storageclasses/web", `{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"web","labels":{"team":"a"}},"provisioner":"x.example","reclaimPolicy":"Retain","volumeBindingMode":"Immediate"}`,
		[]string{someLabels, `{"allowVolumeExpansion":true}`, `{"mountOptions":["ro"]}`}},
}

// defaults are the fields that the server fills in and we do not: the whole list of
// what may differ.
var defaults = []string{
	".type", ".spec.sessionAffinityConfig", ".spec.strategy", ".spec.replicas", ".spec.persistentVolumeClaimRetentionPolicy.whenScaled",
	"default .spec\n", ".spec.policyTypes", ".spec.minReplicas", ".volumeBindingMode",
}

// probe is one patch: how it is sent.
type probe struct{ name, contentType, query, body string }

func TestALocalResultIsTheServers(t *testing.T) {
	c := Start(t, "--controllers=false")
	f := newForwarder(t, c)
	tried, exact, kinds := 0, 0, map[string]bool{}
	var defaulted, wrong []string
	for _, p := range corpus {
		if status, body := f.ask(t, c, "PATCH", p.path+"?fieldManager=m&force=true", "application/apply-patch+yaml", p.base); status > 299 {
			t.Fatalf("%s: %s", p.path, body)
		}
		_, text := f.ask(t, c, "GET", p.path, "", "")
		for _, pr := range probes(t, p) {
			status, answer := f.ask(t, c, "PATCH", p.path+"?dryRun=All&"+pr.query, pr.contentType, pr.body)
			if status > 299 {
				continue // an apply without a field that has to be, say
			}
			tried++
			kinds[strings.Split(p.path, "/")[len(strings.Split(p.path, "/"))-2]] = true
			name := p.path[strings.LastIndex(p.path[:len(p.path)-4], "/")+1:] + " " + pr.name + " " + pr.body
			switch diff := f.compare(t, p.path+"?dryRun=All&"+pr.query, pr, text, answer); {
			case diff == "":
				exact++
			case strings.HasPrefix(diff, "default "):
				defaulted = append(defaulted, name+": "+diff+"\n")
			default:
				wrong = append(wrong, name+": "+diff)
			}
		}
	}
	t.Logf("%d patches of %d kinds: %d equal the server's dry run (%.1f %%), %d but for defaults, %d wrong",
		tried, len(kinds), exact, 100*float64(exact)/float64(tried), len(defaulted), len(wrong))
	for _, d := range defaulted {
		t.Logf("%.300s", d)
		if !slices.ContainsFunc(defaults, func(field string) bool { return strings.Contains(d, field) }) {
			t.Errorf("a default that the list does not have: %.600s", d)
		}
	}
	for _, w := range wrong {
		t.Errorf("%.600s", w)
	}
	if tried < 200 || len(kinds) < 10 || exact*100 < tried*95 {
		t.Errorf("%d patches of %d kinds, %d exact", tried, len(kinds), exact)
	}
}

// probes writes each change as each kind of patch, and takes each part of the
// base out by applying the rest.
func probes(t *testing.T, p patched) []probe {
	t.Helper()
	var all []probe
	base := object(t, p.base)
	for _, change := range p.changes {
		doc := object(t, change)
		var ops []any
		operations("", base, doc, &ops)
		applied := map[string]any{"apiVersion": base["apiVersion"], "kind": base["kind"]}
		applied, _ = patch.Merge(applied, doc).(map[string]any)
		applied, _ = patch.Merge(applied, map[string]any{"metadata": map[string]any{"name": "web"}}).(map[string]any)
		all = append(all,
			probe{"merge", "application/merge-patch+json", "", change},
			probe{"strategic", "application/strategic-merge-patch+json", "", change},
			probe{"json", "application/json-patch+json", "", written(t, ops)},
			probe{"apply", "application/apply-patch+yaml", "fieldManager=n&force=true", written(t, applied)})
	}
	for _, where := range []string{"", "metadata", "spec", "data"} {
		inner := base
		if where != "" {
			inner, _ = base[where].(map[string]any)
		}
		for _, key := range slices.Sorted(maps.Keys(inner)) {
			var less any = map[string]any{key: nil}
			if where != "" {
				less = map[string]any{where: less}
			}
			if key != "apiVersion" && key != "kind" && key != "name" {
				all = append(all, probe{"apply less", "application/apply-patch+yaml", "fieldManager=m", written(t, patch.Merge(base, less))})
			}
		}
	}
	return all
}

// operations writes a merge patch as a JSON patch.
func operations(path string, base, change map[string]any, ops *[]any) {
	for _, key := range slices.Sorted(maps.Keys(change)) {
		at := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		inner, isObject := change[key].(map[string]any)
		was, there := base[key].(map[string]any)
		switch {
		case isObject && there:
			operations(at, was, inner, ops)
		case change[key] == nil:
			*ops = append(*ops, map[string]any{"op": "remove", "path": at})
		default:
			*ops = append(*ops, map[string]any{"op": "add", "path": at, "value": change[key]})
		}
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := wire.JSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v.(map[string]any)
}

func written(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// ask sends a request straight to the server.
func (f *forwarder) ask(t *testing.T, c *Cluster, method, path, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, f.server.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token["admin"])
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := f.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// fixed is a Current that knows one object.
type fixed struct{ object map[string]any }

func (f fixed) Current(context.Context, kube.Ref) (map[string]any, bool) { return f.object, true }

// compare decodes the patch over what the object is now, and compares with what the
// server made of it.
func (f *forwarder) compare(t *testing.T, path string, pr probe, now, answer string) string {
	t.Helper()
	d, err := kube.New(kube.Config{Clusters: []kube.Cluster{{Name: "box", Host: f.host}}, Current: fixed{object(t, now)}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://" + f.host + path)
	if err != nil {
		t.Fatal(err)
	}
	call := decoders.Call{Method: "PATCH", Scheme: "https", Host: f.host, URL: u, Header: http.Header{"Content-Type": {pr.contentType}}, Body: []byte(pr.body)}
	a, err := d.DecodeWithSecrets(context.Background(), call)
	if err != nil {
		return err.Error()
	}
	result, _ := object(t, string(a.Params))["result"].(map[string]any)
	if result == nil {
		return "no result: " + string(a.Params)
	}
	theirs := object(t, answer)
	settleServer(result)
	settleServer(theirs)
	return differs("", result, theirs)
}

// settleServer drops what the server keeps itself, and what is empty.
func settleServer(o map[string]any) {
	delete(o, "status")
	if meta, ok := o["metadata"].(map[string]any); ok {
		for _, key := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
			delete(meta, key)
		}
		if notes, ok := meta["annotations"].(map[string]any); ok {
			delete(notes, "deprecated.daemonset.template.generation")
		}
	}
	empty(o)
}

func empty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if empty(inner) {
				delete(v, key)
			}
		}
		return len(v) == 0
	case []any:
		for _, inner := range v {
			empty(inner)
		}
		return len(v) == 0
	}
	return v == nil
}

// differs says where two objects differ; it begins with "default " where the
// server has something that we have not, and nothing else differs.
func differs(path string, ours, theirs any) string {
	a, ok1 := ours.(map[string]any)
	b, ok2 := theirs.(map[string]any)
	if ok1 && ok2 {
		var added string
		for key := range b {
			if _, both := a[key]; !both {
				added += " " + path + "." + key
			}
		}
		for key := range a {
			switch d := differs(path+"."+key, a[key], b[key]); {
			case strings.HasPrefix(d, "default"):
				added += strings.TrimPrefix(d, "default")
			case d != "":
				return d
			}
		}
		if added != "" {
			return "default" + added
		}
		return ""
	}
	x, ok1 := ours.([]any)
	y, ok2 := theirs.([]any)
	if ok1 && ok2 && len(x) == len(y) {
		var added string
		for i := range x {
			switch d := differs(fmt.Sprint(path, "[", i, "]"), x[i], y[i]); {
			case strings.HasPrefix(d, "default"):
				added += strings.TrimPrefix(d, "default")
			case d != "":
				return d
			}
		}
		if added != "" {
			return "default" + added
		}
		return ""
	}
	if patch.Equal(ours, theirs) {
		return ""
	}
	return fmt.Sprintf("%s: ours %v, theirs %v", path, ours, theirs)
}
