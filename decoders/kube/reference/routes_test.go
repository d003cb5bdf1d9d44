package reference

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
)

// broad lets the bot do everything, so that only a blueprint decides.
const broad = `apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec: {tier: production, scope: [{kubernetes: {clusters: [shop], clusterScoped: true}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", owns: [{kubernetes: {cluster: shop, namespace: web}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: bot}
spec: {kind: agent, identify: [{run: bot}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: anything, owner: platform}
spec:
  purpose: Only the blueprint decides.
  allow: [{id: all, who: ["*"], may: [create, update, scale, grant, execute, delete], in: ["*"]}]
`

// empty is a cluster in which nothing exists yet.
type empty struct{}

func (empty) Current(context.Context, kube.Ref) (map[string]any, bool) { return nil, true }

// court decodes calls and judges them by blueprints alone.
type court struct {
	decoder *kube.Decoder
	judge   *decide.Engine
	model   model.Snapshot
}

func newCourt(t *testing.T, blueprints ...string) *court {
	t.Helper()
	text := broad
	for _, name := range blueprints {
		data, err := os.ReadFile("../../../deploy/blueprints/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		text += "---\n" + string(data)
	}
	return courtOf(t, text)
}

func courtOf(t *testing.T, text string) *court {
	t.Helper()
	set, err := intent.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &court{model: graph.New(graph.Config{}).Snapshot()}
	if c.judge, err = decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}}); err != nil {
		t.Fatal(err)
	}
	if c.decoder, err = kube.New(kube.Config{Clusters: []kube.Cluster{{Name: "shop", Host: "shop.example:6443"}}, Current: empty{}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *court) hear(t *testing.T, call decoders.Call) policy.Decision {
	t.Helper()
	a, err := c.decoder.Decode(t.Context(), call)
	if err != nil {
		t.Fatalf("%s %s: %v", call.Method, call.URL, err)
	}
	a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}
	return c.judge.Decide(t.Context(), a, c.model, policy.Enforce, time.Unix(1_800_000_000, 0), "dec_1")
}

// said is what a route must not change: the verdict, the codes and what is not as
// it should be. Where it stands in the call is the route's own.
func said(d policy.Decision) string {
	var out []string
	for _, f := range d.Findings {
		if f.Verdict != policy.Allow {
			why, _, _ := strings.Cut(f.Why, ";")
			why, _, _ = strings.Cut(why, " (/")
			out = append(out, f.Code+" "+why)
		}
	}
	slices.Sort(out)
	return d.Verdict.String() + " " + strings.Join(out, "; ")
}

