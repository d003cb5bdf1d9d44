package gate

import (
	"sync/atomic"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
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
