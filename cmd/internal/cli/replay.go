package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/replay"
	"github.com/assent-iom/assent/proxy/gate"
)

// exitChanged is replay's exit code when a decision would be another one.
const exitChanged = 3

func (a *App) replayCommand() *cobra.Command {
	r := replaying{a: a}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Judge what happened again: by other documents, or to prove that it was judged so",
		Long: `With --with DIR, judges every recorded decision by the documents in DIR, on what the model said at the time, and tells what
would have been otherwise and which clauses nothing has used: look before you change intent.

  assent replay --since 30d --with ./new-intent

Without it, each decision is made again by the documents that it was made by, which the ledger keeps, and has to come out
byte for byte as it is recorded.

Nothing is sent and nothing is recorded. Exit code 3 if anything came out otherwise.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&r.with, "with", "", "documents to judge by; without: those of the time")
	cmd.Flags().StringVar(&r.since, "since", "", "only what was decided since: a length of time (30d, 12h) or a date (2006-01-02)")
	cmd.Flags().StringVar(&r.runID, "run", "", "only the decisions of a run")
	cmd.Flags().BoolVar(&r.json, "json", false, "as JSON")
	return cmd
}

// replaying is one run of the command.
type replaying struct {
	a                  *App
	with, since, runID string
	json               bool

	store *store.Store
	past  map[string]*decide.Engine // by digest; nil: the documents are not kept
}

// maxPast bounds the sets of documents that are compiled at once. Documents change
// now and then, and decisions come in order.
const maxPast = 16

// replayed is what the command writes as JSON.
type replayed struct {
	With string `json:"with,omitempty"` // digest of the documents; empty: those of the time
	replay.Report
	// Differing are decisions that did not come out as they are recorded.
	Differing []string `json:"differing,omitempty"`
}

// maxDiffering bounds the ids that are listed.
const maxDiffering = 100

func (r *replaying) run(ctx context.Context) error {
	from, err := r.a.when("since", r.since)
	if err != nil {
		return err
	}
	var set *intent.Set
	var other *decide.Engine
	out := replayed{}
	if r.with != "" {
		if set, err = intent.Load(os.DirFS(r.with)); err == nil {
			other, err = engine.Decider(set)
		}
		if err != nil {
			return err
		}
		out.With = set.Digest
	}
	if r.store, err = r.a.readLedger(ctx); err != nil {
		return err
	}
	defer r.store.Close()
	r.past = map[string]*decide.Engine{}
	report := replay.New()
	progress := term.NewProgress(r.a.Stderr, "replaying entries", r.store.Size(), r.a.Now)
	defer progress.End()
	var bad error
	differing := 0
	err = r.store.Scan(ctx, 0, func(e ledger.Stored) bool {
		progress.At(e.Index + 1)
		if e.Kind != ledger.KindDecision || e.At.Before(from) || r.runID != "" && e.Run != r.runID {
			return ctx.Err() == nil
		}
		var same bool
		if same, bad = r.one(ctx, e, other, report); bad != nil {
			bad = fmt.Errorf("entry %d: %w", e.Index, bad)
			return false
		}
		if !same {
			if differing++; differing <= maxDiffering {
				out.Differing = append(out.Differing, e.Key)
			}
		}
		return ctx.Err() == nil
	})
	progress.End()
	if err = errors.Join(err, bad, ctx.Err()); err != nil {
		return err
	}
	out.Report = report.Report(set)
	if r.json {
		err = writeJSON(r.a.Stdout, out)
	} else {
		r.print(out, differing)
	}
	if err == nil && (differing > 0 || r.with != "" && out.Same < out.Judged) {
		return exit{code: exitChanged}
	}
	return err
}

// one makes one decision again. same is false only where the documents of the time
// give other bytes.
func (r *replaying) one(ctx context.Context, e ledger.Stored, other *decide.Engine, report *replay.Replay) (same bool, err error) {
	was, err := ledger.ParseDecision(e.Envelope)
	if err != nil {
		return true, err
	}
	cuts, err := ledger.Cuts(e.Envelope)
	if err != nil {
		return true, err
	}
	facts, why := r.facts(ctx, was)
	decider := other
	if why == "" && other == nil && was.Basis.Intent != "" { // without one Again says why there is nothing to make again
		if decider = r.documents(ctx, was.Basis.Intent); decider == nil {
			why = "the documents that it was made by are not kept"
		}
	}
	switch {
	case why != "":
	case len(cuts) > 0 && cutsMatter(cuts):
		why = "its action was too long to be recorded whole"
	case other == nil && ledger.Redacted(e.Envelope):
		why = "a secret was taken out of its record" // so its digest is that of something else
	}
	if why != "" {
		report.Leave(why)
		return true, nil
	}
	now, why := gate.Again(ctx, decider, radius.Recall(facts), was)
	if why != "" {
		report.Leave(why)
		return true, nil
	}
	report.Add(was, now)
	if other != nil {
		return true, nil
	}
	again, err := ledger.DecisionStatement(now)
	if err != nil {
		return true, err
	}
	envelope, err := ledger.ParseEnvelope(e.Envelope)
	return bytes.Equal(again, envelope.Payload), err
}

// cutsMatter reports whether what was left out of a record was a part of the
// question, and not of the answer.
func cutsMatter(cuts []ledger.Cut) bool {
	for _, c := range cuts {
		if c.What != "sample" {
			return true
		}
	}
	return false
}

// facts reads what the model said; why says that it is not there.
func (r *replaying) facts(ctx context.Context, d policy.Decision) (f model.Facts, why string) {
	if d.Basis.Facts == "" {
		if d.Fault != "" || d.Basis.Intent == "" {
			return f, "" // Again says why there is nothing to make again
		}
		return f, "what the model said was not recorded then"
	}
	data, err := r.store.Object(ctx, ledger.FactsObject+d.Basis.Facts)
	if err == nil {
		f, err = ledger.ParseFacts(d.Basis.Facts, data)
	}
	if err != nil {
		return f, "what the model said is not kept"
	}
	return f, ""
}

// keptDocuments reads the documents of a digest; nil is nothing declared.
func keptDocuments(ctx context.Context, s *store.Store, digest string) (set *intent.Set, ok bool) {
	if digest == intent.None {
		return nil, true
	}
	data, err := s.Object(ctx, ledger.IntentObject+digest)
	if err == nil {
		set, err = intent.Unbundle(data)
	}
	return set, err == nil && set.Digest == digest
}

// documents compiles the documents of a digest; nil if they are not kept.
func (r *replaying) documents(ctx context.Context, digest string) *decide.Engine {
	if e, known := r.past[digest]; known {
		return e
	}
	if len(r.past) >= maxPast {
		clear(r.past)
	}
	set, ok := keptDocuments(ctx, r.store, digest)
	if !ok {
		r.past[digest] = nil
		return nil
	}
	e, err := engine.Decider(set)
	if err != nil {
		e = nil
	}
	r.past[digest] = e
	return e
}

func (r *replaying) print(out replayed, differing int) {
	w := r.a.Stdout
	if r.with == "" {
		fmt.Fprintf(w, "made again: %d decisions, %d of them byte for byte as they are recorded\n", out.Judged, out.Judged-differing)
		for _, id := range out.Differing {
			fmt.Fprintf(w, "  differs     %s    look at it: assent explain %s\n", id, id)
		}
	} else {
		fmt.Fprintf(w, "judged again: %d decisions, %d of them otherwise\n", out.Judged, out.Judged-out.Same)
	}
	for _, c := range out.Changes {
		fmt.Fprintf(w, "  %s → %s  %d × %s by %s, as in %s\n", c.Was, c.Now, c.Count, term.Plain(c.Operation), term.Plain(c.Actor), c.Example)
		fmt.Fprintf(w, "      why     %s\n", term.Plain(c.Why))
		if c.Source != "" {
			fmt.Fprintf(w, "      where   %s\n", term.Plain(c.Source))
		}
		if c.Repair != "" {
			fmt.Fprintf(w, "      repair  %s\n", term.Plain(c.Repair))
		}
	}
	if out.More > 0 {
		fmt.Fprintf(w, "  and %d more changes of other kinds\n", out.More)
	}
	for _, c := range out.Unused {
		fmt.Fprintf(w, "  unused      %s (%s) allowed nothing of it\n", c.Name, c.Source)
	}
	for _, why := range slices.Sorted(maps.Keys(out.Left)) {
		fmt.Fprintf(w, "  left out    %d: %s\n", out.Left[why], term.Plain(why))
	}
}
