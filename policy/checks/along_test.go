package checks

import (
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// judgeAlong judges a delete by a bot that may do it, in environment prod.
func judgeAlong(t *testing.T, limits, never string, a model.Action) policy.Decision {
	t.Helper()
	text := base + "    - {id: tidy, who: bot, may: [delete], in: prod"
	if limits != "" {
		text += ", limits: {" + limits + "}"
	}
	text += "}\n"
	if never != "" {
		text += "  never:\n    - {id: lasting, who: \"*\", may: [delete], in: prod, what: {capability: [" + never + "]}, reason: it lasts}\n"
	}
	s := estate{resources: map[model.URN]model.Resource{}}
	for _, u := range touchedBy(a) {
		id := strings.Split(string(u), "/")
		s.resources[u] = model.Resource{URN: u, Platform: "kubernetes", Account: "shop", Region: "web", Type: id[3] + "/" + id[4]}
	}
	a.Actor = model.Actor{ID: "bot", Authn: "run", Kind: model.Agent}
	return judge(t, compile(t, text), a, s)
}

func touchedBy(a model.Action) (all []model.URN) {
	all = append(all, a.Targets[0].URN)
	for _, g := range a.Affected.Groups {
		all = append(all, g.Targets...)
	}
	return all
}

func deleteOf(urn string, a *model.Affected) model.Action {
	return model.Action{Platform: "kubernetes", Service: "apps", Operation: "delete deployments", Verb: model.Delete, Capability: "compute.workload",
		Account: "shop", Region: "web", Fidelity: model.Exact, Affected: a, Targets: []model.Target{{URN: model.URN(urn), Type: "apps/Deployment", Role: model.RoleTarget}}}
}

func along(complete bool, urns ...string) *model.Affected {
	a := &model.Affected{Complete: complete, Count: len(urns)}
	if !complete {
		a.Why = []string{"secrets are not known in web"}
	}
	for _, u := range urns {
		kind := strings.Split(u, "/")[4]
		a.Groups = append(a.Groups, model.Along{Verb: model.Delete, Service: "core", Operation: "delete " + strings.ToLower(kind) + "s", Capability: map[string]string{"Secret": "secret", "Pod": "compute.workload"}[kind], Type: "core/" + kind, Targets: []model.URN{model.URN(u)}})
	}
	return a
}

func TestWhatGoesAlongIsJudgedToo(t *testing.T) {
	const deployment = "k8s://shop/apps/Deployment/web/web"
	pods := []string{"k8s://shop/core/Pod/web/a", "k8s://shop/core/Pod/web/b"}
	for _, c := range []struct {
		name, limits, never string
		affected            *model.Affected
		verdict             policy.Verdict
		code                string
		dependents          int
		complete            bool
	}{
		{"within the limit", "dependents: 2", "", along(true, pods...), policy.Allow, CodeAlong, 2, true},
		{"over it", "dependents: 1", "", along(true, pods...), policy.Deny, CodeDependents, 2, true},
		{"nobody knows how much", "dependents: 100", "", along(false, pods...), policy.Deny, CodeDependents, 2, false},
		{"nobody knows how much, and nobody asked", "", "", along(false), policy.Allow, "", 0, false},
		{"nothing", "dependents: 0", "", along(true), policy.Allow, "", 0, true},
		{"what must never go", "", "secret", along(true, pods[0], "k8s://shop/core/Secret/web/s"), policy.Deny, CodeNever, 2, true},
		{"what must never go does not", "", "secret", along(true, pods...), policy.Allow, CodeAlong, 2, true},
	} {
		d := judgeAlong(t, c.limits, c.never, deleteOf(deployment, c.affected))
		if d.Verdict != c.verdict || c.code != "" && !strings.Contains(codes(d), c.code) || d.Radius.Dependents != c.dependents || d.Radius.Complete != c.complete {
			t.Errorf("%s: %s %s, radius %+v", c.name, d.Verdict, codes(d), d.Radius)
		}
		if !c.complete && !strings.Contains(strings.Join(d.Radius.Reasons, " "), "secrets are not known") {
			t.Errorf("%s: it is not said why: %q", c.name, d.Radius.Reasons)
		}
	}
}

func TestASelectionCountsAsTargets(t *testing.T) {
	const all = "k8s://shop/apps/Deployment/web/*"
	pods := []string{"k8s://shop/core/Pod/web/a", "k8s://shop/core/Pod/web/b"}
	for _, c := range []struct {
		limit    string
		affected *model.Affected
		want     policy.Verdict
	}{
		{"targets: 3", along(true, pods...), policy.Allow}, {"targets: 2", along(true, pods...), policy.Deny}, {"targets: 100", along(false, pods...), policy.Deny},
		{"dependents: 2", along(true, pods...), policy.Allow}, {"dependents: 1", along(true, pods...), policy.Deny},
	} {
		if d := judgeAlong(t, c.limit, "", deleteOf(all, c.affected)); d.Verdict != c.want {
			t.Errorf("%s, complete %v: %s %s, radius %+v", c.limit, c.affected.Complete, d.Verdict, codes(d), d.Radius)
		}
	}
}
