package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

func TestAnActionTakesItsShareOfEachBudget(t *testing.T) {
	text := strings.Replace(base, "tier: production", "tier: production\n  caps: {rate: {per: 1h, changes: 20, deletes: 3}}", 1)
	text = strings.Replace(text, "{kind: agent, identify: [{run: bot}], owner: platform}", "{kind: agent, identify: [{run: bot}], owner: platform, budget: {per: run, deletes: 2}}", 1)
	p := compile(t, text+deletes)
	two := func(a *model.Action) {
		a.Run = "run_1"
		a.Targets = []model.Target{{URN: machine, Role: model.RoleTarget}, {URN: machine, Role: model.RoleTarget}, {URN: volume, Role: model.RoleTarget}}
	}
	for name, c := range map[string]struct {
		action           model.Action
		changes, deletes int
	}{
		"each resource once":                     {terminate(two), 2, 2},
		"a change is no delete":                  {terminate(two, func(a *model.Action) { a.Verb = model.Update }), 2, 0},
		"what is not understood may be a delete": {terminate(two, func(a *model.Action) { a.Verb = model.Unknown }), 2, 2},
		"parts count": {terminate(two, func(a *model.Action) {
			a.Parts = []model.Action{{Service: "s3", Operation: "DeleteBucket", Verb: model.Delete, Fidelity: model.Exact, Targets: []model.Target{{URN: "arn:aws:s3:::b", Role: model.RoleTarget}}}}
		}), 3, 3},
	} {
		d := judge(t, p, c.action, shop)
		if len(d.Budgets) != 2 {
			t.Fatalf("%s: %+v", name, d.Budgets)
		}
		actor, env := d.Budgets[0], d.Budgets[1]
		if actor.Key != "actor/bot/run_1" || actor.Per != 0 || *actor.MaxDeletes != 2 || actor.MaxChanges != nil || actor.Owner != "platform" || !strings.Contains(actor.Source, "shop.yaml:") {
			t.Errorf("%s: %+v", name, actor)
		}
		if env.Key != "environment/prod" || env.Per != time.Hour || *env.MaxChanges != 20 {
			t.Errorf("%s: %+v", name, env)
		}
		if actor.Changes != c.changes || actor.Deletes != c.deletes {
			t.Errorf("%s: takes %d changes and %d deletes, want %d and %d", name, actor.Changes, actor.Deletes, c.changes, c.deletes)
		}
	}
	if d := judge(t, p, terminate(func(a *model.Action) { a.Verb = model.Read }), shop); len(d.Budgets) != 0 || d.Verdict != policy.Allow {
		t.Errorf("a read counts: %+v", d.Budgets)
	}
}
