package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
)

const (
	// radiusTime ends a walk for a person who waits; a decision has no clock.
	radiusTime = 20 * time.Millisecond
	// radiusPaths is how many ways fit on a screen beside the numbers.
	radiusPaths = 8
)

// radiated is what `assent radius --json` writes: see docs/json.md.
type radiated struct {
	Changes []radius.Change  `json:"changes"`
	Skipped []radius.Skipped `json:"skipped"`
	// Stale is what of a plan is not any more what it was made on; nil: it is no plan.
	Stale    []radius.Outdated `json:"stale,omitzero"`
	Summary  radius.Summary    `json:"summary"`
	Affected []model.Hop       `json:"affected"`
	Exposure radius.Exposure   `json:"exposure"`
	Model    model.Version     `json:"model"`
}

// radiusOptions are the flags of `assent radius`.
type radiusOptions struct {
	remove, modify bool
	effect, plan   string
	asJSON         bool
}

func (a *App) radiusCommand() *cobra.Command {
	var o radiusOptions
	cmd := &cobra.Command{
		Use:   "radius {URN|ID {--delete | --modify | --effect E} | --plan FILE}",
		Short: "Say who breaks, and whose they are, if a resource or a plan changes",
		Long: `Says what would break if a resource were deleted, modified, or met by another effect (replace, disconnect, restrict,
restart, degrade, widen, tag), or if a Terraform plan or manifests were applied, or a call made: how many at each distance, whose they are, how many
are in production or met by users, and the ways to the worst. With widen: what is let in, and can be reached from there.
Nothing is sent anywhere; it is asked of what the model has seen. What depends on what: assent help relations.

  assent radius subnet-0abc… --delete
  terraform show -json plan.out > plan.json; assent radius --plan plan.json
  kubectl kustomize . | assent radius --plan -
  assent explain dec_… --json | assent radius --plan -

Of a plan it also says what is not any more what it was made on, for which assent run --plan would refuse it.

A call is written as assent decode reads it (docs/json.md). A manifest does not say in which cluster: each that the model knows
it in is meant.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return exit{2, err}
			}
			return a.radius(cmd.Context(), args, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.remove, "delete", false, "it is deleted")
	f.BoolVar(&o.modify, "modify", false, "it is modified in place")
	f.StringVar(&o.effect, "effect", "", "it is met by this `effect`")
	f.StringVar(&o.plan, "plan", "", "a plan as terraform show -json writes it, manifests of Kubernetes, a call or a decision in this `file`; - is stdin")
	f.BoolVar(&o.asJSON, "json", false, "as JSON")
	return cmd
}

// check wants one way of saying what happens.
func (o *radiusOptions) check(args []string) error {
	ways := 0
	for _, said := range []bool{o.remove, o.modify, o.effect != "", o.plan != ""} {
		if said {
			ways++
		}
	}
	if ways != 1 || (o.plan != "") == (len(args) == 1) {
		return repaired{errors.New("say what happens, once"), "assent radius URN --delete; or --modify, --effect restart; or assent radius --plan FILE"}
	}
	return nil
}

func (o *radiusOptions) what() (radius.Effect, error) {
	switch {
	case o.remove:
		return radius.Destroy, nil
	case o.modify:
		return radius.Config, nil
	}
	effect, err := radius.ParseEffect(o.effect)
	if err != nil {
		err = exit{exitUsage, err}
	}
	return effect, err
}

func (a *App) radius(ctx context.Context, args []string, o radiusOptions) error {
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	p, err := a.program()
	if err != nil {
		return err
	}
	out := radiated{Model: s.Version()}
	var x plannedChange
	if o.plan != "" {
		x, err = a.readAsked(ctx, o.plan, s)
	} else {
		var effect radius.Effect
		if effect, err = o.what(); err == nil {
			x.changes = []radius.Change{target(s, args[0], effect)}
			x.doors = radius.Widening(x.changes)
		}
	}
	if err != nil {
		return err
	}
	out.Stale = x.stale
	out.Changes, out.Skipped = append([]radius.Change{}, x.changes...), append([]radius.Skipped{}, x.skipped...)
	end := a.Now().Add(radiusTime)
	budget := radius.Budget{Stop: func() bool { return a.Now().After(end) }}
	reach := radius.Availability(s, out.Changes, budget)
	out.Summary = reach.Summarise(s, dependentsShown, radiusPaths, func(r model.Resource) radius.Standing {
		o := p.Ownership(r, s)
		return radius.Standing{Owner: o.Owner, Production: o.Tier == "production"}
	})
	if len(out.Skipped) > 0 {
		out.Summary.Complete = false
		out.Summary.Reasons = append(out.Summary.Reasons, fmt.Sprintf("it has %s that nothing known is found for", plural(len(out.Skipped), "change")))
	}
	if out.Affected = reach.Nearest(dependentsShown); out.Affected == nil {
		out.Affected = []model.Hop{}
	}
	out.Exposure = radius.Exposed(s, x.doors, radius.Budget{})
	if o.asJSON {
		return writeJSON(a.Stdout, out)
	}
	a.showRadius(out)
	return nil
}

// target is what a person names, as the model knows it, or as they wrote it: that
// it was never read is part of the answer.
func target(s model.Snapshot, id string, effect radius.Effect) radius.Change {
	c := radius.Change{URN: model.URN(id), Effect: effect}
	if r, err := find(s, id); err == nil {
		c.URN, c.Type = r.URN, r.Type
	}
	return c
}

func (a *App) showRadius(r radiated) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.Stdout, "  %-12s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	for _, c := range r.Changes {
		fmt.Fprintf(a.Stdout, "%s %s\n", c.Effect, term.Plain(string(c.URN)))
	}
	for _, c := range r.Skipped {
		fmt.Fprintf(a.Stdout, "not known: %s (%s)\n", term.Plain(c.Address), c.Why)
	}
	for i, o := range r.Stale {
		if i == outdatedShown {
			line("stale", "and %d more", len(r.Stale)-i)
			break
		}
		line("stale", "%s", outdated(o))
	}
	if len(r.Stale) > 0 {
		line("", "assent run --plan would refuse it (%s): plan again", codeStalePlan)
	}
	sum := r.Summary
	hops := make([]string, len(sum.PerHop))
	for i, n := range sum.PerHop {
		hops[i] = fmt.Sprintf("%d at %d", n, i+1)
	}
	if len(hops) == 0 {
		line("breaks", "nothing that is known")
	} else {
		line("breaks", "%s (%s)", plural(sum.Affected, "resource"), strings.Join(hops, ", "))
		line("", "%d in production, %d met by users", sum.Production, sum.UserFacing)
	}
	for _, why := range sum.Reasons {
		line("incomplete", "%s", why)
	}
	for _, o := range sum.Owners {
		line("of", "%s: %d", o.Owner, o.Count)
	}
	if sum.Unowned > 0 {
		line("of", "nobody who is declared: %d", sum.Unowned)
	}
	for _, p := range sum.Paths {
		line("way", "%s", p)
	}
	for _, h := range r.Affected {
		line(h.Effect, "%s", h.URN)
	}
	for _, h := range r.Exposure.Opened {
		line("opened", "%s", h.URN)
	}
	for _, h := range r.Exposure.Reachable {
		line("reachable", "%s", h.URN)
	}
	if !r.Exposure.Complete {
		line("incomplete", "what is let in: not all of it is known")
	}
}
