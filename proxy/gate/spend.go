package gate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/budget"
)

// Budgets remembers what was changed (policy/budget).
type Budgets interface {
	// Use holds a decision against its budgets, and returns those that are not enough.
	Use(context.Context, policy.Decision, budget.Way) ([]budget.Over, error)
	// GiveBack takes out of the count what was not carried out.
	GiveBack(ctx context.Context, decision string) error
}

// CodeBudget is the finding of an action that the others before it leave no room
// for.
const CodeBudget = "AS2011"

// spend counts an action that would go through, or refuses it. While observing it
// is counted in any case, and the decision says what it would have been.
func (g *Gate) spend(ctx context.Context, d policy.Decision) policy.Decision {
	if len(d.Budgets) == 0 || d.Blocks() {
		return d
	}
	way := budget.Spend
	switch {
	case g.cfg.Question:
		way = budget.Look
	case d.Mode == policy.Observe, len(d.Overrides) > 0:
		way = budget.Count
	}
	if g.cfg.Budgets == nil {
		return uncounted(d, "there is no memory of what was changed before, and "+d.Budgets[0].Key+" has a budget")
	}
	over, err := g.cfg.Budgets.Use(ctx, d, way)
	if err != nil {
		return uncounted(d, err.Error())
	}
	if len(d.Overrides) > 0 {
		return d // it is counted, and let through
	}
	for _, o := range over {
		d.Verdict = policy.Deny
		d.Findings = append([]policy.Finding{overBudget(o)}, d.Findings...)
	}
	return d
}

// uncounted is a decision that could not be held against its budgets. Its actor is told
// no more than before.
func uncounted(d policy.Decision, why string) policy.Decision {
	out := faulty(d.Action, why, d.Mode, d.At, d.ID)
	out.Explain = d.Explain
	return out
}

// giveBack takes an action out of the count that was not carried out.
func (g *Gate) giveBack(ctx context.Context, d policy.Decision) {
	if len(d.Budgets) == 0 || g.cfg.Budgets == nil {
		return
	}
	if err := g.cfg.Budgets.GiveBack(context.WithoutCancel(ctx), d.ID); err != nil {
		g.cfg.Gap("budgets of "+d.ID, err) // it stays counted: too strict for a while
	}
}

// CarriedOut reports whether an action with that result may have happened.
func CarriedOut(result string) bool { return result == ledger.Succeeded || result == ledger.Unresolved }

// overBudget says which budget is used up, and when there is room again.
func overBudget(o budget.Over) policy.Finding {
	of, name, _ := strings.Cut(o.Key, "/")
	name, run, perRun := strings.Cut(name, "/")
	window := "a run"
	if o.Per > 0 {
		window = strings.TrimSuffix(strings.TrimSuffix(o.Per.String(), "0s"), "0m")
	}
	part := func(what string, most *int, spent, more int) string {
		if most == nil || more == 0 || spent+more <= *most {
			return ""
		}
		return fmt.Sprintf("%s %s allows %d %s in %s: %d were made, and this makes %d more", of, name, *most, what, window, spent, more)
	}
	why := part("deletes", o.MaxDeletes, o.SpentDeletes, o.Deletes)
	if changes := part("changes", o.MaxChanges, o.SpentChanges, o.Changes); why == "" {
		why = changes
	} else if changes != "" {
		why += "; " + changes
	}
	owner := o.Owner
	if owner == "" {
		owner = "whoever keeps the intent documents"
	}
	repair := "ask " + owner + " to raise it"
	switch {
	case perRun:
		repair = "look at what " + run + " has done so far; if it is right, begin another run, or " + repair
	case !o.Frees.IsZero():
		repair = "wait until " + o.Frees.Format(time.RFC3339) + ", when the oldest of them no longer counts, or " + repair
	}
	return policy.Finding{Code: CodeBudget, Title: "a budget is used up", Verdict: policy.Deny, Why: why, Repair: repair, Source: o.Source}
}
