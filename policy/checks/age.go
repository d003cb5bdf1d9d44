package checks

import (
	"fmt"
	"time"

	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// age says how old a model is that is behind. Past its bound nothing is destroyed,
// cut off or replaced by it: somebody may depend on it by now.
func (h *hearing) age() {
	b := radius.BehindOf(h.s)
	if b == nil {
		return
	}
	at := h.d.At
	why := "the model's database was never reached, and nothing is known of what others have learnt"
	if !b.Since.IsZero() {
		why = fmt.Sprintf("the model's database has not been heard from for %s, since %s", at.Sub(b.Since).Round(time.Second), b.Since.UTC().Format(time.RFC3339))
	}
	if at.Before(b.Until) {
		h.add(10, policy.Finding{
			Code: CodeBehind, Title: "the model is behind", Verdict: policy.Allow,
			Why:    why + "; from " + b.Until.UTC().Format(time.RFC3339) + " on nothing is destroyed by it",
			Repair: "whoever operates assent brings the database back: assent doctor says what is wrong",
		})
		return
	}
	for _, l := range h.touched() {
		if e, destroys := destroyed(l); destroys {
			h.add(0, policy.Finding{
				Code: CodeOld, Title: "the model is too old for this", Verdict: policy.Deny,
				Why:    l.spot() + does(l, l.changed[0]) + " is to " + e.String() + ", and who depends on it now cannot be told: " + why,
				Repair: "run it again when the database is back (assent doctor says what is wrong); whoever operates assent may set a longer store: max_age",
			})
			return
		}
	}
	h.add(10, policy.Finding{
		Code: CodeBehind, Title: "the model is behind", Verdict: policy.Allow, Why: why + "; nothing is destroyed by it",
		Repair: "whoever operates assent brings the database back: assent doctor says what is wrong",
	})
}

// destroyed returns the worst that a change does, and whether that cannot be undone
// for those who depend on it.
func destroyed(l *leaf) (radius.Effect, bool) {
	if !l.Verb.Mutates() {
		return radius.None, false
	}
	worst := radius.None
	for _, e := range radius.Effects(l.Action) {
		worst = max(worst, e)
	}
	return worst, worst >= radius.Disconnect
}
