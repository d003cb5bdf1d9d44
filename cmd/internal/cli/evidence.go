package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/copies"
	"github.com/assent-iom/assent/ledger/evidence"
	"github.com/assent-iom/assent/ledger/verify"
)

func (a *App) evidenceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "evidence", Short: "Hand evidence to auditors, and ask it questions"}
	cmd.AddCommand(a.packCommand(), a.packVerifyCommand(), a.queryCommand(), a.evidenceExportCommand(), a.fleetCommand())
	return cmd
}

func (a *App) packCommand() *cobra.Command {
	var p evidence.Params
	var from, to, out string
	cmd := &cobra.Command{
		Use:   "pack --from DAY --to DAY --framework NAME --out DIR",
		Short: "Make a folder for an auditor: readable, and checked without assent",
		Long: `Makes a folder for a period: a page to read (index.html), the whole population of decisions with their outcomes, samples that
nobody chose, what of it speaks to which control, what is missing, and the signed log that all of it is made from. VERIFY.md
in it says how to check it with cosign, openssl and Python; "assent evidence verify" and assent-verify make every file again
and compare.

The samples are drawn by the root of the log when the period was over: making the pack again draws the same.`,
		Example: `  assent evidence pack --from 2026-10-01 --to 2027-01-01 --framework soc2 --out q4`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.From, err = a.when("from", from); err != nil {
				return err
			}
			if p.To, err = a.when("to", to); err != nil {
				return err
			}
			return a.pack(cmd.Context(), p, a.absolute(out))
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "the first `day` (or moment) of the period")
	f.StringVar(&to, "to", "", "the `day` (or moment) after the period")
	f.StringVar(&p.Framework, "framework", "", "whose controls to map to: "+strings.Join(evidence.Frameworks(), ", "))
	f.StringVar(&out, "out", "", "the `directory` to make")
	f.IntVar(&p.Samples, "samples", evidence.DefaultSamples, "how many changes to draw")
	for _, name := range []string{"from", "to", "framework", "out"} {
		_ = cmd.MarkFlagRequired(name) // it exists
	}
	return cmd
}

func (a *App) pack(ctx context.Context, p evidence.Params, dir string) error {
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	pack, err := evidence.Build(ctx, s, p, dir)
	if err != nil {
		return err
	}
	f := pack.Facts()
	a.note("%d decisions, %d of them changes, %d sampled, %d bypasses: %s", f.Decisions, f.Changes, len(pack.Sampled), f.Bypasses, filepath.Join(dir, "index.html"))
	if !pack.Over {
		a.note("note: the ledger has no entry from after the period; it is told up to %s", pack.Until.Format(time.RFC3339))
	}
	if f.Reconciled == 0 {
		a.note("note: in this period the ledger was not held against the platforms' own logs; run: assent ledger reconcile, every day: it is in the pack of the day on which it ran")
	}
	return nil
}

func (a *App) packVerifyCommand() *cobra.Command {
	var asJSON bool
	var o compared
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check an evidence pack, offline",
		Long: `Checks the log in a pack, and makes every other file of the pack again from it: one that says something else, is missing or is
too much is reported. assent-verify --pack does the same without assent.

Exit codes: those of "assent ledger verify".`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := a.verifyOptions(o)
			if err != nil {
				return err
			}
			report, err := evidence.Check(cmd.Context(), a.absolute(args[0]), opts)
			return a.verified(report, err, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	o.flags(cmd)
	return cmd
}

// compared is what a log is verified against.
type compared struct {
	vkey, since string
	cosigner    string
	witnesses   []string
	quorum      int
	fresh       time.Duration
	policy      string
	hashes      bool
}

func (o *compared) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.vkey, "vkey", "", "the public `key`, or a file that holds it, from somebody you trust")
	f.StringVar(&o.since, "since", "", "a checkpoint `file` that was kept elsewhere: the log must contain it")
	f.StringVar(&o.cosigner, "cosigner", "", "the second `key` that has to have signed what is published, or a file that holds it")
	f.StringArrayVar(&o.witnesses, "witness", nil, "the `key` of a witness that has to have cosigned what is published, or a file that holds it; may be given again")
	f.IntVar(&o.quorum, "quorum", 0, "how many of the witnesses are enough; 0: all")
	f.StringVar(&o.policy, "policy", "", "the `file` that says which logs are trusted, with which keys and witnesses, instead of these flags")
	f.DurationVar(&o.fresh, "fresh", 0, "how old the newest cosignature may be; 0: any age")
	for _, name := range []string{"vkey", "cosigner", "witness", "quorum", "fresh"} {
		cmd.MarkFlagsMutuallyExclusive("policy", name)
	}
}

