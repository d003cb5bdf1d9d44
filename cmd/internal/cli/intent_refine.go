package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/suggest"
)

// defaultIdle is how long a clause has to be in force, unused, before it is proposed
// for removal: a month's end is in it.
const defaultIdle = "30d"

func (a *App) intentRefineCommand() *cobra.Command {
	var idle, since string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "refine",
		Short: "Hold the documents against what was decided: what nothing uses, what has become the rule",
		Long: `Holds the declared documents against the ledger: clauses and exceptions that nothing has used as long as they are in force,
verbs that a clause allows and nobody asked for, exceptions that are needed again and again. They are proposals to whoever owns
them; what was rare may still be meant. Exit code 3 if there is any.

  assent intent refine --idle 30d`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.intentRefine(cmd.Context(), idle, since, asJSON)
		},
	}
	cmd.Flags().StringVar(&idle, "idle", defaultIdle, "how long something has to be in force before it counts as unused (30d, 12h)")
	cmd.Flags().StringVar(&since, "since", "", "only what was decided since: a length of time (90d) or a date (2006-01-02)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) intentRefine(ctx context.Context, idle, since string, asJSON bool) error {
	from, err := a.when("since", since)
	if err != nil {
		return err
	}
	begin, err := a.when("idle", idle)
	if err != nil {
		return err
	}
	_, set, err := a.declared()
	if err != nil {
		return err
	}
	if set.Empty() {
		return repaired{errors.New("nothing is declared"), "assent intent suggest"}
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	refinery := suggest.Refine(set)
	kept := map[string]*intent.Set{}
	progress := term.NewProgress(a.Stderr, "reading entries", s.Size(), a.Now)
	defer progress.End()
	var bad error
	err = s.Scan(ctx, 0, func(e ledger.Stored) bool {
		progress.At(e.Index + 1)
		if e.Kind != ledger.KindDecision || e.At.Before(from) {
			return ctx.Err() == nil
		}
		d, err := ledger.ParseDecision(e.Envelope)
		if err != nil {
			bad = fmt.Errorf("entry %d: %w", e.Index, err)
			return false
		}
		by, known := kept[d.Basis.Intent]
		if !known {
			if len(kept) >= maxPast {
				clear(kept)
			}
			by, _ = keptDocuments(ctx, s, d.Basis.Intent)
			kept[d.Basis.Intent] = by
		}
		refinery.Add(d, by)
		return ctx.Err() == nil
	})
	progress.End()
	if err = errors.Join(err, bad, ctx.Err()); err != nil {
		return err
	}
	now := a.Now()
	proposals := refinery.Proposals(now, max(0, now.Sub(begin).Truncate(time.Second)))
	for _, p := range proposals {
		if asJSON {
			if err := writeJSON(a.Stdout, p); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%s: %s %s: %s\n  repair: %s\n", p.Source, p.Kind, term.Plain(p.What), term.Plain(p.Why), term.Plain(p.Repair))
	}
	if len(proposals) > 0 {
		return exit{code: exitDenied}
	}
	if !asJSON {
		fmt.Fprintln(a.Stdout, "ok: all that has been in force so long is used")
	}
	return nil
}