// places are the collections of the kinds that the tests make.
var places = map[string]string{
	"Pod": "/api/v1/namespaces/web/pods", "Deployment": "/apis/apps/v1/namespaces/web/deployments", "DaemonSet": "/apis/apps/v1/namespaces/web/daemonsets",
	"StatefulSet": "/apis/apps/v1/namespaces/web/statefulsets", "ReplicaSet": "/apis/apps/v1/namespaces/web/replicasets",
	"Job": "/apis/batch/v1/namespaces/web/jobs", "CronJob": "/apis/batch/v1/namespaces/web/cronjobs",
	"Service": "/api/v1/namespaces/web/services", "ConfigMap": "/api/v1/namespaces/web/configmaps", "Secret": "/api/v1/namespaces/web/secrets",
	"Ingress": "/apis/networking.k8s.io/v1/namespaces/web/ingresses", "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/web/networkpolicies",
	"Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/web/roles", "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings",
	"ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	"PersistentVolume": "/api/v1/persistentvolumes", "PersistentVolumeClaim": "/api/v1/namespaces/web/persistentvolumeclaims",
	"StorageClass": "/apis/storage.k8s.io/v1/storageclasses", "Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/web/serviceaccounts",
	"HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/web/horizontalpodautoscalers", "ResourceQuota": "/api/v1/namespaces/web/resourcequotas",
	"LimitRange": "/api/v1/namespaces/web/limitranges", "PodDisruptionBudget": "/apis/policy/v1/namespaces/web/poddisruptionbudgets",
	"ResourceClaim":                    "/apis/resource.k8s.io/v1/namespaces/web/resourceclaims",
	"ValidatingWebhookConfiguration":   "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
	"ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}

// routes are the ways to send one object: as JSON, YAML, protobuf and CBOR, and
// applied. The server's own code writes what is not text.
func routes(t *testing.T, object map[string]any) map[string]decoders.Call {
	t.Helper()
	kind, _ := object["kind"].(string)
	place := places[kind]
	if place == "" {
		t.Fatalf("where do objects of kind %s go?", kind)
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	typed, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	encode := func(s runtime.Encoder) []byte {
		data, err := runtime.Encode(s, typed)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	call := func(method, path, query, media string, body []byte) decoders.Call {
		return decoders.Call{Method: method, Scheme: "https", Host: "shop.example:6443", URL: &url.URL{Path: path, RawQuery: query},
			Header: http.Header{"Content-Type": {media}}, Body: body}
	}
	meta, _ := object["metadata"].(map[string]any)
	named := place + "/" + fmt.Sprint(meta["name"])
	return map[string]decoders.Call{
		"JSON":     call("POST", place, "", "application/json", text),
		"YAML":     call("POST", place, "", "application/yaml", asYAML),
		"protobuf": call("POST", place, "", "application/vnd.kubernetes.protobuf", encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme))),
		"CBOR":     call("POST", place, "", "application/cbor", encode(cbor.NewSerializer(scheme.Scheme, scheme.Scheme))),
		"apply":    call("PATCH", named, "fieldManager=me&force=true", "application/apply-patch+yaml", asYAML),
	}
}

// standard is the module in which Kubernetes keeps the examples of its own Pod
// Security Standards.
const standard, standardVersion = "k8s.io/pod-security-admission@v0.37.2", "v1.37"

// examples are the pods of one level, "pass" or "fail", by file.
func examples(t *testing.T, level, kind string) map[string]map[string]any {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", standard)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: %s cannot be had: %v; in CI nothing may be skipped", standard, err)
		}
		t.Skipf("NOT RUN: %s cannot be had: %v", standard, err)
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, "test", "testdata", level, standardVersion, kind, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples of %s %s: %v", level, kind, err)
	}
	all := map[string]map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var pod map[string]any
		if err := yaml.Unmarshal(data, &pod); err != nil {
			t.Fatal(err)
		}
		pod["metadata"].(map[string]any)["namespace"] = "web"
		all[filepath.Base(file)] = pod
	}
	return all
}

// makers are the objects that make a pod, and the pod itself.
func makers(pod map[string]any) map[string]map[string]any {
	labels := map[string]any{"app": "a"}
	meta := func() map[string]any { return map[string]any{"name": "a", "namespace": "web"} }
	podMeta, _ := pod["metadata"].(map[string]any)
	inner := map[string]any{"labels": labels}
	if podMeta["annotations"] != nil {
		inner["annotations"] = podMeta["annotations"]
	}
	template := map[string]any{"spec": pod["spec"], "metadata": inner}
	running := map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": template}
	job := map[string]any{"template": template}
	return map[string]map[string]any{
		"Pod":         pod,
		"Deployment":  {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(), "spec": running},
		"DaemonSet":   {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta(), "spec": running},
		"ReplicaSet":  {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta(), "spec": running},
		"StatefulSet": {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta(), "spec": map[string]any{"serviceName": "a", "selector": running["selector"], "template": template}},
		"Job":         {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(), "spec": job},
		"CronJob":     {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta(), "spec": map[string]any{"schedule": "0 3 * * *", "jobTemplate": map[string]any{"spec": job}}},
	}
}

// The starter blueprints are the Pod Security Standards: on Kubernetes' own
// examples they say what its admission says, whatever makes the pod, and the same by
// every route: JSON, YAML, protobuf, CBOR, server-side apply.
func TestPodSecurityByEveryRoute(t *testing.T) {
	total, wrong, calls := 0, 0, 0
	for level, names := range map[string][]string{"baseline": {"pod-security-baseline"}, "restricted": {"pod-security-baseline", "pod-security-restricted"}} {
		c := newCourt(t, names...)
		for _, kind := range []string{"pass", "fail"} {
			for file, pod := range examples(t, level, kind) {
				total++
				for maker, object := range makers(pod) {
					all := routes(t, object)
					first := said(c.hear(t, all["JSON"]))
					for route, call := range all {
						calls++
						d := c.hear(t, call)
						if (d.Verdict == policy.Allow) != (kind == "pass") || said(d) != first {
							wrong++
							t.Errorf("%s %s %s in a %s by %s: %s\nbut as JSON: %s", level, kind, file, maker, route, said(d), first)
						}
					}
				}
			}
		}
	}
	t.Logf("%d examples of %s, in 7 kinds by 5 routes: %d calls, %d wrong", total, standardVersion, calls, wrong)
	if total != 148 {
		t.Errorf("%d examples, want 148", total)
	}
}
