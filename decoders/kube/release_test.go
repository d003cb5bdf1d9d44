package kube

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// record writes a release as helm does.
func record(t testing.TB, name, status string, revision int, manifest string) string {
	t.Helper()
	release, err := json.Marshal(map[string]any{"name": "shop", "namespace": "shop", "version": revision,
		"info": map[string]any{"status": status}, "manifest": manifest,
		"hooks": []any{map[string]any{"manifest": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hook}\n"}}})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(release); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	inner := base64.StdEncoding.EncodeToString(packed.Bytes())
	secret, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
		"metadata": map[string]any{"name": name}, "data": map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(inner))}})
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

const chart = `---
# Source: shop/role.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shop}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, template: {spec: {containers: [{name: a, image: "web:1", securityContext: {privileged: true}}]}}}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: other}
`

func partsOf(a model.Action) []string {
	var out []string
	for _, p := range a.Parts {
		out = append(out, string(p.Verb)+" "+strings.TrimPrefix(string(p.Targets[0].URN), "k8s://c/")+" "+p.Fidelity.String())
	}
	return out
}

func TestAHelmReleaseIsJudgedBeforeItsFirstObject(t *testing.T) {
	v1, v2 := "sh.helm.release.v1.shop.v1", "sh.helm.release.v1.shop.v2"
	smaller := chart[:strings.Index(chart, "---\napiVersion: apps/v1")]
	known, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Current: objects{
		URN("c", "", "Secret", "shop", v1): record(t, v1, "deployed", 1, chart),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, request, body string
		d                   *Decoder
		want                []string
		unknown             string
	}{
		{"install", "POST " + ns + "/secrets", record(t, v1, "pending-install", 1, chart), testDecoder(t),
			[]string{"grant rbac.authorization.k8s.io/ClusterRole//shop exact", "create apps/Deployment/shop/web exact", "create example.com/Widget/other/w partial", "create batch/Job/shop/hook exact"}, ""},
		{"upgrade, the release before known", "POST " + ns + "/secrets", record(t, v2, "pending-upgrade", 2, smaller), known,
			[]string{"grant rbac.authorization.k8s.io/ClusterRole//shop exact", "create batch/Job/shop/hook exact", "delete apps/Deployment/shop/web exact", "delete example.com/Widget/other/w partial"}, ""},
		{"upgrade, the release before not known", "POST " + ns + "/secrets", record(t, v2, "pending-upgrade", 2, smaller), testDecoder(t),
			[]string{"grant rbac.authorization.k8s.io/ClusterRole//shop exact", "update batch/Job/shop/hook exact"}, "removed objects"},
		{"uninstall", "PUT " + ns + "/secrets/" + v1, record(t, v1, "uninstalling", 1, smaller), testDecoder(t),
			[]string{"revoke rbac.authorization.k8s.io/ClusterRole//shop exact", "delete batch/Job/shop/hook exact"}, ""},
		{"the end of an install", "PUT " + ns + "/secrets/" + v1, record(t, v1, "deployed", 1, chart), testDecoder(t), nil, ""},
		{"no record", "POST " + ns + "/secrets", `{"metadata":{"name":"other"},"data":{"release":"aGk="}}`, testDecoder(t), nil, ""},
	} {
		a, err := c.d.Decode(context.Background(), callOf(t, c.request, "", c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := partsOf(a); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if strings.Join(a.Unknown, ",") != c.unknown {
			t.Errorf("%s: unknown %q", c.name, a.Unknown)
		}
	}
	a, _ := testDecoder(t).Decode(context.Background(), callOf(t, "POST "+ns+"/secrets", "", record(t, v1, "pending-install", 1, chart)))
	if said := spelled(a.Parts[1].Props); holds(said, `container.privileged=true scale.min=2`) != nil {
		t.Errorf("the part says %s", said)
	}
}

func TestARecordThatCannotBeReadIsRefused(t *testing.T) {
	name := "sh.helm.release.v1.shop.v1"
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 20 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	twice := func(s []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(s)))
	}
	for what, data := range map[string]string{
		"no base64": "%", "no inner base64": "aGk=!", "no JSON": twice([]byte("x")), "no manifest": twice([]byte("{}")), "a bomb": twice(bomb.Bytes()),
		"a manifest of texts": twice([]byte(`{"manifest":"just text"}`)),
	} {
		body, _ := json.Marshal(map[string]any{"metadata": map[string]any{"name": name}, "data": map[string]any{"release": data}})
		if _, err := testDecoder(t).Decode(context.Background(), callOf(t, "POST "+ns+"/secrets", "", string(body))); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}