// verifyOptions reads what a log is compared with.
func (a *App) verifyOptions(o compared) (verify.Options, error) {
	held := func(text string) string {
		if data, err := os.ReadFile(a.absolute(text)); err == nil && text != "" {
			return string(data)
		}
		return text
	}
	opts := verify.Options{VKey: held(o.vkey), Cosigner: held(o.cosigner), Quorum: o.quorum, Fresh: o.fresh, Now: a.Now(), HashesOnly: o.hashes}
	for _, w := range o.witnesses {
		opts.Witnesses = append(opts.Witnesses, held(w))
	}
	var err error
	if o.policy != "" {
		data, err := os.ReadFile(a.absolute(o.policy))
		if err == nil {
			opts.Policy, err = verify.ReadPolicy(data)
		}
		if err != nil {
			return opts, exit{int(verify.Unfinished), err}
		}
	}
	if o.since != "" {
		if opts.Since, err = os.ReadFile(a.absolute(o.since)); err != nil {
			return opts, exit{int(verify.Unfinished), fmt.Errorf("reading --since: %w", err)}
		}
	}
	return opts, nil
}

// verified prints a report and ends as it says.
func (a *App) verified(report verify.Report, err error, asJSON bool) error {
	if asJSON {
		if err := writeJSON(a.Stdout, report); err != nil {
			return err
		}
	} else if err == nil {
		if err := report.Text(a.Stdout); err != nil {
			return err
		}
	}
	if code := report.ExitCode(); code != 0 {
		return exit{code, err}
	}
	return err
}

// question is what `assent evidence query` looks for; an empty field is no matter.
type question struct {
	actor, resource, owner, verdict, clause, outcome, from, to string
	limit                                                      int
	fleet                                                      bool
}

func (q *question) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&q.actor, "actor", "", "who acted, or on whose behalf; * stands for anything")
	f.StringVar(&q.resource, "resource", "", "what was changed: a URN, or a part of one with *")
	f.StringVar(&q.owner, "owner", "", "whose it is: an owner, or an accountable person")
	f.StringVar(&q.verdict, "verdict", "", "allow, hold or deny")
	f.StringVar(&q.clause, "clause", "", "the clause of declared intent that allowed it")
	f.StringVar(&q.outcome, "outcome", "", "succeeded, failed, not_forwarded, unknown, or none")
	f.StringVar(&q.from, "from", "", "from this `day`, moment or how long ago on")
	f.StringVar(&q.to, "to", "", "before this `day`, moment or how long ago")
	f.BoolVar(&q.fleet, "fleet", false, "ask the ledgers of all proxies that share a database (store in assent.yaml)")
}

func (a *App) queryCommand() *cobra.Command {
	var q question
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Find decisions: who changed what, by which clause, with what outcome",
		Example: `  assent evidence query --resource '*prod-orders*' --from 7d
  assent evidence query --actor deploy-agent --verdict deny --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.find(cmd.Context(), q)
			if err != nil {
				return err
			}
			if q.limit > 0 && len(all) > q.limit {
				a.note("note: the newest %d of %d; --limit 0 shows all", q.limit, len(all))
				all = all[len(all)-q.limit:]
			}
			for _, r := range all {
				if err := a.showRecord(r, asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	q.flags(cmd)
	cmd.Flags().IntVar(&q.limit, "limit", 100, "show the newest of them; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) showRecord(r foundRecord, asJSON bool) error {
	if asJSON {
		return writeJSON(a.Stdout, r)
	}
	what := r.Operation
	if len(r.Targets) > 0 {
		what += " " + r.Targets[0] + more(len(r.Targets), 1)
	}
	by := r.Clause
	if by == "" {
		by = strings.Join(r.Codes, " ")
	}
	if r.Ledger != "" {
		by += ", " + r.Ledger
	}
	_, err := fmt.Fprintln(a.Stdout, term.Plain(fmt.Sprintf("%6d %s %-5s %-13s %s by %s (%s)", r.Index, r.At.Format("2006-01-02 15:04:05"), r.Verdict, r.Outcome, what, r.Actor, by)))
	return err
}

// evidenceFormats are the forms that records are exported in.
var evidenceFormats = []string{"csv", "ocsf", "cloudevents"}

func (a *App) evidenceExportCommand() *cobra.Command {
	var q question
	var format string
	cmd := &cobra.Command{
		Use:   "export --format csv|ocsf|cloudevents",
		Short: "Print decisions and their outcomes for other systems",
		Long: `Prints decisions with their outcomes: as a table (csv), as API Activity events of OCSF 1.5, or as CloudEvents 1.0, one a line.
The questions of "assent evidence query" choose which. OSCAL assessment results are part of a pack (exports/oscal.json).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(evidenceFormats, format) {
				return exit{2, fmt.Errorf("--format %q: want %s", format, strings.Join(evidenceFormats, ", "))}
			}
			all, err := a.find(cmd.Context(), q)
			if err != nil {
				return err
			}
			if format == "csv" {
				var records []evidence.Record
				for _, r := range all {
					records = append(records, r.Record)
				}
				_, err = a.Stdout.Write(evidence.CSV(records))
				return err
			}
			for _, r := range all {
				var v any
				if v = evidence.OCSF(r.origin, r.Record); format == "cloudevents" {
					v = evidence.CloudEvent(r.origin, r.Record)
				}
				if err := writeJSON(a.Stdout, v); err != nil {
					return err
				}
			}
			return nil
		},
	}
	q.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "", strings.Join(evidenceFormats, ", "))
	_ = cmd.MarkFlagRequired("format") // it exists
	return cmd
}

