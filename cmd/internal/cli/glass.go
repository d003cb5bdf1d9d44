package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/policy/approval/inbox"
)

// glassOptions are the flags of break-glass and what is under it.
type glassOptions struct {
	env, as, reason, key, finding, comment string
	lasts                                  time.Duration
	yes, json, all                         bool
}

// brokenGlass is one override, for `break-glass list --json` and messages.
type brokenGlass struct {
	inbox.Broken
	State string `json:"state"` // open, over, reviewed, overdue
}

func (a *App) glassCommand() *cobra.Command {
	var o glassOptions
	cmd := &cobra.Command{
		Use:   "break-glass --env ENV --reason TEXT",
		Short: "In an emergency, have your changes in an environment let through for a while",
		Long: `Signs that what you do in an environment is let through for a while, though it would be refused or has to be approved: what no
clause grants, what is over a limit or a budget, in a freeze, against a blueprint, or in quarantine. never clauses and rules
hold also then, and agents break no glass. Who may is declared ("breakGlass" of the Environment), and for how long.

It is loud: an entry in the ledger at once and with every decision that goes by it, a message to the webhook, and somebody
else has to review it (assent break-glass review). While a review is overdue nobody breaks that glass again.`,
		Example: `  assent break-glass --env prod --reason "INC-4711: checkout is down" --for 30m
  assent run --as ines -- kubectl scale deployment checkout --replicas 0
  assent break-glass list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.breakGlass(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.env, "env", "", "the `environment`")
	f.StringVar(&o.reason, "reason", "", "`why`: an incident, and what it is")
	f.StringVar(&o.as, "as", "", "the human `actor` whose changes are let through; you, if not given")
	f.DurationVar(&o.lasts, "for", 0, "how long; the longest that is declared, if not given")
	f.StringVar(&o.key, "key", "", "sign with this private SSH key `file`")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask whether you are sure")
	_ = cmd.MarkFlagRequired("env") // it exists
	_ = cmd.MarkFlagRequired("reason")
	cmd.AddCommand(a.glassListCommand(), a.glassReviewCommand())
	return cmd
}

func (a *App) glassListCommand() *cobra.Command {
	var o glassOptions
	cmd := &cobra.Command{
		Use: "list", Short: "Show whose changes are let through, and what waits to be reviewed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listGlass(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "as JSON lines")
	cmd.Flags().BoolVar(&o.all, "all", false, "also what was reviewed")
	return cmd
}

func (a *App) glassReviewCommand() *cobra.Command {
	var o glassOptions
	cmd := &cobra.Command{
		Use:   "review ID --finding " + approval.Justified + "|" + approval.Unjustified,
		Short: "Sign what you found of an override of somebody else's",
		Long: `Signs, as another person than who broke the glass and whose changes were let through, whether that was justified. What went by it is in
the ledger: assent evidence query --clause 'break-glass*'.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.reviewGlass(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.finding, "finding", "", approval.Justified+" or "+approval.Unjustified)
	f.StringVar(&o.comment, "comment", "", "what you found, for the evidence")
	f.StringVar(&o.key, "key", "", "sign with this private SSH key `file`")
	_ = cmd.MarkFlagRequired("finding") // it exists
	return cmd
}

func (a *App) breakGlass(ctx context.Context, o glassOptions) error {
	cfg, set, box, past, err := a.openGlass(ctx)
	if err != nil {
		return err
	}
	defer box.Close()
	env, may, err := breakers(set, o.env)
	if err != nil {
		return err
	}
	now := a.Now().UTC().Truncate(time.Second)
	for _, b := range past {
		if b.Environment == o.env && b.Overdue(now) {
			return repaired{fmt.Errorf("the glass of %s was broken by %s on %s, and nobody has reviewed it until %s", o.env, b.By, b.At.Format(time.DateOnly), b.Due.Format(time.DateOnly)),
				"somebody else than them: assent break-glass review " + short(b.ID)}
		}
	}
	ring, err := a.keyring(ctx, o.key)
	if err != nil {
		return err
	}
	defer ring.Close()
	by, signer, err := ring.signer(set, may)
	if err != nil {
		return err
	}
	longest := env.BreakGlass.Lasts()
	if o.lasts == 0 {
		o.lasts = longest
	}
	if o.lasts < 0 || o.lasts > longest {
		return exit{2, repaired{fmt.Errorf("--for %s: the glass of %s is broken for %s at most", o.lasts, o.env, longest), "--for " + longest.String()}}
	}
	g := approval.Glass{Environment: o.env, Actor: o.as, By: by.Name, At: now, Expires: now.Add(o.lasts), Reason: o.reason}
	if g.Actor == "" {
		g.Actor = by.Name
	}
	if i := slices.IndexFunc(set.Actors, func(doc *intent.Actor) bool { return doc.Name == g.Actor }); i < 0 || set.Actors[i].Kind != "human" {
		return exit{2, fmt.Errorf("--as %s: it is no human Actor, and nobody else breaks glass", g.Actor)}
	}
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("let through what %s does in %s until %s, as %s?", g.Actor, o.env, g.Expires.Local().Format("15:04 MST"), by.Name)); err != nil {
			return err
		}
	}
	signed, err := approval.SignGlass(g, signer)
	if err != nil {
		return err
	}
	override, err := approval.OpenGlass(signed, set)
	if err != nil {
		return err
	}
	due := g.Expires.Add(env.BreakGlass.Reviewed())
	if err := a.recordOverride(ctx, cfg, ledger.Override{Override: override, At: now, ReviewDue: due, Ticket: string(signed.Ticket), Signature: signed.Signature}); err != nil {
		return err
	}
	if err := box.BreakGlass(ctx, signed, set, due); err != nil {
		return err
	}
	a.tellGlass(cfg, "glass.broken", brokenGlass{inbox.Broken{Override: override, Due: due}, "open"})
	a.note("the glass of %s is broken: what %s does is let through until %s (%s)", o.env, g.Actor, g.Expires.Local().Format("2006-01-02 15:04 MST"), short(override.ID))
	a.note("somebody else reviews it until %s: assent break-glass review %s", due.Local().Format(time.DateOnly), short(override.ID))
	return nil
}

