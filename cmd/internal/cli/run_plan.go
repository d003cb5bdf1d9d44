package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
)

// codeStalePlan is what a run is refused for whose plan is not good any more.
const codeStalePlan = "AS2027"

// outdatedShown bounds what is listed of a stale plan.
const outdatedShown = 8

// stale is what of a plan is not any more what it was made on.
func (a *App) stale(ctx context.Context, plan io.Reader) (out []radius.Outdated, err error) {
	e, _, err := a.considering(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	return e.StalePlan(ctx, plan)
}

// outdated is one of these for people.
func outdated(o radius.Outdated) string {
	return term.Plain(fmt.Sprintf("%s (%s): %s", o.Address, o.URN, o.Why))
}

// fresh refuses to run a plan of which something was changed since it was made; while
// observing it only says so.
func (a *App) fresh(ctx context.Context, plan string, mode policy.Mode) error {
	f, err := os.Open(a.absolute(plan))
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	defer f.Close()
	stale, err := a.stale(ctx, f)
	if err != nil || len(stale) == 0 {
		return err
	}
	for i, o := range stale {
		if i == outdatedShown {
			a.note("  and %d more", len(stale)-i)
			break
		}
		a.note("  %s", outdated(o))
	}
	said := fmt.Errorf("%s of what the plan would change is not any more what it was made on (%s)", plural(len(stale), "resource"), codeStalePlan)
	if mode == policy.Observe {
		a.note("%v: it would be refused when enforcing", said)
		return nil
	}
	return exit{exitDenied, repaired{said, "plan again, and look at it: terraform plan -out=PLAN && terraform show -json PLAN"}}
}
