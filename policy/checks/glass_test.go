package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

const glass = "  breakGlass: {by: [\"owner:platform\", ana], longest: 1h}\n"

const neverTables = `
  never:
    - {id: machines, who: ["*"], may: [delete], in: [prod]}
`

// Broken glass lets through what its people may have let through, where, for whom and
// while it is broken; never clauses hold also then, and no agent acts on it.
func TestBrokenGlassIsForOnePersonInOnePlaceForAWhile(t *testing.T) {
	withGlass := strings.Replace(base, "  tier: production\n", "  tier: production\n"+glass, 1)
	clause := "    - {id: nothing, who: [bot], may: [create], what: {capability: [storage.bucket]}, in: [prod]}\n"
	good := policy.Override{ID: "sha256:1", Environment: "prod", Actor: "ana", By: "ines", At: time.Unix(100, 0), Expires: time.Unix(10_000, 0), Reason: "INC-1"}
	with := func(f func(*policy.Override)) policy.Override { o := good; f(&o); return o }
	as := func(id string, behind ...string) model.Action {
		return terminate(func(a *model.Action) { a.Actor.ID, a.Actor.For = id, behind })
	}
	for name, c := range map[string]struct {
		text     string
		action   model.Action
		at       int64
		override policy.Override
		allowed  bool
	}{
		"by one of the owner's people": {withGlass, as("ana"), 200, good, true},
		"by whom it names, for itself": {withGlass, as("ana"), 200, with(func(o *policy.Override) { o.By = "ana" }), true},
		"by somebody else":             {withGlass, as("ana"), 200, with(func(o *policy.Override) { o.By = "dana" }), false},
		"by nobody who is declared":    {withGlass, as("ana"), 200, with(func(o *policy.Override) { o.By = "eve" }), false},
		"for somebody else":            {withGlass, as("ines"), 200, good, false},
		"for an agent":                 {withGlass, as("bot"), 200, with(func(o *policy.Override) { o.Actor = "bot" }), false},
		"an agent behind a person":     {withGlass, as("ana", "bot"), 200, good, false},
		"in another environment":       {withGlass, as("ana"), 200, with(func(o *policy.Override) { o.Environment = "test" }), false},
		"before it is broken":          {withGlass, as("ana"), 100 - int64(clockSkew.Seconds()) - 1, good, false},
		"at its end":                   {withGlass, as("ana"), 10_000, good, false},
		"for longer than is declared":  {withGlass, as("ana"), 100 + 3600, good, false},
		"just before":                  {withGlass, as("ana"), 100 + 3599, good, true},
		"where there is no glass":      {base, as("ana"), 200, good, false},
		"against a never clause":       {withGlass, as("ana"), 200, good, false},
		"where it would act is not known": {withGlass, terminate(func(a *model.Action) {
			a.Actor.ID = "ana"
			a.Targets[0].URN = "arn:aws:ec2:eu-west-1:999999999999:instance/i-1"
		}), 200, good, false},
	} {
		text := c.text + clause
		if strings.Contains(name, "never") {
			text += neverTables
		}
		d := judgeWith(t, compile(t, text+people), c.action, c.at, policy.Approval{Override: &c.override})
		if (d.Verdict == policy.Allow) != c.allowed {
			t.Errorf("%s: %s %+v", name, d.Verdict, d.Findings)
			continue
		}
		if !c.allowed {
			if len(d.Overrides) > 0 {
				t.Errorf("%s: it is refused by %+v", name, d.Overrides)
			}
			continue
		}
		if f := d.Findings; len(f) < 2 || f[0].Code != CodeGlass || !strings.Contains(f[0].Why, "INC-1") || !strings.Contains(f[0].Why, "would have been refused (AS2") ||
			d.Grant != "break-glass prod" || len(d.Overrides) != 1 || d.Overrides[0] != c.override {
			t.Errorf("%s: %+v", name, d)
		}
		if again := judgeWith(t, compile(t, text+people), c.action, c.at); again.Verdict != policy.Deny {
			t.Errorf("%s: without it: %s", name, again.Verdict)
		}
	}
}
