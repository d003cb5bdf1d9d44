package engine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// standard is the module in which Kubernetes keeps the examples of its own Pod
// Security Standards.
const standard, standardVersion = "k8s.io/pod-security-admission@v0.37.2", "v1.37"

// fixtures returns the folder of the examples.
func fixtures(t *testing.T) string {
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
	return filepath.Join(module.Dir, "test", "testdata")
}

// The starter blueprints are the Pod Security Standards: on Kubernetes' own
// examples they say what its admission says, of a pod and of a deployment of it.
func TestPodSecurityStandards(t *testing.T) {
	root := fixtures(t)
	registry, err := Registry([]Cluster{{Cluster: kube.Cluster{Name: "shop", Host: "shop.example:6443"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	total, wrong := 0, 0
	for level, files := range map[string][]string{"baseline": {"pod-security-baseline"}, "restricted": {"pod-security-baseline", "pod-security-restricted"}} {
		text := everything
		for _, name := range files {
			data, err := os.ReadFile("../../../deploy/blueprints/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			text += "---\n" + string(data)
		}
		set, err := intent.Parse("pods.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		judge, err := Decider(set)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"pass", "fail"} {
			paths, err := filepath.Glob(filepath.Join(root, level, standardVersion, kind, "*.yaml"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("no examples of %s %s: %v", level, kind, err)
			}
			for _, path := range paths {
				total++
				for route, call := range podCalls(t, path) {
					d, _, err := registry.Find(call)
					if err != nil {
						t.Fatal(err)
					}
					a, err := d.Decode(t.Context(), call)
					if err != nil {
						t.Fatalf("%s: %v", path, err)
					}
					a.Actor = model.Actor{ID: "bot", Kind: model.Agent, Authn: "run"}
					got := judge.Decide(t.Context(), a, graph.New(graph.Config{}).Snapshot(), policy.Enforce, time.Unix(1_800_000_000, 0), "dec_1")
					if (got.Verdict == policy.Allow) != (kind == "pass") {
						wrong++
						t.Errorf("%s %s %s as a %s: %s: %+v", level, kind, filepath.Base(path), route, got.Verdict, got.Findings)
					}
				}
			}
		}
	}
	t.Logf("%d examples, each as a pod and as a deployment: %d wrong", total, wrong)
	if total != 148 {
		t.Errorf("%d examples, want 148", total)
	}
}

// podCalls are the ways to make one example's pod.
func podCalls(t *testing.T, path string) map[string]decoders.Call {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var pod map[string]any
	if err := yaml.Unmarshal(data, &pod); err != nil {
		t.Fatal(err)
	}
	meta, _ := pod["metadata"].(map[string]any)
	meta["namespace"] = "web"
	body, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]any{"app": "a"}
	template := map[string]any{"spec": pod["spec"], "metadata": map[string]any{"labels": labels, "annotations": meta["annotations"]}}
	deployment, err := json.Marshal(map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "a", "namespace": "web"},
		"spec": map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": template}})
	if err != nil {
		t.Fatal(err)
	}
	asYAML := create("/api/v1/namespaces/web/pods", string(data))
	asYAML.Header["Content-Type"] = []string{"application/yaml"}
	return map[string]decoders.Call{
		"pod": create("/api/v1/namespaces/web/pods", string(body)), "pod in YAML": asYAML,
		"deployment": create("/apis/apps/v1/namespaces/web/deployments", string(deployment)),
	}
}
