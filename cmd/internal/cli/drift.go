package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	trail "github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/reconcile"
	"github.com/assent-iom/assent/policy/checks"
)

const (
	// staleAfter is how old a read may be before it says nothing.
	staleAfter = 24 * time.Hour
	// The exit codes of `assent drift`, those of `assent ledger reconcile`.
	exitDrifted = 3
	exitUnknown = 4
	// maxEvents bounds the events that are looked at for who did it.
	maxEvents = 1_000_000
)

// driftOptions are the flags of `assent drift`.
type driftOptions struct {
	all, asJSON bool
	stale       time.Duration
	cloudtrail  []string
}

func (a *App) driftCommand() *cobra.Command {
	o := driftOptions{stale: staleAfter}
	cmd := &cobra.Command{
		Use:   "drift [SELECTOR]",
		Short: "Say what is not as it was built by way of the proxy or as it is declared, and who changed it",
		Long: `Compares what is running, as it was last read, with what was executed by way of the proxy, as it was read back then. A
field that differs was changed by somebody else. It is compared with what Resource documents declare, too: a field that is
otherwise is violating, or pending if it was declared since it was built; a resource that is declared and not there is unbuilt. And it is
held against blueprints, where what it is can be told from what was read. What a service computes and what belongs to a controller (an autoscaler, a
scaling group) is no drift. A resource is drifted; a ghost, if it is gone though nobody deleted it by way of the proxy; or
unknown, if it was not read since it was built, or not for too long: assent collect reads it. What has drifted is set back by way of
the proxy with assent revert, and taken as it is by its owner with assent adopt.

SELECTOR is a URN, an id, or a pattern of URNs or types with * in it. With --cloudtrail, the changes in CloudTrail's logs
that speak of what has drifted are shown with their actors; so are those that assent serve has heard of (collect: aws: events).

Exit code 3 if something has drifted, is gone or is not as declared, 4 if of something it cannot be told, 0 otherwise.`,
		Example: `  assent collect && assent drift
  assent drift 'ec2:*' --cloudtrail logs/ --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE: func(cmd *cobra.Command, args []string) error {
			selector := ""
			if len(args) == 1 {
				selector = args[0]
			}
			return a.drift(cmd.Context(), selector, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, "also what is aligned, and what nobody built by way of the proxy")
	f.DurationVar(&o.stale, "stale", o.stale, "what was last read longer ago is unknown; 0: never")
	f.StringArrayVar(&o.cloudtrail, "cloudtrail", nil, "a log of CloudTrail, or a `folder` of them")
	f.BoolVar(&o.asJSON, "json", false, "as JSON, one line a resource")
	return cmd
}

func (a *App) drift(ctx context.Context, selector string, o driftOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	s, err := models(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	resources, relations, err := s.Load(ctx)
	if err != nil {
		return err
	}
	built, err := s.Built(ctx)
	if err != nil {
		return err
	}
	g := graph.New(graph.Config{})
	g.Load(resources, relations)
	rules, err := reconcile.ReadRules()
	if err != nil {
		return err
	}
	program, err := a.program()
	if err != nil {
		return err
	}
	amazon, _, err := engine.Amazon(cfg.Tables)
	if err != nil {
		return err
	}
	today := func() intent.Day { return intent.Day(a.Now().UTC().Format(time.DateOnly)) }
	in := reconcile.Input{Found: checks.Running{Program: program, Portable: engine.Portable(amazon), Now: today}.Violations(g.Snapshot()), Claims: program.Claims(g.Snapshot()), Rules: rules, Running: g.Snapshot(), Built: built, Now: a.Now(), Stale: o.stale}
	if in.Events, err = a.trails(o.cloudtrail); err != nil {
		return err
	}
	told, err := engine.Heard(ctx, s)
	if err != nil {
		return err
	}
	had := map[string]bool{}
	for _, e := range in.Events {
		had[e.ID] = true
	}
	in.Events = append(in.Events, slices.DeleteFunc(told, func(e reconcile.Event) bool { return had[e.ID] })...)
	picked := a.picker(in.Running, selector)
	counts := map[reconcile.State]int{}
	strayed := false
	for _, status := range reconcile.Run(in) {
		if !picked(status) {
			continue
		}
		counts[status.State]++
		strayed = strayed || slices.ContainsFunc(status.Fields, func(f reconcile.Field) bool { return f.State == reconcile.Drifted })
		if !o.all && (status.State == reconcile.Aligned || status.State == reconcile.Unmanaged) {
			continue
		}
		if o.asJSON {
			if err := writeJSON(a.Stdout, status); err != nil {
				return err
			}
			continue
		}
		a.showStatus(status)
	}
	if selector != "" && len(counts) == 0 {
		return repaired{fmt.Errorf("nothing that is known fits %q", selector), "list what is known: assent what"}
	}
	if !o.asJSON {
		a.note("%s", countsOf(counts))
		if strayed {
			a.note("set back what has drifted: assent revert URN; take it as it is, as its owner: assent adopt URN")
		}
	}
	switch {
	case counts[reconcile.Drifted]+counts[reconcile.Violating]+counts[reconcile.Ghost] > 0:
		return exit{code: exitDrifted}
	case counts[reconcile.Unknown] > 0:
		return exit{code: exitUnknown}
	}
	return nil
}

// picker says which resources a selector means.
func (a *App) picker(s model.Snapshot, selector string) func(reconcile.Status) bool {
	if selector == "" {
		return func(reconcile.Status) bool { return true }
	}
	if urn, ok := s.Resolve(selector); ok {
		return func(st reconcile.Status) bool { return st.URN == urn }
	}
	p := model.NewPattern(selector)
	return func(st reconcile.Status) bool { return p.Fits(string(st.URN)) || p.Fits(st.Type) }
}

func countsOf(counts map[reconcile.State]int) string {
	var parts []string
	for _, s := range []reconcile.State{reconcile.Violating, reconcile.Drifted, reconcile.Ghost, reconcile.Unbuilt, reconcile.Pending, reconcile.Unknown, reconcile.Aligned, reconcile.Unmanaged} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	if len(parts) == 0 {
		return "nothing is known yet: assent collect"
	}
	return strings.Join(parts, ", ")
}

func (a *App) showStatus(s reconcile.Status) {
	fmt.Fprintf(a.Stdout, "%-10s %s\n", s.State, term.Plain(string(s.URN)))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.Stdout, "  %-8s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	if s.Why != "" {
		line("why", "%s", s.Why)
	}
	for _, f := range s.Fields {
		note := ""
		switch {
		case f.Declared != nil || f.Source != "":
			note = ", " + f.Of + " declares " + shortly(f.Declared) + " at " + f.Source
			if f.Critical {
				note += " (critical)"
			}
			if f.State == reconcile.Unknown {
				note = " is not read of a " + s.Type + note
			}
			line(string(f.State), "%s: %s%s", f.Path, shortly(f.Running), note)
			continue
		case f.State == reconcile.Theirs:
			note = " (it is " + f.Of + "'s)"
		case f.Critical:
			note = " (critical)"
		}
		line(string(f.State), "%s: %s, was %s%s", f.Path, shortly(f.Running), shortly(f.Built), note)
	}
	if s.Quarantine {
		line("refused", "whatever builds on it, until it is set back (assent revert), or taken as it is (assent adopt)")
	}
	if b := s.Built; b != nil && s.State != reconcile.Aligned {
		who := b.Actor
		if who == "" {
			who = "nobody in particular"
		}
		line("built", "%s by %s, %s (%s)", b.At.UTC().Format("2006-01-02 15:04:05 MST"), who, b.Operation, b.Decision)
	}
	for _, e := range s.By {
		line("by", "%s, %s, %s", e.Actor, e.Name, e.At.UTC().Format("2006-01-02 15:04:05 MST"))
	}
}

// shortly writes a value on part of a line.
func shortly(v any) string {
	if v == nil {
		return "nothing"
	}
	const most = 160
	var b strings.Builder
	if writeJSON(&b, v) != nil {
		return "what cannot be written"
	}
	text := strings.TrimSpace(b.String())
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// trails reads the changes that CloudTrail's logs have.
func (a *App) trails(paths []string) ([]reconcile.Event, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	n, err := a.notion()
	if err != nil {
		return nil, err
	}
	var out []reconcile.Event
	for _, path := range paths {
		files, err := logFiles(trail.CloudTrail, a.absolute(path))
		if err != nil {
			return nil, fmt.Errorf("reading CloudTrail: %w", err)
		}
		for _, name := range files {
			if err := readTrail(name, n, func(e reconcile.Event) { out = append(out, e) }); err != nil {
				return nil, fmt.Errorf("reading CloudTrail: %s: %w", name, err)
			}
			if len(out) > maxEvents {
				return nil, repaired{fmt.Errorf("more than %d changes in CloudTrail's logs", maxEvents), "name fewer of them"}
			}
		}
	}
	return out, nil
}

func readTrail(name string, n trail.Notion, each func(reconcile.Event)) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return trail.ReadCloudTrail(io.Reader(f), n, func(e trail.Event) error {
		if e.Verb.Mutates() && !e.ReadOnly && e.Result == trail.Applied {
			each(reconcile.Event{At: e.At, Actor: e.Actor, Name: e.Name, ID: e.ID, Service: e.Service, Names: e.Names})
		}
		return nil
	})
}
