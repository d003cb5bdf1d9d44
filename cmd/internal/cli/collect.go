package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/cmd/internal/term"
	awscollect "github.com/assent-iom/assent/decoders/aws/collect"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

func (a *App) collectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "collect [PLATFORM/NAME…]",
		Short: "Read what exists, once, into the model",
		Long: `Lists everything at the places that "collect" in assent.yaml names, and keeps what it finds in the model: what exists, and
what depends on what. With names (kubernetes/prod) it reads those places alone. "assent serve" does the same by itself, and
follows the changes.

One line a kind tells how it was looked at: complete; partial, where all are known to be there but not all of each; denied, where the credential may not list it; truncated, where a bound
was met; failed, where there was no answer. Only what a complete listing does not have is taken out of the model: what could
not be looked at stays as it was last seen, and is not said to be gone.`,
		Example: `  assent collect
  assent collect kubernetes/prod --json
  assent collect aws/default`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.collect(cmd.Context(), args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON value a kind, as it was looked at, and one a gap")
	return cmd
}

// collected is one line of `assent collect --json`: a scope, or a gap.
type collected struct {
	Collector string `json:"collector,omitempty"`
	collect.Coverage
}

func (a *App) collect(ctx context.Context, names []string, asJSON bool) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	clusters, err := a.clusters(cfg)
	if err != nil {
		return err
	}
	readings, err := a.readings(cfg)
	if err != nil {
		return err
	}
	m, err := engine.OpenMemory(ctx, cfg.Model, shared(cfg), a.Now, func(what string, err error) { a.note("%s: %v", what, err) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if st, shared := m.Status(); shared && st.Age < 0 {
		return repaired{errors.New("the model's database cannot be reached: " + st.Why), "assent doctor says more; run it again when the database is back"}
	}
	g := m.Graph
	amazon, bad, err := engine.Amazon(cfg.Tables)
	if err != nil {
		return err
	}
	if bad != nil {
		a.note("%v; the table that the program brings is used", bad)
	}
	all, err := engine.Sources{Clusters: clusters, Readings: readings, Accounts: accounts(cfg), Amazon: amazon, Upstreams: cfg.Upstreams, Now: a.Now,
		Known: func(u model.URN) (model.Resource, bool) { return g.Snapshot().Resource(u) }}.Collectors()
	if err != nil {
		return err
	}
	if all, err = named(all, names); err != nil {
		return err
	}
	before, err := engine.Looked(ctx, m)
	if err != nil {
		return err
	}
	var mu sync.Mutex // one line at a time
	runner, err := collect.NewRunner(collect.RunnerConfig{
		Collectors: all, Learn: m, Lease: m.Lease(false), Snapshot: g.Snapshot, Veil: m.Veil, Now: a.Now, Before: before,
		Progress: func(collector string, c collect.Coverage) {
			mu.Lock()
			defer mu.Unlock()
			if asJSON {
				_ = writeJSON(a.Stdout, collected{collector, c}) // a reader that has left is told by the exit code
				return
			}
			fmt.Fprintf(a.Stdout, "%-10s %7d  %s%s\n", c.State, c.Count, term.Plain(c.Scope.String()), collectedNote(c))
		},
	})
	if err != nil {
		return err
	}
	began := a.Now()
	err = runner.Once(ctx)
	err = errors.Join(err, engine.KeepLooks(ctx, m, runner.Kept()))
	if err == nil {
		err = engine.Settle(ctx, m, g.Snapshot(), runner)
	}
	if err == nil {
		err = a.resolveUnknown(ctx, cfg, engine.Looks{Kept: runner.Kept(), Running: g.Snapshot()})
	}
	a.collectedGaps(runner, asJSON)
	if !asJSON && err == nil {
		a.note("read %d kinds in %s; the model has %d resources", counted(runner, began), a.Now().Sub(began).Round(100*time.Millisecond), g.Size())
	}
	return err
}

// resolveUnknown records what the listings tell of outcomes that nobody saw, in the
// ledger of this machine, if there is one.
func (a *App) resolveUnknown(ctx context.Context, cfg *config.Config, looks engine.Looks) error {
	if _, bad := os.Stat(filepath.Join(cfg.Ledger, store.Database)); cfg.LedgerServer.URL != "" || bad != nil {
		return nil
	}
	s, err := a.readLedger(ctx) // it is written to only where there is something to say
	if err != nil {
		return err
	}
	resolved, err := engine.Resolve(ctx, s, looks, a.Now().UTC(), func(ctx context.Context, e ledger.Entry) error { return a.appendEntry(ctx, cfg, e) })
	if n := len(resolved); n > 0 {
		a.note("%s known now: nobody had seen the answer", plural(n, "outcome"))
	}
	return errors.Join(err, s.Close())
}

// counted is how many kinds were looked at since.
func counted(r *collect.Runner, since time.Time) int {
	all, _ := r.Coverage()
	return len(slices.DeleteFunc(all, func(c collect.Coverage) bool { return c.LookedAt.Before(since) }))
}

// collectedNote is what there is to say of a listing besides its count.
func collectedNote(c collect.Coverage) string {
	var text []string
	if c.Swept > 0 {
		text = append(text, fmt.Sprintf("%d gone since", c.Swept))
	}
	if c.Why != "" {
		text = append(text, term.Plain(c.Why))
	}
	if len(text) == 0 {
		return ""
	}
	return ": " + strings.Join(text, "; ")
}

// collectedGaps tells what no listing was even tried of.
func (a *App) collectedGaps(r *collect.Runner, asJSON bool) {
	listed, gaps := r.Coverage()
	for _, gap := range gaps {
		if slices.ContainsFunc(listed, func(c collect.Coverage) bool { return c.Scope == gap.Scope }) {
			continue // it has its line
		}
		if asJSON {
			_ = writeJSON(a.Stdout, collected{"", collect.Coverage{Scope: gap.Scope, State: gap.State, Why: gap.Why}})
			continue
		}
		fmt.Fprintf(a.Stdout, "%-10s %7s  %s: %s\n", gap.State, "-", term.Plain(gap.Scope.String()), term.Plain(gap.Why))
	}
}

// named picks collectors by their names; without any, all.
func named(all []collect.Collector, names []string) ([]collect.Collector, error) {
	if len(all) == 0 {
		return nil, repaired{errors.New("nothing is to be read"), "name what is under collect: in assent.yaml: assent config --example"}
	}
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, c := range all {
		known = append(known, c.Name())
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, exit{2, repaired{fmt.Errorf("nothing called %q is read", n), "it is one of: " + strings.Join(known, ", ")}}
		}
	}
	return slices.DeleteFunc(all, func(c collect.Collector) bool { return !slices.Contains(names, c.Name()) }), nil
}

