package k8sboxtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/policy"
)

// TestAPatchStartsFromWhatTheServerHas patches objects that were changed past assent,
// through the real engine, and holds the result that it judged against what the server
// made of it: with a model that follows the cluster, and with none.
func TestAPatchStartsFromWhatTheServerHas(t *testing.T) {
	c := Start(t, "--controllers=false")
	const cms, deployments = "/api/v1/namespaces/default/configmaps", "/apis/apps/v1/namespaces/default/deployments"
	const merge, strategic, jsonPatch, apply = "application/merge-patch+json", "application/strategic-merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"
	for _, door := range []struct{ name, reader string }{{"followed", "admin"}, {"asked", ""}} {
		g := behind(t, c, door.reader)
		if door.reader != "" {
			until(t, "every kind is followed", g.followed)
		}
		past := func(r rawRequest) {
			t.Helper()
			if status, body := direct(t, c, r); status > 299 {
				t.Fatalf("%s %s: %d %s", r.method, r.path, status, body)
			}
		}
		cm := "cm-" + door.name
		past(rawRequest{"POST", cms, "", `{"metadata":{"name":"` + cm + `"},"data":{"a":"1","b":"1"}}`})
		past(rawRequest{"POST", deployments, "", strings.ReplaceAll(`{"metadata":{"name":"NAME"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":"one"}]}}}}`, "NAME", cm)})
		g.send(t, "admin", rawRequest{"GET", cms + "/" + cm, "", ""}) // it passes, and is then changed by somebody else
		g.send(t, "admin", rawRequest{"GET", deployments + "/" + cm, "", ""})
		past(rawRequest{"PATCH", cms + "/" + cm, merge, `{"data":{"b":"2","c":"3"}}`})
		past(rawRequest{"PATCH", deployments + "/" + cm, strategic, `{"spec":{"replicas":7,"template":{"spec":{"containers":[{"name":"b","image":"two"}]}}}}`})
		changed := time.Now()
		until(t, "nothing counts as just seen", func() bool { return time.Since(changed) > time.Second })
		for _, p := range []struct{ path, contentType, body string }{
			{cms + "/" + cm, merge, `{"data":{"a":"4"}}`},
			{cms + "/" + cm, jsonPatch, `[{"op":"copy","from":"/data/c","path":"/data/d"}]`},
			{cms + "/" + cm + "?fieldManager=x", apply, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + cm + "}\ndata: {e: '5'}\n"},
			{deployments + "/" + cm, strategic, `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"three"}]}}}}`},
		} {
			status, body, d, _ := g.send(t, "admin", rawRequest{"PATCH", p.path, p.contentType, p.body})
			if status > 299 {
				t.Fatalf("%s %s: %d %s", door.name, p.body, status, body)
			}
			if slices.Contains(d.Action.Unknown, "current") || !sameSpec(t, d, body) {
				t.Errorf("%s: %s %s:\n judged %s\n made   %s\n unknown %q", door.name, p.contentType, p.body, d.Action.Params, body, d.Action.Unknown)
			}
		}
	}
	// Who may not read an object is told nothing of it by assent either.
	g := behind(t, c, "")
	for _, r := range []rawRequest{
		{"POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "", `{"metadata":{"name":"blind"},"rules":[{"apiGroups":[""],"resources":["nodes"],"verbs":["patch"]}]}`},
		{"POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "", `{"metadata":{"name":"blind"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"blind"},"subjects":[{"kind":"User","name":"alice","apiGroup":"rbac.authorization.k8s.io"}]}`},
		{"POST", "/api/v1/nodes", "", `{"metadata":{"name":"dark","labels":{"hidden":"yes"}}}`},
	} {
		if status, body := direct(t, c, r); status > 299 {
			t.Fatalf("%s: %d %s", r.path, status, body)
		}
	}
	var d policy.Decision
	until(t, "the right is known to the server", func() bool {
		var status int
		status, _, d, _ = g.send(t, "alice", rawRequest{"PATCH", "/api/v1/nodes/dark", merge, `{"metadata":{"labels":{"a":"b"}}}`})
		return status < 300
	})
	if !slices.Contains(d.Action.Unknown, "current") || strings.Contains(string(d.Action.Params), "hidden") {
		t.Errorf("unknown %q, params %s", d.Action.Unknown, d.Action.Params)
	}
}

// sameSpec holds the result that was judged against the object that the server made,
// in what people write: labels, data and spec, defaults apart.
func sameSpec(t *testing.T, d policy.Decision, body string) bool {
	t.Helper()
	var judged struct{ Result map[string]any }
	var made map[string]any
	if json.Unmarshal(d.Action.Params, &judged) != nil || json.Unmarshal([]byte(body), &made) != nil || judged.Result == nil {
		return false
	}
	for _, key := range []string{"data", "spec"} {
		a, err1 := json.Marshal(judged.Result[key])
		b, err2 := json.Marshal(made[key])
		if err1 != nil || err2 != nil || key == "data" && string(a) != string(b) {
			return false
		}
		if key == "spec" && made[key] != nil && images(judged.Result) != images(made) {
			return false
		}
	}
	return true
}

// images names replicas and containers of a deployment.
func images(o map[string]any) string {
	var d struct {
		Spec struct {
			Replicas int
			Template struct {
				Spec struct {
					Containers []struct{ Name, Image string }
				}
			}
		}
	}
	data, _ := json.Marshal(o)
	_ = json.Unmarshal(data, &d) // of another kind: nothing
	data, _ = json.Marshal(d)
	return string(data)
}
