package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/policy"
)

// codeStalePlan is what a run is refused for whose plan is not good any more.
const codeStalePlan = "AS2027"

// outdatedShown bounds what is listed of a stale plan.
const outdatedShown = 8

// fresh refuses to run a plan of which something was changed since it was made; while
// observing it only says so.
func (a *App) fresh(ctx context.Context, plan string, mode policy.Mode) (err error) {
	e, _, err := a.considering(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	f, err := os.Open(a.absolute(plan))
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	defer f.Close()
	stale, err := e.StalePlan(ctx, f)
	if err != nil || len(stale) == 0 {
		return err
	}
	for i, o := range stale {
		if i == outdatedShown {
			a.note("  and %d more", len(stale)-i)
			break
		}
		a.note("  %s (%s): %s", term.Plain(o.Address), term.Plain(string(o.URN)), term.Plain(o.Why))
	}
	said := fmt.Errorf("%s of what the plan would change is not any more what it was made on (%s)", plural(len(stale), "resource"), codeStalePlan)
	if mode == policy.Observe {
		a.note("%v: it would be refused when enforcing", said)
		return nil
	}
	return exit{exitDenied, repaired{said, "plan again, and look at it: terraform plan -out=PLAN && terraform show -json PLAN"}}
}
