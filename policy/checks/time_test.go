package checks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// timed is the base with a window, a freeze and an environment that is observed.
func timed(t *testing.T) *Program {
	return compile(t, strings.Replace(base, "  tier: production\n", `  tier: production
  windows: [{name: day, days: mon-fri, from: "08:00", to: "17:00", zone: Europe/Berlin}]
  freezes: [{name: sale, from: "2026-12-01", to: "2026-12-03", except: [ana], reason: the sale}]
`, 1)+`    - {id: idle, who: ["*"], may: [delete], what: {capability: compute.instance}, in: [prod], when: {window: day}}
---
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: lab}
spec: {mode: observe, scope: [{aws: {accounts: ["999999999999"]}}]}
`)
}

func TestAClauseHoldsInItsWindowAndNotInAFreeze(t *testing.T) {
	p := timed(t)
	cases := []struct {
		actor, at, code string
		says            []string
	}{
		{"bot", "2026-11-27T09:00:00Z", "", nil},
		{"bot", "2026-11-28T09:00:00Z", CodeWindow, []string{"chores/idle holds in window day (mon-fri 08:00 to 17:00 Europe/Berlin), and it is Sat 10:00", "wait until 2026-11-30T08:00:00+01:00"}},
		{"bot", "2026-12-02T09:00:00Z", CodeFreeze, []string{"freeze sale of environment prod holds until 2026-12-03T00:00:00Z: the sale", "let ana do it"}},
		{"ana", "2026-12-02T09:00:00Z", "", nil},
		{"ana for bot", "2026-12-02T09:00:00Z", CodeFreeze, nil},
		{"bot", "2026-12-03T09:00:00Z", "", nil},
	}
	for _, c := range cases {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		actor, behalf, _ := strings.Cut(c.actor, " for ")
		a := terminate(func(a *model.Action) {
			a.Actor = model.Actor{ID: actor, Authn: "run-token"}
			if behalf != "" {
				a.Actor.For = []string{behalf}
			}
		})
		d := policy.Decision{ID: "dec_1", At: at, Action: a}
		if err := p.Judge(context.Background(), &d, shop); err != nil {
			t.Fatal(err)
		}
		f, _ := d.First()
		if c.code == "" {
			if d.Verdict != policy.Allow {
				t.Errorf("%s at %s: %+v", c.actor, c.at, d.Findings)
			}
			continue
		}
		if d.Verdict != policy.Deny || f.Code != c.code {
			t.Errorf("%s at %s: %s %+v", c.actor, c.at, d.Verdict, d.Findings)
		}
		for _, says := range c.says {
			if !strings.Contains(f.Why+" "+f.Repair, says) {
				t.Errorf("%q does not say %q", f.Why+" "+f.Repair, says)
			}
		}
	}
}

// TestAnEnvironmentThatIsObservedRefusesNothing: and only what is all in such
// environments passes.
func TestAnEnvironmentThatIsObservedRefusesNothing(t *testing.T) {
	p := timed(t)
	const there, prod = "arn:aws:ec2:us-east-1:999999999999:instance/i-1", "arn:aws:ec2:us-east-1:123456789012:instance/i-2"
	for _, c := range []struct {
		targets []model.URN
		blocks  bool
	}{{[]model.URN{there}, false}, {[]model.URN{prod}, true}, {[]model.URN{there, prod}, true}, {[]model.URN{"arn:aws:ec2:us-east-1:888888888888:instance/i-3"}, true}, {[]model.URN{there, "arn:aws:ec2:*:*:instance/i-4"}, true}} {
		a := terminate(func(a *model.Action) {
			a.Account, a.Targets = "", nil
			for _, u := range c.targets {
				a.Targets = append(a.Targets, model.Target{URN: u, Type: "ec2:instance", Role: model.RoleTarget})
			}
		})
		d := judge(t, p, a, shop)
		if d.Verdict != policy.Deny || d.Blocks() != c.blocks {
			t.Errorf("%v: %s, blocks %v", c.targets, d.Verdict, d.Blocks())
		}
	}
}
