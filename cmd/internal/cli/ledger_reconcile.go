package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
)

// The exit codes of reconcile, beside 0, 1 and 2.
const (
	exitBypass = 3 // a change went past assent
	exitUntold = 4 // of a change it cannot be told
)

// reconciling is what `assent ledger reconcile` is told.
type reconciling struct {
	trails, audits []string
	since, until   string
	asJSON, dry    bool
}

func (a *App) reconcileCommand() *cobra.Command {
	var o reconciling
	cmd := &cobra.Command{
		Use:   "reconcile (--cloudtrail FILE|DIR | --k8s-audit FILE)…",
		Short: "Hold the ledger against the cloud's and the cluster's own logs: what went past assent?",
		Long: `Reads the logs that the platforms keep themselves and finds the changes that no decision of this ledger belongs to.

  --cloudtrail   files as CloudTrail delivers them, plain or gzipped, or folders of them; or what
                 "aws cloudtrail lookup-events" prints
  --k8s-audit    the API server's audit log (JSON lines), at level Metadata or above

Events are joined by the request ids that outcomes have recorded, and by the audit id that the proxy gives each call. Reads
do not count, nor what the platform does itself (service-linked roles, controllers), which is counted by the rule that says
so. The result is recorded as a signed entry, and so is each bypass, once; --dry-run only tells it.

Exit codes: 0 every change has its decision; 3 some went past assent; 4 none did for certain, but of some it cannot be told;
1 an error, such as a log that cannot be read whole.`,
		Example: `  assent ledger reconcile --cloudtrail ./AWSLogs --since 2026-11-01 --until 2026-12-01
  assent ledger reconcile --k8s-audit /var/log/kubernetes/audit.log --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.trails, "cloudtrail", nil, "a `file` of CloudTrail's, or a folder of them; may be given again")
	f.StringArrayVar(&o.audits, "k8s-audit", nil, "an API server's audit log, or a `folder` of them; may be given again")
	f.StringVar(&o.since, "since", "", "leave out what happened before: 2026-11-01, 2026-11-01T12:00:00Z, or 36h for that long ago")
	f.StringVar(&o.until, "until", "", "leave out what happened then or later")
	f.BoolVar(&o.asJSON, "json", false, "as JSON")
	f.BoolVar(&o.dry, "dry-run", false, "record nothing")
	cmd.MarkFlagsOneRequired("cloudtrail", "k8s-audit")
	return cmd
}

func (a *App) reconcile(ctx context.Context, o reconciling) error {
	cfg := reconcile.Config{Now: a.Now().UTC()}
	var err error
	if cfg.Since, err = a.when("since", o.since); err != nil {
		return err
	}
	if cfg.Until, err = a.when("until", o.until); err != nil {
		return err
	}
	n, err := a.notion()
	if err != nil {
		return err
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	j := reconcile.New(cfg)
	signed, err := s.Checkpoint(ctx)
	if err != nil {
		return err
	}
	head, err := tlog.OpenCheckpoint(signed, s.Verifiers()...)
	if err != nil {
		return err
	}
	if err := j.Index(ctx, s, head.Origin, head.Size, head.Root); err != nil {
		return err
	}
	for _, source := range []struct {
		kind  string
		paths []string
		read  func(io.Reader, reconcile.Notion, func(reconcile.Event) error) error
	}{{reconcile.CloudTrail, o.trails, reconcile.ReadCloudTrail}, {reconcile.KubeAudit, o.audits, reconcile.ReadKubeAudit}} {
		for _, path := range source.paths {
			files, err := logFiles(source.kind, a.absolute(path))
			if err != nil {
				return err
			}
			for _, file := range files {
				if err := a.compare(j, source.kind, file, n, source.read); err != nil {
					return err
				}
			}
		}
	}
	report := j.Report()
	if !o.dry {
		if err := a.recordFindings(ctx, report); err != nil {
			return err
		}
	}
	if err := a.reconciled(report, o.asJSON); err != nil {
		return err
	}
	switch {
	case report.Bypasses > 0:
		return exit{code: exitBypass}
	case report.Unknown > 0:
		return exit{code: exitUntold}
	}
	return nil
}

// notion is what the decoders know of logged events.
func (a *App) notion() (reconcile.Notion, error) {
	cfg, err := a.load()
	if err != nil {
		return reconcile.Notion{}, err
	}
	amazon, bad, err := engine.Amazon(cfg.Tables)
	if err != nil {
		return reconcile.Notion{}, err
	}
	if bad != nil {
		a.note("note: the machine's own aws table is not used, but the embedded one: %v", bad)
	}
	return reconcile.Notion{AWS: amazon.Logged, Kube: kube.Logged}, nil
}

// logFiles returns a file, or every log of a kind below a folder, by name.
func logFiles(kind, path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		// CloudTrail lays its digests beside the logs.
		if err != nil || d.IsDir() || strings.Contains(filepath.Base(name), "_CloudTrail-Digest_") {
			return err
		}
		// What ends in .log beside CloudTrail's is another service's.
		ext := filepath.Ext(strings.TrimSuffix(name, ".gz"))
		if ext == ".json" || ext == ".jsonl" || ext == ".log" && kind == reconcile.KubeAudit {
			files = append(files, name)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there is no log (.json, .jsonl; of an API server .log; each may end in .gz) below %s", path)
	}
	slices.Sort(files)
	return files, err
}

// compare adds the events of one file. A file that cannot be read whole ends it
// all: what was left out may be what was looked for.
func (a *App) compare(j *reconcile.Join, kind, path string, n reconcile.Notion, read func(io.Reader, reconcile.Notion, func(reconcile.Event) error) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	whole := io.TeeReader(f, sum)
	source := ledger.Source{Kind: kind, Name: filepath.Base(path)}
	err = read(whole, n, func(e reconcile.Event) error {
		if !j.Add(e) {
			return nil
		}
		source.Events++
		if source.First.IsZero() || e.At.Before(source.First) {
			source.First = e.At
		}
		if e.At.After(source.Final) {
			source.Final = e.At
		}
		return nil
	})
	if err == nil {
		_, err = io.Copy(io.Discard, whole)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	source.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	j.Source(source)
	return nil
}

// recordFindings appends the reconciliation and the bypasses that are new.
func (a *App) recordFindings(ctx context.Context, r reconcile.Report) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Dir: cfg.Ledger, Now: a.Now, Rand: a.Rand})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, f := range r.Found {
		e, err := ledger.BypassEntry(f.Bypass)
		if err != nil {
			return err
		}
		known, err := s.Find(ctx, e.Key)
		if err != nil {
			return err
		}
		if len(known) > 0 {
			continue
		}
		if _, err := s.Append(ctx, e); err != nil {
			return err
		}
	}
	e, err := ledger.ReconcileEntry(r.Reconciliation)
	if err != nil {
		return err
	}
	_, err = s.Append(ctx, e)
	return err
}

// reconciled prints a report.
func (a *App) reconciled(r reconcile.Report, asJSON bool) error {
	if asJSON {
		return writeJSON(a.Stdout, r)
	}
	w := a.Stdout
	say := func(format string, args ...any) { fmt.Fprintf(w, "%s\n", term.Plain(fmt.Sprintf(format, args...))) }
	for _, s := range r.Sources {
		say("%s  %s: %d events", s.Kind, s.Name, s.Events)
	}
	say("%d events: %d reads; %d changes have their decision", r.Events, r.Reads, r.Matched)
	rules := make([]string, 0, len(r.Own))
	for rule := range r.Own {
		rules = append(rules, rule)
	}
	slices.Sort(rules)
	for _, rule := range rules {
		say("  %d by %s", r.Own[rule], rule)
	}
	if r.Refused > 0 {
		say("  %d that we never saw were refused by the upstream itself", r.Refused)
	}
	for _, f := range r.Found {
		say("bypass: %s %s %s by %s: %s (%s)", f.At.Format(time.RFC3339), f.Operation, f.Target, f.Actor, f.Why, f.Event)
	}
	for _, f := range r.Untold {
		say("unknown: %s %s %s by %s: %s (%s)", f.At.Format(time.RFC3339), f.Operation, f.Target, f.Actor, f.Why, strings.TrimSpace(f.Event+" "+f.Candidate))
	}
	if n := len(r.Resolved); n > 0 {
		say("%d outcomes that were unknown are known now", n)
	}
	if r.Unconfirmed > 0 {
		say("%d decisions succeeded and are not in these logs: %s%s", r.Unconfirmed, strings.Join(r.Missing[:min(3, len(r.Missing))], " "), more(len(r.Missing), 3))
	}
	say("%d went past assent, of %d it cannot be told", r.Bypasses, r.Unknown)
	return nil
}

func more(n, shown int) string {
	if n > shown {
		return fmt.Sprintf(" and %d more", n-shown)
	}
	return ""
}

// when reads a time: a day, a moment, or how long ago (90m, 36h, 7d).
func (a *App) when(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return a.Now().UTC().AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return a.Now().UTC().Add(-ago), nil
	}
	return time.Time{}, exit{2, fmt.Errorf("--%s %q: want a day (2026-11-01), a moment (2026-11-01T12:00:00Z), or how long ago (36h, 7d)", flag, text)}
}
