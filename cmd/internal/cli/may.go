package cli

import (
	"bufio"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// exitDenied is may's exit code for a change that would be refused.
const exitDenied = 3

func (a *App) mayCommand() *cobra.Command {
	var as identity
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "may [-- CMD…]",
		Short: "Ask whether requests would be allowed, without sending them",
		Long: `Reads requests as JSON lines on stdin, as ` + "`assent decode`" + ` does, with an "actor" if you like, and writes the decision on
each. Nothing is forwarded and nothing is recorded. Exit code 3 if any would be refused.

With CMD, the command is run with every change refused, to see what it would be told: reads pass, changes are judged and
not executed. Exit code 3 if one would be refused, 0 if all that were seen would be allowed, and CMD's own if there was none.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.mayRun(cmd.Context(), as, args)
			}
			return a.may(cmd.Context(), as, asJSON)
		},
	}
	as.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", true, "JSON lines; --json=false for people")
	return cmd
}

func (a *App) may(ctx context.Context, as identity, asJSON bool) error {
	who, err := as.actor(a)
	if err != nil {
		return err
	}
	e, f, err := a.considering(ctx)
	if err != nil {
		return err
	}
	defer e.Close(ctx)
	out := bufio.NewWriter(a.Stdout)
	defer out.Flush()
	refused, asked := false, false
	err = eachLine(a.input(ctx), func(in request, bad error) error {
		asked = true
		d, err := f.consider(ctx, e, in, bad, who)
		if err != nil {
			refused = true
			if err := writeJSON(out, failure{err.Error()}); err != nil {
				return err
			}
			return out.Flush()
		}
		refused = refused || d.Verdict != policy.Allow
		if asJSON {
			err = writeJSON(out, d)
		} else {
			decisionText(out, d, nil)
		}
		return errors.Join(err, out.Flush())
	})
	switch {
	case err != nil:
		return err
	case !asked: // what nobody asked nobody has said yes to
		return exit{2, repaired{errors.New("nothing was asked: there is no request on stdin"), "assent may -- CMD, or requests as JSON lines (assent decode --help)"}}
	case refused:
		return exit{code: exitDenied}
	}
	return nil
}

// considering makes an engine that judges and writes nothing.
func (a *App) considering(ctx context.Context) (*engine.Engine, *finder, error) {
	cfg, set, err := a.declared()
	if err != nil {
		return nil, nil, err
	}
	f, err := a.finder()
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(ctx, engine.Config{
		Mode: policy.Enforce, Intent: set, ModelPath: cfg.Model, Store: shared(cfg), TablesDir: cfg.Tables, Governed: cfg.Governed,
		Ledger: unwritten{}, Now: a.Now, Rand: a.Rand,
		Trouble: func(what string, err error) { a.note("note: %s: %v", what, err) },
	})
	return e, f, err
}

// unwritten is a ledger for questions: nothing is recorded, so nothing may pass.
type unwritten struct{}

func (unwritten) Append(context.Context, ledger.Entry) (ledger.Receipt, error) {
	return ledger.Receipt{}, errors.New("this is only a question")
}

// consider judges one line. A read is answered with allow, as it would pass.
func (f *finder) consider(ctx context.Context, e *engine.Engine, in request, bad error, who model.Actor) (policy.Decision, error) {
	if bad != nil {
		return policy.Decision{}, bad
	}
	call, err := in.call()
	if err != nil {
		return policy.Decision{}, err
	}
	d, err := f.find(call)
	if err != nil {
		return policy.Decision{}, err
	}
	if in.Actor.ID != "" {
		who = model.Actor(in.Actor)
		if who.Authn == "" {
			who.Authn = "run-token" // as if the named actor ran it: a question, not a proof
		}
	}
	return e.Consider(ctx, proxy.Asked{Call: call, Decoder: d, Actor: who}), nil
}
