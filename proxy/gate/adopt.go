package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// ErrRefused is that an own action of assent's is not allowed; the decision says why.
var ErrRefused = errors.New("it is refused")

// Propose judges an action that no call carries: one of assent's own.
func (g *Gate) Propose(ctx context.Context, a model.Action, approvals ...policy.Approval) policy.Decision {
	at := g.cfg.Now().UTC()
	id, err := g.ids.next(at)
	if err != nil {
		return faulty(a, "no randomness for a decision id", g.cfg.Mode, at, id)
	}
	a.ID, a.At = id, at
	return g.decide(ctx, a, at, id, approvals...)
}

// CarryOut records a decision that Propose has reached, with the approvals that it
// counted, does what it is about, and records what became of that. It is refused also
// while observing: nobody waits for it.
func (g *Gate) CarryOut(ctx context.Context, d policy.Decision, used []ledger.Approval, do func() error) error {
	if d.Verdict != policy.Allow || d.Fault != "" {
		return ErrRefused
	}
	receipt, statement, err := g.record(ctx, d, used, nil)
	if err != nil {
		return fmt.Errorf("recording the decision: %w", err)
	}
	g.cfg.Event(Event{Decision: d, Receipt: receipt})
	answer := proxy.Answered{Result: ledger.Succeeded, ForwardedAt: g.cfg.Now(), CompletedAt: g.cfg.Now()}
	failed := do()
	if failed != nil {
		answer.Result, answer.Reason = ledger.Failed, failed.Error()
	}
	answer.CompletedAt = g.cfg.Now()
	return errors.Join(failed, g.closer(d, receipt, statement)(ctx, answer))
}
