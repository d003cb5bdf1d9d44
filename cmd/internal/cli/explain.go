package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/gate"
)

func (a *App) explainCommand() *cobra.Command {
	var asJSON, repair bool
	cmd := &cobra.Command{
		Use:   "explain DECISION",
		Short: "Tell a decision in full: what, why, who answers for it, what to do",
		Long: `Tells a decision in full: what, why, who answers for it, what to do.

With --repair it writes the refused call's input as it would be allowed, as far as a machine
can mend it: of an AWS call its parameters (aws SERVICE OPERATION --cli-input-json file://…),
of a Kubernetes call the object (kubectl apply -f -). Values that the record does not hold,
since they are secret, read "(redacted)". What cannot be mended is told, and then the command fails.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if repair {
				return a.repair(cmd.Context(), args[0])
			}
			return a.explain(cmd.Context(), args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&repair, "repair", false, "write the call's input as it would be allowed")
	cmd.MarkFlagsMutuallyExclusive("json", "repair")
	return cmd
}

// explained is what `assent explain --json` writes.
type explained struct {
	Index    uint64          `json:"index"`
	LeafHash ledger.Hash     `json:"leaf_hash"`
	Decision policy.Decision `json:"decision"`
	Outcome  *ledger.Outcome `json:"outcome,omitempty"`
	// Resolved is what was found out since of an outcome that was unknown.
	Resolved *ledger.Resolved `json:"resolved,omitempty"`
	Repairs  []gate.Repair    `json:"repairs,omitempty"`
}

// decision reads one decision, and what became of it.
func (a *App) decision(ctx context.Context, id string) (x explained, err error) {
	s, err := a.readLedger(ctx)
	if err != nil {
		return x, err
	}
	defer s.Close()
	found, err := s.Find(ctx, id)
	if err != nil {
		return x, err
	}
	seen := false
	for _, entry := range found {
		switch entry.Kind {
		case ledger.KindDecision:
			if x.Decision, err = ledger.ParseDecision(entry.Envelope); err != nil {
				return x, err
			}
			x.Index, x.LeafHash, seen = entry.Index, entry.LeafHash, true
		case ledger.KindOutcome:
			o, err := ledger.ParseOutcome(entry.Envelope)
			if err != nil {
				return x, err
			}
			x.Outcome = &o
			if o.Result == ledger.Unresolved {
				if x.Resolved, err = resolved(ctx, s, id, entry.Index); err != nil {
					return x, err
				}
			}
		}
	}
	if !seen {
		return x, repaired{fmt.Errorf("the ledger has no decision %q", id), "list what there is: assent ledger tail"}
	}
	return x, nil
}

// resolved is what entries after one say of a decision whose outcome was unknown; nil:
// nothing yet.
func resolved(ctx context.Context, s *store.Store, id string, after uint64) (found *ledger.Resolved, err error) {
	scanErr := s.Scan(ctx, after+1, func(e ledger.Stored) bool {
		if e.Kind != ledger.KindReconcile {
			return true
		}
		var r ledger.Reconciliation
		if r, err = ledger.ParseReconciliation(e.Envelope); err != nil {
			return false
		}
		if i := slices.IndexFunc(r.Resolved, func(known ledger.Resolved) bool { return known.Decision == id }); i >= 0 {
			found = &r.Resolved[i]
		}
		return found == nil
	})
	return found, errors.Join(err, scanErr)
}

func (a *App) explain(ctx context.Context, id string, asJSON bool) error {
	x, err := a.decision(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		if x.Repairs, _, err = mending(x.Decision); err != nil {
			return err
		}
		return writeJSON(a.Stdout, x)
	}
	decisionText(a.Stdout, x.Decision, x.Outcome)
	if x.Resolved != nil {
		fmt.Fprintf(a.Stdout, "  %-12s %s, by %s\n", "found out", x.Resolved.Result, term.Plain(x.Resolved.Event))
	}
	fmt.Fprintf(a.Stdout, "  %-12s entry %d, leaf %s\n", "evidence", x.Index, x.LeafHash)
	if f, ok := x.Decision.First(); ok && x.Decision.Verdict != policy.Allow {
		fmt.Fprintf(a.Stdout, "  %-12s assent help %s\n", "more", strings.TrimSpace(f.Code))
	}
	return nil
}

// mending is what can be mended of a decision's action, and by whom.
func mending(d policy.Decision) ([]gate.Repair, decoders.Mender, error) {
	platform, err := engine.Platform(d.Action.Platform)
	if err != nil {
		return nil, nil, err
	}
	m, _ := platform.(decoders.Mender)
	return gate.Repairs(platform, d), m, nil
}

// repair writes a call's input as it would be allowed.
func (a *App) repair(ctx context.Context, id string) error {
	x, err := a.decision(ctx, id)
	if err != nil {
		return err
	}
	if x.Decision.Verdict == policy.Allow {
		return repaired{fmt.Errorf("%s was allowed", id), "nothing has to be mended"}
	}
	all, m, err := mending(x.Decision)
	if err != nil {
		return err
	}
	var patches []model.Patch
	var left []string
	calls := [][]model.Patch{nil}
	for _, r := range all {
		if r.Kind == model.RepairSplit && len(r.Patches) > 1 {
			calls = nil
			for _, p := range r.Patches {
				calls = append(calls, []model.Patch{p})
			}
			continue
		}
		if len(r.Patches) == 0 {
			left = append(left, r.Code)
		}
		patches = append(patches, r.Patches...)
	}
	if m == nil || len(patches) == 0 && len(calls) == 1 {
		f, _ := x.Decision.First()
		return repaired{fmt.Errorf("no machine can mend this: %s", f.Title), f.Repair}
	}
	for _, call := range calls {
		input, err := m.Mended(x.Decision.Action, append(call, patches...))
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "%s\n", input)
	}
	if len(left) > 0 {
		return repaired{fmt.Errorf("it is mended but for %s", strings.Join(left, ", ")), "see why: assent explain " + id}
	}
	return nil
}

// readLedger opens the ledger for reading.
func (a *App) readLedger(ctx context.Context) (*store.Store, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	if cfg.LedgerServer.URL != "" {
		return nil, repaired{fmt.Errorf("the evidence is not here: it is kept by %s", cfg.LedgerServer.URL), "ask there, or name a ledger here: --ledger DIR"}
	}
	if _, err := os.Stat(cfg.Ledger); errors.Is(err, fs.ErrNotExist) {
		return nil, repaired{fmt.Errorf("there is no ledger in %s yet", cfg.Ledger), "record something: assent run -- CMD…"}
	}
	return store.Open(ctx, store.Config{Dir: cfg.Ledger, ReadOnly: true, Now: a.Now, Rand: a.Rand})
}