// openGlass opens what is declared and the inbox, and reads the overrides that it keeps.
func (a *App) openGlass(ctx context.Context) (*config.Config, *intent.Set, *inbox.Inbox, []inbox.Broken, error) {
	cfg, set, err := a.declared()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	box, err := inbox.Open(cfg.Inbox)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	all, err := box.AllGlass(ctx, set)
	if err != nil {
		return nil, nil, nil, nil, errors.Join(err, box.Close())
	}
	return cfg, set, box, all, nil
}

// breakers are the people who may break the glass of an environment.
func breakers(set *intent.Set, name string) (*intent.Environment, []string, error) {
	var envs []*intent.Environment
	if set != nil {
		envs = set.Environments
	}
	i := slices.IndexFunc(envs, func(e *intent.Environment) bool { return e.Name == name })
	if i < 0 {
		return nil, nil, exit{2, fmt.Errorf("--env %s: no such Environment is declared", name)}
	}
	var may []string
	for _, doc := range set.Actors {
		if set.MayBreak(envs[i], doc) {
			may = append(may, doc.Name)
		}
	}
	if len(may) == 0 {
		return nil, nil, repaired{fmt.Errorf("nobody is declared who may break the glass of %s", name), "in the Environment: breakGlass: {by: [owner:NAME]}"}
	}
	return envs[i], may, nil
}

