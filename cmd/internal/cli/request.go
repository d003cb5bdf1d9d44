package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/policy/approval/inbox"
)

func (a *App) requestCommand() *cobra.Command {
	var as identity
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "request [DECISION…]",
		Short: "Ask for approvals ahead of the calls that will need them",
		Long: `Asks whoever has to approve, before the call is made again: for decisions of the ledger that only lacked approvals, or, without
arguments, for requests as JSON lines on stdin, as ` + "`assent may`" + ` reads them, which are judged first and not sent. All of them are one
request with a list. What is approved is exactly the action that was judged, by the same actor, once, until the approval expires.
Exit code 3 if something would be refused whatever anybody says.`,
		Example: `  assent request dec_01k8…
  assent request --as deploy-agent < calls.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.request(cmd.Context(), args, as, asJSON)
		},
	}
	as.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) request(ctx context.Context, ids []string, as identity, asJSON bool) error {
	decisions, err := a.recorded(ctx, ids)
	if len(ids) == 0 {
		decisions, err = a.judged(ctx, as)
	}
	if err != nil {
		return err
	}
	if err := a.rememberPrior(ctx, decisions); err != nil {
		return err
	}
	box, err := a.openInbox()
	if err != nil {
		return err
	}
	defer box.Close()
	together, err := newRunID(a.Rand)
	if err != nil {
		return err
	}
	refused := false
	asked := map[string]bool{}
	for _, d := range decisions {
		id, why, err := a.ask(ctx, box, d, together)
		switch {
		case err != nil:
			return err
		case why != "":
			refused = refused || d.Verdict == policy.Deny
			a.note("%s %s: %s", d.Action.Verb, term.Plain(d.Action.Name()), term.Plain(why))
		default:
			asked[id] = true
		}
	}
	for id := range asked {
		r, err := box.Get(ctx, id)
		if err != nil {
			return err
		}
		if asJSON {
			err = writeJSON(a.Stdout, a.newRequested(r))
		} else {
			_, err = fmt.Fprintf(a.Stdout, "%s  asks %s for %s\n", r.ID, term.Plain(strings.Join(r.Asked(), ", ")), plural(len(r.Items), "action"))
		}
		if err != nil {
			return err
		}
	}
	if refused {
		return exit{code: exitDenied}
	}
	return nil
}

// rememberPrior notes what decisions would change, as that is now: what is approved is
// good for that.
func (a *App) rememberPrior(ctx context.Context, decisions []policy.Decision) (err error) {
	if len(decisions) == 0 {
		return nil
	}
	e, _, err := a.considering(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	for i := range decisions {
		if decisions[i].Prior, err = e.Prior(decisions[i].Action); err != nil {
			return err
		}
	}
	return nil
}

// ask puts one decision into the inbox, and returns the request that it is in; or why
// nobody has to be asked, or could.
func (a *App) ask(ctx context.Context, box *inbox.Inbox, d policy.Decision, together string) (id, why string, err error) {
	switch {
	case d.Verdict == policy.Allow:
		return "", "it needs nobody's approval", nil
	case d.Verdict != policy.Hold || len(d.Needs) == 0:
		if f, ok := d.First(); ok {
			return "", f.Title + " (" + f.Code + "), and no approval would help", nil
		}
		return "", "no approval would help", nil
	}
	d.At, d.Action.Run = a.Now().UTC(), together // the scope is of the actor and the action alone
	r, err := box.Hold(ctx, d)
	if errors.Is(err, approval.ErrDenied) {
		return "", "request " + r.ID + " was denied, and is not asked again until " + r.Expires.Local().Format("2006-01-02 15:04 MST"), nil
	}
	return r.ID, "", err
}

// recorded reads decisions of the ledger.
func (a *App) recorded(ctx context.Context, ids []string) (all []policy.Decision, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, id := range ids {
		found, err := s.Find(ctx, id)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, e := range found {
			if e.Kind == ledger.KindDecision {
				d, err := ledger.ParseDecision(e.Envelope)
				if err != nil {
					return nil, err
				}
				all = append(all, d)
			}
		}
		if len(all) == before {
			return nil, repaired{fmt.Errorf("the ledger has no decision %q", id), "list what there is: assent ledger tail"}
		}
	}
	return all, nil
}

// judged reads requests of stdin and judges them.
func (a *App) judged(ctx context.Context, as identity) (all []policy.Decision, err error) {
	who, err := as.actor(a)
	if err != nil {
		return nil, err
	}
	e, f, err := a.considering(ctx)
	if err != nil {
		return nil, err
	}
	defer e.Close(ctx)
	err = eachLine(a.input(ctx), func(in request, bad error) error {
		if in.Actor.ID != "" && bad == nil {
			in.Actor.ID = "" // who asks is said by flags: nobody asks in another's name by a line of input
		}
		d, err := f.consider(ctx, e, in, bad, who)
		if err != nil {
			return err
		}
		if len(all) >= approval.MaxItems {
			return fmt.Errorf("more than %d requests: ask for fewer at a time", approval.MaxItems)
		}
		all = append(all, d)
		return nil
	})
	return all, err
}
