package reference

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// refused are objects that one starter blueprint refuses for one property each, for
// the requirements that pods are not the matter of.
var refused = map[string][]string{
	"no-privilege-escalation": {
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"a","namespace":"web"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]},{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"},"rules":[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"verbs":["get","bind"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"a","namespace":"web"},"rules":[{"apiGroups":[""],"resources":["pods/exec"],"verbs":["create"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"lena"}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"a","namespace":"web"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"lena"}]}`,
	},
	"public-edge": {
		`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}],"ports":[{"port":5432}]}]}}`,
		`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"ports":[{"port":22}]}]}}`,
		`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"a","namespace":"web"},"spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"ipBlock":{"cidr":"::/0"}},{"podSelector":{}}],"ports":[{"port":1,"endPort":65535}]}]}}`,
	},
}

// A denial for one property carries a patch, and the object that it makes is
// allowed: Kubernetes' own examples of what violates the Pod Security Standards, in
// every kind that makes pods, and what else the starter blueprints require, by every
// route. At least 95 of 100; the others are named.
func TestADenialForOnePropertyIsMendedByItsPatch(t *testing.T) {
	total, mended, left := 0, 0, map[string]int{}
	try := func(c *court, name string, object map[string]any, whole bool) {
		for route, call := range routes(t, object) {
			if !whole && route != "JSON" {
				continue
			}
			d := c.hear(t, call)
			reasons := slices.DeleteFunc(slices.Clone(d.Findings), func(f policy.Finding) bool { return f.Verdict == policy.Allow })
			if len(reasons) != 1 {
				continue
			}
			total++
			if reasons[0].Fix == nil || !again(t, c, d, route, *reasons[0].Fix) {
				left[name]++
				continue
			}
			mended++
		}
	}
	for level, names := range map[string][]string{"baseline": {"pod-security-baseline"}, "restricted": {"pod-security-baseline", "pod-security-restricted"}} {
		c := newCourt(t, names...)
		for file, pod := range examples(t, level, "fail") {
			for maker, object := range makers(pod) {
				try(c, level+" "+file+" in a "+maker, object, maker == "Pod" || maker == "Deployment")
			}
		}
	}
	for name, texts := range refused {
		c := newCourt(t, name)
		for i, text := range texts {
			var object map[string]any
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				t.Fatal(err)
			}
			before := total
			if try(c, fmt.Sprint(name, " ", i), object, true); total == before {
				t.Errorf("%s does not refuse %s for one reason", name, text)
			}
		}
	}
	t.Logf("mended by the patch: %d of %d denials (%.1f %%)", mended, total, 100*float64(mended)/float64(total))
	for _, name := range slices.Sorted(maps.Keys(left)) {
		t.Logf("not mended: %s, by %d routes", name, left[name])
	}
	if total < 1000 || mended*100 < total*95 {
		t.Errorf("%d of %d, want 95 %% of at least 1000", mended, total)
	}
}

// again sends the object as the patch makes it, by the same route.
func again(t *testing.T, c *court, d policy.Decision, route string, fix model.Repair) bool {
	t.Helper()
	got := c.decoder.Mend(d.Action, []model.Repair{fix})
	if len(got[0].Patches) == 0 {
		return false
	}
	input, err := c.decoder.Mended(d.Action, got[0].Patches)
	if err != nil {
		t.Error(err)
		return false
	}
	var object map[string]any
	if err := json.Unmarshal(input, &object); err != nil {
		t.Fatal(err)
	}
	d = c.hear(t, routes(t, object)[route])
	if d.Verdict != policy.Allow {
		t.Errorf("by %s the patch %+v does not help: %+v", route, got[0].Patches, d.Findings)
	}
	return d.Verdict == policy.Allow
}