func (a *App) listGlass(ctx context.Context, o glassOptions) error {
	_, _, box, all, err := a.openGlass(ctx)
	if err != nil {
		return err
	}
	defer box.Close()
	shown := 0
	for _, b := range all {
		line := brokenGlass{b, glassState(b, a.Now())}
		if line.State == "reviewed" && !o.all {
			continue
		}
		shown++
		if o.json {
			err = writeJSON(a.Stdout, line)
		} else {
			_, err = fmt.Fprintln(a.Stdout, term.Plain(fmt.Sprintf("%s  %-8s  %s in %s until %s, by %s: %s; review by %s", short(b.ID), line.State, b.Actor, b.Environment,
				b.Expires.Local().Format("2006-01-02 15:04"), b.By, b.Reason, b.Due.Local().Format(time.DateOnly))))
		}
		if err != nil {
			return err
		}
	}
	if shown == 0 && !o.json {
		a.note("no glass is broken, and nothing waits to be reviewed")
	}
	return nil
}

func glassState(b inbox.Broken, now time.Time) string {
	switch {
	case b.Review != nil:
		return "reviewed"
	case b.Overdue(now):
		return "overdue"
	case now.Before(b.Expires):
		return "open"
	}
	return "over"
}

func (a *App) reviewGlass(ctx context.Context, id string, o glassOptions) error {
	if o.finding != approval.Justified && o.finding != approval.Unjustified {
		return exit{2, fmt.Errorf("--finding %q: want %s or %s", o.finding, approval.Justified, approval.Unjustified)}
	}
	cfg, set, box, all, err := a.openGlass(ctx)
	if err != nil {
		return err
	}
	defer box.Close()
	all = slices.DeleteFunc(all, func(b inbox.Broken) bool { return b.ID != id && short(b.ID) != id })
	switch {
	case len(all) != 1:
		return repaired{fmt.Errorf("%s names %d overrides", id, len(all)), "assent break-glass list --all"}
	case all[0].Review != nil:
		return fmt.Errorf("%s has reviewed it: %s", all[0].Review.By, all[0].Review.Finding)
	}
	b := all[0]
	ring, err := a.keyring(ctx, o.key)
	if err != nil {
		return err
	}
	defer ring.Close()
	by, signer, err := ring.signer(set, reviewers(set, b))
	if err != nil {
		return err
	}
	now := a.Now().UTC().Truncate(time.Second)
	signed, err := approval.SignReview(approval.Review{Override: b.ID, By: by.Name, At: now, Finding: o.finding, Comment: o.comment}, signer)
	if err != nil {
		return err
	}
	if err := a.recordOverride(ctx, cfg, ledger.Override{Override: b.Override, At: now, Finding: o.finding, Reviewer: by.Name, Comment: o.comment,
		Ticket: string(signed.Ticket), Signature: signed.Signature}); err != nil {
		return err
	}
	if err := box.ReviewGlass(ctx, signed, set); err != nil {
		return err
	}
	b.Review = &approval.Review{By: by.Name, At: now, Finding: o.finding, Comment: o.comment, Override: b.ID, Type: approval.ReviewType}
	a.tellGlass(cfg, "glass.reviewed", brokenGlass{b, "reviewed"})
	a.note("%s: %s, by %s", short(b.ID), o.finding, by.Name)
	return nil
}

// reviewers are all people but those who had a part in it.
func reviewers(set *intent.Set, b inbox.Broken) (names []string) {
	for _, doc := range set.Actors {
		if approval.MayReview(set, b.Override, doc) {
			names = append(names, doc.Name)
		}
	}
	return names
}

// recordOverride writes to the ledger, wherever it is.
func (a *App) recordOverride(ctx context.Context, cfg *config.Config, o ledger.Override) error {
	e, err := ledger.OverrideEntry(o)
	if err != nil {
		return err
	}
	return a.appendEntry(ctx, cfg, e)
}

func (a *App) tellGlass(cfg *config.Config, kind string, b brokenGlass) {
	n, err := a.notifier(cfg, func(what string, err error) { a.note("%s: %v", what, err) })
	if err != nil {
		a.note("nobody is told by the webhook: %v", err)
		return
	}
	n.broken(kind, b)
	n.close()
}

// short is enough of a digest for people.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