// askedLog is a ledger that is asked, or a copy of one.
type askedLog interface {
	Origin() string
	Scan(ctx context.Context, from uint64, f func(ledger.Stored) bool) error
}

// foundRecord is a decision, and whose ledger has it.
type foundRecord struct {
	evidence.Record
	Ledger string `json:"ledger,omitempty"` // its name, where those of a fleet are asked
	origin string
}

// find reads whole ledgers: they have no index but that of decision ids.
func (a *App) find(ctx context.Context, q question) ([]foundRecord, error) {
	match, err := a.matcher(q)
	if err != nil {
		return nil, err
	}
	var logs []askedLog
	if q.fleet {
		db, members, err := a.fleet(ctx)
		if err != nil {
			return nil, err
		}
		defer db.Close()
		for _, m := range members {
			logs = append(logs, copies.Open(db, m.Origin))
		}
	} else {
		s, err := a.readLedger(ctx)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		logs = []askedLog{s}
	}
	kept := []foundRecord{}
	for _, l := range logs {
		all, err := records(ctx, l, match)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if q.outcome == "" || r.Outcome == q.outcome || q.outcome == "none" && r.Outcome == "" {
				f := foundRecord{Record: r, origin: l.Origin()}
				if q.fleet {
					f.Ledger = f.origin
				}
				kept = append(kept, f)
			}
		}
	}
	if q.fleet {
		slices.SortStableFunc(kept, func(x, y foundRecord) int { return x.At.Compare(y.At) })
	}
	return kept, nil
}

// records returns the matching decisions with their outcomes.
func records(ctx context.Context, s askedLog, match func(evidence.Record) bool) (all []evidence.Record, err error) {
	at := map[string]int{}
	var bad error
	err = s.Scan(ctx, 0, func(e ledger.Stored) bool {
		switch e.Kind {
		case ledger.KindDecision:
			d, err := ledger.ParseDecision(e.Envelope)
			if bad = err; err != nil {
				return false
			}
			if r := evidence.NewRecord(e.Index, d); match(r) {
				at[r.ID] = len(all)
				all = append(all, r)
			}
		case ledger.KindOutcome:
			if i, ok := at[e.Key]; ok {
				o, err := ledger.ParseOutcome(e.Envelope)
				if bad = err; err != nil {
					return false
				}
				all[i].Conclude(e.Index, o)
			}
		case ledger.KindReconcile:
			said, err := ledger.ParseReconciliation(e.Envelope)
			if bad = err; err != nil {
				return false
			}
			for _, known := range said.Resolved {
				if i, ok := at[known.Decision]; ok {
					all[i].Resolve(known)
				}
			}
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return all, err
}

// matcher turns the question into a test of one record, but for its outcome.
func (a *App) matcher(q question) (func(evidence.Record) bool, error) {
	from, err := a.when("from", q.from)
	if err != nil {
		return nil, err
	}
	to, err := a.when("to", q.to)
	if err != nil {
		return nil, err
	}
	for _, word := range []struct {
		flag, value string
		choices     []string
	}{
		{"verdict", q.verdict, []string{"allow", "hold", "deny"}},
		{"outcome", q.outcome, []string{ledger.Succeeded, ledger.Failed, ledger.NotForwarded, ledger.Unresolved, "none"}},
	} {
		if word.value != "" && !slices.Contains(word.choices, word.value) {
			return nil, exit{2, fmt.Errorf("--%s %q: want %s", word.flag, word.value, strings.Join(word.choices, ", "))}
		}
	}
	any := func(pattern string, values ...string) bool {
		return pattern == "" || slices.ContainsFunc(values, func(v string) bool { return like(pattern, v) })
	}
	return func(r evidence.Record) bool {
		return any(q.actor, append([]string{r.Actor}, r.For...)...) && any(q.resource, r.Targets...) && any(q.owner, r.Owner, r.Accountable) &&
			any(q.clause, r.Clause) && (q.verdict == "" || q.verdict == r.Verdict) && !(!from.IsZero() && r.At.Before(from)) && (to.IsZero() || r.At.Before(to))
	}, nil
}

// like reports whether a text has the form of a pattern in which * stands for
// anything.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	if len(parts) == 1 {
		return text == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}
