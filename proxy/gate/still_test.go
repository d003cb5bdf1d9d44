package gate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

// What was allowed goes on until it is denied: not because its approval is used up,
// nor because no verdict can be reached; and it makes no decision.
func TestWhatWasAllowedGoesOnUntilItIsDenied(t *testing.T) {
	var now atomic.Pointer[policy.Decision]
	now.Store(&policy.Decision{Verdict: policy.Allow, Grant: "shop/x"})
	b := &book{}
	g := newGate(t, policy.Enforce, decider(func(model.Action) policy.Decision { return *now.Load() }), b)
	p := g.Judge(t.Context(), deletion())
	if p.Refusal != nil || p.Still == nil {
		t.Fatalf("%+v", p)
	}
	for want, d := range map[string]policy.Decision{
		"":                           {Verdict: policy.Allow},
		"it waits (AS2008)":          {Verdict: policy.Deny, Findings: []policy.Finding{{Code: "AS2008", Title: "it waits", Verdict: policy.Deny}}},
		"nothing allows it any more": {Verdict: policy.Deny},
	} {
		now.Store(&d)
		if got := p.Still(t.Context()); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
	for _, d := range []policy.Decision{{Verdict: policy.Hold}, {Verdict: policy.Deny, Fault: "a rule panicked"}} {
		now.Store(&d)
		if got := p.Still(t.Context()); got != "" {
			t.Errorf("%+v: %q", d, got)
		}
	}
	if b.kinds() != "change-decision" {
		t.Errorf("recorded %q", b.kinds())
	}
	if p := newGate(t, policy.Observe, decider(func(model.Action) policy.Decision { return policy.Decision{Verdict: policy.Deny} }), &book{}).Judge(t.Context(), deletion()); p.Still != nil {
		t.Error("while observing a stream may be ended")
	}
}

// glazier has an override, while it is good.
type glazier struct {
	desk
	good bool
	err  error
}

func (g *glazier) Broken(context.Context) ([]policy.Approval, []approval.Signed, error) {
	if g.err != nil || !g.good {
		return nil, nil, g.err
	}
	return []policy.Approval{{Override: &policy.Override{ID: approval.Signed{Ticket: []byte(ticket)}.ID(), Environment: "prod", By: "dana", Reason: "INC-1"}}}, []approval.Signed{{Ticket: []byte(ticket)}}, nil
}

// deniedUnlessBroken denies everything, but for an override.
type deniedUnlessBroken struct{}

func (deniedUnlessBroken) Decide(_ context.Context, a model.Action, _ model.Snapshot, m policy.Mode, at time.Time, id string, given ...policy.Approval) policy.Decision {
	d := policy.Decision{ID: id, Mode: m, At: at, Action: a, Verdict: policy.Deny, Findings: []policy.Finding{{Code: "AS2001", Title: "no intent allows this", Verdict: policy.Deny}}}
	if len(given) > 0 {
		d.Verdict, d.Findings, d.Overrides = policy.Allow, nil, []policy.Override{*given[0].Override}
	}
	return d
}

// What broken glass let through goes on while the glass is broken: documents that are
// read again in an emergency do not end the session of whoever works on it.
func TestWhatBrokenGlassLetThroughGoesOnWhileItIsBroken(t *testing.T) {
	h := &glazier{good: true}
	g := newGate(t, policy.Enforce, deniedUnlessBroken{}, &book{})
	g.cfg.Holds = h
	p := g.Judge(t.Context(), deletion())
	if p.Refusal != nil || p.Still == nil {
		t.Fatalf("%+v", p.Refusal)
	}
	if why := p.Still(t.Context()); why != "" {
		t.Errorf("it is ended: %s", why)
	}
	h.err = errors.New("the inbox is away")
	if why := p.Still(t.Context()); why != "" {
		t.Errorf("it is ended, though nobody can tell: %s", why)
	}
	h.good, h.err = false, nil
	if why := p.Still(t.Context()); why == "" {
		t.Error("it goes on when the glass is whole again")
	}
}
