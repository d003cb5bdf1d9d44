package checks

import (
	"context"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// people are those who can approve: dana answers for checkout, whose machine is
// terminated; ines answers for platform.
const people = `
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: dana}
spec: {kind: human, person: "human:dana@shop.example", identify: [{run: dana}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: dana-at-home}
spec: {kind: human, person: "human:dana@shop.example", identify: [{run: dana-at-home}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: ines}
spec: {kind: human, person: "human:ines@shop.example", identify: [{run: ines}], owner: platform}
`

const deletesIfApproved = `
    - id: delete
      who: ["*"]
      may: [delete]
      what: {capability: [compute.instance]}
      in: [prod]
      approvals: `

func given(a model.Action, by string, at, expires int64) policy.Approval {
	return policy.Approval{ID: "sha256:" + by, Scope: policy.Scope(a), By: by, At: time.Unix(at, 0), Expires: time.Unix(expires, 0)}
}

func judgeWith(t *testing.T, p *Program, a model.Action, at int64, given ...policy.Approval) policy.Decision {
	t.Helper()
	d := policy.Decision{ID: "dec_1", At: time.Unix(at, 0).UTC(), Action: a, Approvals: given}
	if err := p.Judge(context.Background(), &d, shop); err != nil {
		t.Fatal(err)
	}
	return d
}

// Nobody approves their own action, nor anyone they act for. Approvals are exact
// in scope, and expire.
func TestNobodyApprovesTheirOwnAction(t *testing.T) {
	bot := terminate()
	as := func(id string, behind ...string) model.Action {
		return terminate(func(a *model.Action) { a.Actor.ID, a.Actor.For = id, behind })
	}
	other := terminate(func(a *model.Action) { a.Params = []byte(`{"Force":true}`) })
	owner, both := "[{from: owner}]", "[{from: owner}, {from: ines, expires: 10s}]"
	for name, c := range map[string]struct {
		asks   string
		action model.Action
		at     int64
		given  []policy.Approval
		want   policy.Verdict
	}{
		"nobody has said yes":              {owner, bot, 100, nil, policy.Hold},
		"the owner has":                    {owner, bot, 100, []policy.Approval{given(bot, "dana", 90, 200)}, policy.Allow},
		"somebody else has":                {owner, bot, 100, []policy.Approval{given(bot, "ines", 90, 200)}, policy.Hold},
		"an agent has":                     {owner, bot, 100, []policy.Approval{given(bot, "bot", 90, 200)}, policy.Hold},
		"to another call":                  {owner, other, 100, []policy.Approval{given(bot, "dana", 90, 200)}, policy.Hold},
		"to another actor's call":          {owner, as("ana"), 100, []policy.Approval{given(bot, "dana", 90, 200)}, policy.Hold},
		"it has expired":                   {owner, bot, 200, []policy.Approval{given(bot, "dana", 90, 200)}, policy.Hold},
		"it comes from the future":         {owner, bot, 100, []policy.Approval{given(bot, "dana", 300, 500)}, policy.Hold},
		"the clause lets it expire sooner": {both, bot, 100, []policy.Approval{given(bot, "dana", 90, 200), given(bot, "ines", 80, 200)}, policy.Hold},
		"both have":                        {both, bot, 100, []policy.Approval{given(bot, "dana", 90, 200), given(bot, "ines", 95, 200)}, policy.Allow},
		"the owner's own call":             {owner, as("dana"), 100, []policy.Approval{given(as("dana"), "dana", 90, 200)}, policy.Deny},
		"the same person by another name":  {owner, as("dana"), 100, []policy.Approval{given(as("dana"), "dana-at-home", 90, 200)}, policy.Deny},
		"an agent that acts for the owner": {owner, as("bot", "dana"), 100, []policy.Approval{given(as("bot", "dana"), "dana-at-home", 90, 200)}, policy.Deny},
		"two are asked for, one speaks twice": {"[{from: owner, count: 2}]", bot, 100,
			[]policy.Approval{given(bot, "dana", 90, 200), given(bot, "dana-at-home", 90, 200)}, policy.Deny},
	} {
		t.Run(name, func(t *testing.T) {
			d := judgeWith(t, compile(t, base+deletesIfApproved+c.asks+people), c.action, c.at, c.given...)
			if d.Verdict != c.want {
				t.Fatalf("%s, want %s: %+v", d.Verdict, c.want, d.Findings)
			}
			if (len(d.Needs) > 0) != (d.Verdict == policy.Hold) {
				t.Errorf("%s needs %+v", d.Verdict, d.Needs)
			}
			if want := len(c.given); d.Verdict == policy.Allow && len(d.Approvals) != want || d.Verdict != policy.Allow && len(d.Approvals) != 0 {
				t.Errorf("counted %+v", d.Approvals)
			}
		})
	}
}

// A clause that needs nobody goes before one that does, and an approval does not
// lift a limit or a never clause.
func TestAnApprovalIsOneCondition(t *testing.T) {
	yes := given(terminate(), "dana", 90, 200)
	free := "[{from: owner}]\n    - {id: free, who: [bot], may: [delete], in: [prod]}\n"
	if d := judgeWith(t, compile(t, base+deletesIfApproved+free+people), terminate(), 100); d.Verdict != policy.Allow || d.Grant != "chores/free" {
		t.Errorf("%s by %s", d.Verdict, d.Grant)
	}
	for name, more := range map[string]string{
		"a limit":        "[{from: owner}]\n      limits: {dependents: 0}\n",
		"a never clause": "[{from: owner}]\n  never:\n    - {id: no, may: [delete], what: {capability: [compute.instance]}}\n",
	} {
		d := judgeWith(t, compile(t, base+deletesIfApproved+more+people), terminate(), 100, yes)
		if d.Verdict != policy.Deny || len(d.Needs) > 0 || len(d.Approvals) > 0 {
			t.Errorf("%s: %s, %+v", name, d.Verdict, d.Findings)
		}
	}
}

// A clause whose approvals nobody can give hides none that somebody can: an allow
// clause more never denies more.
func TestAClauseThatNobodyCanApproveHidesNone(t *testing.T) {
	const nobodys = `
    - id: a-delete
      who: ["*"]
      may: [delete]
      what: {capability: [compute.instance]}
      in: [prod]
      approvals: [{from: dana, count: 2}]`
	for name, clauses := range map[string]string{"alone": "", "before": nobodys} {
		d := judgeWith(t, compile(t, base+clauses+deletesIfApproved+"[{from: owner:platform}]"+people), terminate(), 1000)
		if d.Verdict != policy.Hold {
			t.Errorf("%s: %s %+v", name, d.Verdict, d.Findings)
		}
	}
}
