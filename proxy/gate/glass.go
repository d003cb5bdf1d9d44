package gate

import (
	"context"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

// Overrides are what people signed to have, in an emergency, what an actor does let
// through. A Holds may keep them.
type Overrides interface {
	// Broken returns those that are good now, with what was signed.
	Broken(context.Context) ([]policy.Approval, []approval.Signed, error)
}

// emergency judges what would be refused again, with the overrides of its actor. What
// counts against a budget is counted, and not refused. An error is no override.
func (g *Gate) emergency(ctx context.Context, d policy.Decision) (policy.Decision, []ledger.Override) {
	keeps, ok := g.cfg.Holds.(Overrides)
	if f, has := d.First(); !ok || !d.Blocks() || d.Fault != "" || has && f.Code == CodeUndecodable {
		return d, nil
	}
	given, signed, err := keeps.Broken(ctx)
	if err != nil {
		g.cfg.Gap("looking for overrides of "+d.ID, err)
		return d, nil
	}
	if len(given) == 0 {
		return d, nil
	}
	next := g.claim(ctx, d.Action, g.cfg.Now().UTC(), d.ID, given...)
	if next.Verdict != policy.Allow || len(next.Overrides) == 0 {
		g.open.drop(d.ID)
		return d, nil
	}
	next = g.spend(ctx, next)
	if next.Fault != "" {
		g.open.drop(d.ID)
		return next, nil
	}
	var used []ledger.Override
	for _, o := range next.Overrides {
		for i, a := range given {
			if a.Override.ID == o.ID {
				used = append(used, ledger.Override{Override: o, At: next.At, Decision: next.ID, Run: next.Action.Run, Ticket: string(signed[i].Ticket), Signature: signed[i].Signature})
			}
		}
	}
	g.cfg.Gap("the glass is broken", fmt.Errorf("%s let %s through: %s", next.Overrides[0].By, next.Action.Name(), next.Overrides[0].Reason))
	return next, used
}

// overriding are the overrides that are good now, for a decision that went by one.
func (g *Gate) overriding(ctx context.Context, was policy.Decision) ([]policy.Approval, error) {
	keeps, ok := g.cfg.Holds.(Overrides)
	if !ok || len(was.Overrides) == 0 {
		return nil, nil
	}
	given, _, err := keeps.Broken(ctx)
	return given, err
}
