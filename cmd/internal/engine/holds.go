package engine

import (
	"context"
	"time"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/policy/approval/inbox"
	"github.com/assent-iom/assent/policy/budget"
	"github.com/assent-iom/assent/proxy/gate"
)

// holds is the inbox as the gate sees it: tickets are held against the keys that
// are declared at the time.
type holds struct {
	*inbox.Inbox
	declared func() *intent.Set
	now      func() time.Time
}

var (
	_ gate.Holds     = holds{}
	_ gate.Overrides = holds{}
)

func (h holds) Given(ctx context.Context, scope string) ([]policy.Approval, *approval.Ticket, error) {
	return h.Inbox.Given(ctx, scope, h.declared(), h.now())
}

// Broken implements gate.Overrides.
func (h holds) Broken(ctx context.Context) (given []policy.Approval, signed []approval.Signed, err error) {
	all, err := h.Glass(ctx, h.now(), h.declared())
	for _, b := range all {
		given, signed = append(given, policy.Approval{Override: &b.Override}), append(signed, b.Signed)
	}
	return given, signed, err
}

// openInbox opens what is held. Without it held actions are refused: it is no
// reason not to judge.
func (e *Engine) openInbox() gate.Holds {
	if e.cfg.InboxPath == "" || e.cfg.Question {
		return nil
	}
	box, err := inbox.Open(e.cfg.InboxPath)
	if err != nil {
		e.cfg.Trouble("nobody can be asked for approval", err)
		return nil
	}
	e.inbox = box
	return holds{box, e.decide.Intent, e.cfg.Now}
}

// openBudgets opens the count of what was changed. Without it whatever counts
// against a budget is refused.
func (e *Engine) openBudgets() gate.Budgets {
	if e.cfg.BudgetPath == "" {
		return nil
	}
	book, err := budget.Open(e.cfg.BudgetPath)
	if err != nil {
		e.cfg.Trouble("what counts against a budget is refused", err)
		return nil
	}
	e.budgets = book
	return book
}
