package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/docs"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	ledgerstore "github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/model/reconcile"
)

const (
	// docsDir is where pages go if nobody says.
	docsDir = "assent-docs"
	// exitStale is the exit code of `assent docs --check` where a page is stale.
	exitStale = 3
	// maxLooked bounds how far back the ledger is read for decisions.
	maxLooked = 100_000
)

func (a *App) docsCommand() *cobra.Command {
	var dir string
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Write what is known as pages: what there is, whose it is, what breaks with it",
		Long: `Writes Markdown pages with Mermaid pictures: one for each application (by the tags app.kubernetes.io/part-of, application,
service, app), environment, account, cluster and owner, and an index. A page has what there is and whose it is, what it
depends on and what needs it, what breaks if a thing is deleted, what is not as it was built, the last decisions with their
entries in the ledger, what could not be looked at, and of when that is.

The same model gives the same bytes. Pages of what is not there any more are removed; files that assent has not made are
left alone. With --check nothing is written: the pages that do not say what is known are named. That something was only
read again makes no page stale.

Exit code 3 with --check if a page is stale, missing, or about nothing any more.`,
		Example: `  assent collect && assent docs --out docs/infrastructure
  assent docs --out docs/infrastructure --check`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.docs(cmd.Context(), dir, check, asJSON) },
	}
	f := cmd.Flags()
	f.StringVar(&dir, "out", docsDir, "the `folder` of the pages")
	f.BoolVar(&check, "check", false, "write nothing; say which pages are stale")
	f.BoolVar(&asJSON, "json", false, "as JSON, one line a page")
	return cmd
}

func (a *App) docs(ctx context.Context, dir string, check, asJSON bool) error {
	in, err := a.documented(ctx)
	if err != nil {
		return err
	}
	results, err := docs.Sync(a.absolute(dir), docs.Render(in), check)
	if err != nil {
		return fmt.Errorf("writing pages: %w", err)
	}
	counts := map[docs.State]int{}
	for _, r := range results {
		counts[r.State]++
		if asJSON {
			if err := writeJSON(a.Stdout, r); err != nil {
				return err
			}
			continue
		}
		if r.State != docs.Same {
			fmt.Fprintf(a.Stdout, "%-8s %s\n", r.State, term.Plain(filepath.Join(dir, filepath.FromSlash(r.Path))))
		}
	}
	if !asJSON {
		a.note("%s, %d as they were", plural(len(results), "page"), counts[docs.Same])
	}
	if bad := counts[docs.Stale] + counts[docs.Missing] + counts[docs.Extra]; bad > 0 {
		return exit{exitStale, repaired{fmt.Errorf("%s not what is known", plural(bad, "page")), "assent docs --out " + dir}}
	}
	return nil
}

// documented gathers all that pages are made from.
func (a *App) documented(ctx context.Context) (in docs.Input, err error) {
	cfg, set, err := a.declared()
	if err != nil {
		return in, err
	}
	who, err := a.ladder(ctx)
	if err != nil {
		return in, err
	}
	s, err := models(ctx, cfg)
	if err != nil {
		return in, err
	}
	defer s.Close()
	g, err := loaded(ctx, s)
	if err != nil {
		return in, err
	}
	in.Snapshot = g.Snapshot()
	built, err := s.Built(ctx)
	if err != nil {
		return in, err
	}
	if in.Kept, err = engine.Looked(ctx, s); err != nil {
		return in, err
	}
	rules, err := reconcile.ReadRules()
	if err != nil {
		return in, err
	}
	told, err := engine.Heard(ctx, s)
	if err != nil {
		return in, err
	}
	in.Drift = reconcile.Run(reconcile.Input{Rules: rules, Events: told, Running: in.Snapshot, Built: built, Now: a.Now()})
	in.Owner = func(r model.Resource) docs.Owner { return ownerOnPage(who.of(r, in.Snapshot)) }
	in.Environment = func(r model.Resource) (string, string) {
		o := who.declared.Ownership(r, in.Snapshot)
		return o.Environment, string(o.Tier)
	}
	in.Intent = "none"
	if set != nil {
		in.Intent = set.Digest
	}
	in.Decisions, err = a.decided(ctx, cfg.Ledger, built)
	return in, err
}

func ownerOnPage(o owned) docs.Owner {
	out := docs.Owner{Name: o.Owner, Person: o.Accountable, From: o.From, Said: o.Said}
	if o.Conflict {
		for _, c := range o.Claims {
			if c.Rung != owners.Creator && c.Owner != o.Owner && !slices.Contains(out.Conflict, c.Owner) {
				out.Conflict = append(out.Conflict, c.Owner)
			}
		}
	}
	return out
}

// decided reads the last decisions of the ledger, newest first. What was made under a
// name that the call did not have is found by what was built.
func (a *App) decided(ctx context.Context, dir string, built []model.Built) ([]docs.Decided, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was ever decided
	}
	l, err := ledgerstore.Open(ctx, ledgerstore.Config{Dir: dir, ReadOnly: true, Now: a.Now, Rand: a.Rand})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	made := map[string][]model.URN{}
	for _, b := range built {
		made[b.Decision] = append(made[b.Decision], b.URN)
		if b.Made != nil && b.Made.Decision != b.Decision {
			made[b.Made.Decision] = append(made[b.Made.Decision], b.URN)
		}
	}
	var all []docs.Decided
	var bad error
	err = l.Scan(ctx, l.Size()-min(l.Size(), maxLooked), func(e ledger.Stored) bool {
		if e.Kind != ledger.KindDecision {
			return true
		}
		d, err := ledger.ParseDecision(e.Envelope)
		if err != nil {
			bad = fmt.Errorf("entry %d: %w", e.Index, err)
			return false
		}
		one := docs.Decided{Index: e.Index, ID: d.ID, At: d.At, Verdict: strings.ToLower(d.Verdict.String()), Actor: d.Action.Actor.ID, Name: d.Action.Name(), Targets: made[d.ID]}
		eachTarget(d.Action, func(t model.Target) {
			if t.Role != model.RoleDependency {
				one.Targets = append(one.Targets, t.URN)
			}
		})
		all = append(all, one)
		return true
	})
	slices.Reverse(all)
	return all, errors.Join(err, bad)
}

func eachTarget(action model.Action, f func(model.Target)) {
	for _, t := range action.Targets {
		f(t)
	}
	for _, p := range action.Parts {
		eachTarget(p, f)
	}
}
