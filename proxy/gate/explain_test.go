package gate

import (
	"testing"

	"github.com/assent-iom/assent/policy"
)

// A hostile agent learns nothing from what passes either: neither what depends on it,
// nor what would have been refused.
func TestAWarningTellsNoMoreThanTheActorMayKnow(t *testing.T) {
	allowed := policy.Decision{ID: "dec_1", Verdict: policy.Allow, Radius: policy.Radius{Dependents: 14}}
	refused := policy.Decision{ID: "dec_1", Verdict: policy.Deny, Findings: []policy.Finding{{Code: "AS2003", Title: "declared intent forbids this", Why: "the reason"}}}
	g := &Gate{}
	for level, want := range map[string][2]bool{"": {true, true}, "full": {true, true}, "codes": {false, true}, "none": {false, false}} {
		allowed.Explain, refused.Explain = level, level
		if told := g.warning(allowed) != ""; told != want[0] {
			t.Errorf("%q: of what is allowed: %q", level, g.warning(allowed))
		}
		if told := g.warning(refused) != ""; told != want[1] {
			t.Errorf("%q: of what would be refused: %q", level, g.warning(refused))
		}
	}
}