// accounts are the AWS accounts that are read.
func accounts(cfg *config.Config) []engine.Account {
	var all []engine.Account
	for _, c := range cfg.Collect.AWS {
		all = append(all, engine.Account{Login: awscollect.Login{Profile: c.Profile, Role: c.Role, External: c.ExternalID}, Regions: c.Regions, Events: c.Events})
	}
	return all
}

// readings finds the credentials of what is read.
func (a *App) readings(cfg *config.Config) ([]engine.Reading, error) {
	var all []engine.Reading
	for _, c := range cfg.Collect.Kubernetes {
		from := cfg.Clusters
		if c.Kubeconfig != "" {
			from = []string{c.Kubeconfig}
		}
		r, err := readingOf(cfg, c, from)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// readingOf finds a cluster's user. In a kubeconfig of its own the cluster may have
// another name: what counts is where it is.
func readingOf(cfg *config.Config, c config.CollectCluster, from []string) (engine.Reading, error) {
	const repair = "give it one user with a token, a client certificate or a credential plugin: kubectl create token READER, or a file of its own under collect: kubernetes: kubeconfig"
	governed, _, err := setup.Clusters(cfg.Clusters)
	if err != nil {
		return engine.Reading{}, err
	}
	i := slices.IndexFunc(governed, func(g setup.Cluster) bool { return g.Name == c.Cluster })
	if i < 0 {
		return engine.Reading{}, repaired{fmt.Errorf("cluster %q is to be read, and no kubeconfig under clusters has it", c.Cluster), "name its kubeconfig under clusters: in assent.yaml"}
	}
	found, _, err := setup.Clusters(from)
	if err != nil {
		return engine.Reading{}, err
	}
	for _, f := range found {
		if f.Host != governed[i].Host || f.PathPrefix != governed[i].PathPrefix {
			continue
		}
		if f.Token == nil && (f.TLS == nil || len(f.TLS.Certificates) == 0) {
			return engine.Reading{}, repaired{fmt.Errorf("cluster %q is to be read, and %s has no credential for it that assent can use", c.Cluster, strings.Join(from, ", ")), repair}
		}
		return engine.Reading{Cluster: c.Cluster, TLS: f.TLS, Token: f.Token}, nil
	}
	return engine.Reading{}, repaired{fmt.Errorf("cluster %q is to be read, and %s does not have the server %s", c.Cluster, strings.Join(from, ", "), governed[i].Server), repair}
}
