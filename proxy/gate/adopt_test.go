package gate

import (
	"errors"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// An action of assent's own happens only after its decision is durable, and only if it
// is allowed; what became of it is recorded, also where it failed.
func TestAnOwnActionHappensAfterItsDecisionIsDurable(t *testing.T) {
	a := model.Action{Platform: "aws", Service: policy.AdoptService, Operation: policy.AdoptOperation, Verb: model.Update, Fidelity: model.Exact}
	for name, c := range map[string]struct {
		verdict policy.Verdict
		broken  error
		fails   error
		kinds   string
		done    bool
	}{
		"allowed":                         {policy.Allow, nil, nil, "change-decision change-outcome", true},
		"allowed, and it fails":           {policy.Allow, nil, errors.New("no"), "change-decision change-outcome", true},
		"held":                            {policy.Hold, nil, nil, "", false},
		"refused":                         {policy.Deny, nil, nil, "", false},
		"a ledger that cannot be written": {policy.Allow, errors.New("disk"), nil, "", false},
	} {
		b := &book{broken: c.broken}
		g := newGate(t, policy.Observe, always(c.verdict), b)
		d := g.Propose(t.Context(), a)
		if d.ID == "" || d.Action.ID != d.ID || b.kinds() != "" {
			t.Errorf("%s: proposing records nothing: %+v, %s", name, d, b.kinds())
		}
		done := false
		err := g.CarryOut(t.Context(), d, nil, func() error {
			if done = true; b.kinds() != "change-decision" {
				t.Errorf("%s: it happens before its decision is durable: %s", name, b.kinds())
			}
			return c.fails
		})
		if done != c.done || b.kinds() != c.kinds || (err == nil) != (c.done && c.fails == nil) {
			t.Errorf("%s: done %v, %v, recorded %q", name, done, err, b.kinds())
		}
	}
}
