package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

const ticketed = base + `    - {id: stop, who: [bot], may: [delete], what: {capability: ["*"]}, in: [prod], when: {ticket: ["CHG-*", "INC-*"], evidence: {ref: refs/heads/main}}}
`

// A ticket and a proof are what is known of the run; what a client says is neither.
func TestATicketIsKnownAndNotSaid(t *testing.T) {
	p := compile(t, ticketed)
	main := map[string]string{"ref": "refs/heads/main"}
	for name, c := range map[string]struct {
		actor model.Actor
		want  string // part of the reason; empty: allowed
	}{
		"both":                 {model.Actor{Ticket: "CHG-4711", Claims: main}, ""},
		"another kind":         {model.Actor{Ticket: "INC-1", Claims: main}, ""},
		"no ticket":            {model.Actor{Claims: main}, "asks for a change ticket CHG-*, INC-*, and the run has none"},
		"not such a ticket":    {model.Actor{Ticket: "SHOP-1", Claims: main}, "and the run is for SHOP-1"},
		"only said":            {model.Actor{Claims: main, Said: map[string]string{"ticket": "CHG-4711", "user-agent": "CHG-4711"}}, "and the run has none"},
		"no proof":             {model.Actor{Ticket: "CHG-4711"}, "the actor's proof says ref: refs/heads/main"},
		"another proof":        {model.Actor{Ticket: "CHG-4711", Claims: map[string]string{"ref": "refs/heads/x"}}, "ref: refs/heads/main"},
		"a proof only said":    {model.Actor{Ticket: "CHG-4711", Said: main}, "ref: refs/heads/main"},
		"an empty claim is no": {model.Actor{Ticket: "CHG-4711", Claims: map[string]string{"ref": ""}}, "ref: refs/heads/main"},
	} {
		a := terminate(func(a *model.Action) {
			c.actor.ID, c.actor.Kind, c.actor.Authn = a.Actor.ID, a.Actor.Kind, a.Actor.Authn
			a.Actor = c.actor
		})
		d := judge(t, p, a, shop)
		if c.want == "" {
			if d.Verdict != policy.Allow {
				t.Errorf("%s: %s %+v", name, d.Verdict, d.Findings)
			}
			continue
		}
		if !slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Code == CodeTicket && strings.Contains(f.Why, c.want) }) || d.Verdict != policy.Deny {
			t.Errorf("%s: %s %+v", name, d.Verdict, d.Findings)
		}
	}
}

// All that is changed for one ticket counts together, whoever does it; what has none too.
func TestBudgetsOfATicket(t *testing.T) {
	text := strings.Replace(ticketed, "  tier: production\n", "  tier: production\n  caps: {ticket: {changes: 5, deletes: 1}}\n", 1)
	text = strings.Replace(text, "spec: {kind: agent, identify: [{run: bot}], owner: platform}", "spec: {kind: agent, identify: [{run: bot}], owner: platform, budget: {per: ticket, deletes: 2}}", 1)
	p := compile(t, text)
	for ticket, want := range map[string][]string{
		"CHG-1": {"actor/bot/ticket/CHG-1", "environment/prod/ticket/CHG-1"},
		"":      {"actor/bot/ticket/", "environment/prod/ticket/"},
	} {
		d := judge(t, p, terminate(func(a *model.Action) { a.Actor.Ticket = ticket }), shop)
		var keys []string
		for _, b := range d.Budgets {
			keys = append(keys, b.Key)
			if b.Per != 0 || b.Deletes != 1 {
				t.Errorf("%+v", b)
			}
		}
		if !slices.Equal(keys, want) {
			t.Errorf("%q: %v", ticket, keys)
		}
	}
}
