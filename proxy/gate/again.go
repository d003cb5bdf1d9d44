package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Again makes a recorded decision once more, on what the model said then: by the
// intent that it was made by, which gives the same bytes (law 5), or by another,
// which tells what that would change.
//
// What people and budgets said then is taken as it was, where the new verdict would
// have come to them. why says that a decision was never a matter of intent: then
// there is nothing to make again.
func Again(ctx context.Context, decider Decider, s model.Snapshot, was policy.Decision) (again policy.Decision, why string) {
	switch {
	case was.Fault != "":
		return was, "no verdict could be reached: " + was.Fault
	case strings.HasPrefix(was.Grant, consequenceOf):
		return was, "a controller carried out what was allowed"
	case len(was.Findings) > 0 && was.Findings[0].Code == CodeUndecodable:
		return was, "the call could not be read"
	case len(was.Findings) > 0 && was.Findings[0].Code == CodeForged:
		return was, "the call claimed to be another"
	}
	defer func() {
		if r := recover(); r != nil {
			again = faulty(was.Action, fmt.Sprintf("the decision panicked: %v", r), was.Mode, was.At, was.ID)
		}
	}()
	again = decider.Decide(ctx, was.Action, s, was.Mode, was.At, was.ID, given(was)...)
	again.Enforcer, again.Basis.Facts, again.Request, again.Withheld = was.Enforcer, was.Basis.Facts, was.Request, was.Withheld
	for i := len(was.Findings) - 1; i >= 0; i-- {
		f := was.Findings[i]
		switch {
		case len(again.Overrides) > 0:
			continue // nothing that came later refused it
		case f.Code == CodeBudget && len(again.Budgets) > 0 && (again.Verdict == policy.Allow || again.Findings[0].Code == CodeBudget):
		case (f.Code == CodeDenied || f.Code == CodeNotAsked || f.Code == CodeStale) && again.Verdict == policy.Hold:
			again.Needs = nil
		default:
			continue
		}
		again.Verdict = policy.Deny
		again.Findings = append([]policy.Finding{f}, again.Findings...)
	}
	return again, ""
}

// given are the approvals and overrides that a decision went by.
func given(d policy.Decision) []policy.Approval {
	all := slices.Clone(d.Approvals)
	for _, o := range d.Overrides {
		all = append(all, policy.Approval{Override: &o})
	}
	return all
}
