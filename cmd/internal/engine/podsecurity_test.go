package engine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// asOf are the two blueprints as the standards were in a version: what came later is
// not asked for, what was allowed later is not allowed.
func asOf(minor int, text string) string {
	edit := func(was, is string) { text = strings.Replace(text, was, is, 1) }
	if minor < 35 { // of pods with users of their own, too
		edit("{has: [apparmor, proc, seccomp", "{has: [apparmor, proc, proc-of-own-users, seccomp")
	}
	if minor < 22 {
		edit("    container.dropsCapabilities: true\n", "")
		edit("    container.capabilities: {in: [NET_BIND_SERVICE]}\n", "")
	}
	if minor < 19 {
		edit("{has: [apparmor,", "{has: [seccomp-by-annotation, apparmor,")
		edit("    container.seccomp: {in: [RuntimeDefault, Localhost]}\n", "")
	}
	if minor < 8 {
		edit("    container.privilegeEscalation: false\n", "")
	}
	return text
}

// So they are as the standards were in every version that Kubernetes has examples
// of, with what was added or loosened since taken back.
func TestPodSecurityStandardsOfEveryVersion(t *testing.T) {
	root := fixtures(t)
	registry, err := Registry([]Cluster{{Cluster: kube.Cluster{Name: "shop", Host: "shop.example:6443"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	total, wrong := 0, 0
	for level, files := range map[string][]string{"baseline": {"pod-security-baseline"}, "restricted": {"pod-security-baseline", "pod-security-restricted"}} {
		versions, err := filepath.Glob(filepath.Join(root, level, "v1.*"))
		if err != nil || len(versions) < 38 {
			t.Fatalf("%d versions: %v", len(versions), err)
		}
		for _, version := range versions {
			minor, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(version), "v1."))
			if err != nil {
				t.Fatal(err)
			}
			text := everything
			for _, name := range files {
				data, err := os.ReadFile("../../../deploy/blueprints/" + name + ".yaml")
				if err != nil {
					t.Fatal(err)
				}
				text += "---\n" + asOf(minor, string(data))
			}
			set, err := intent.Parse("pods.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			judge, err := Decider(set)
			if err != nil {
				t.Fatal(err)
			}
			paths, err := filepath.Glob(filepath.Join(version, "*", "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				total++
				call := podCalls(t, path)["pod"]
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
				if (got.Verdict == policy.Allow) != (filepath.Base(filepath.Dir(path)) == "pass") {
					wrong++
					t.Logf("wrong: %s: %s: %+v", strings.TrimPrefix(path, root), got.Verdict, got.Findings)
				}
			}
		}
	}
	t.Logf("%d examples of every version: %d wrong (%.2f %% right)", total, wrong, 100-100*float64(wrong)/float64(total))
	if total < 4500 || wrong*1000 > total*5 {
		t.Errorf("%d of %d wrong, at most 0.5 %%", wrong, total)
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
