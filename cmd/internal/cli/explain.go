package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/policy"
)

func (a *App) explainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain DECISION",
		Short: "Tell a decision in full: what, why, who answers for it, what to do",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.explain(cmd.Context(), args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// explained is what `assent explain --json` writes.
type explained struct {
	Index    uint64          `json:"index"`
	LeafHash ledger.Hash     `json:"leaf_hash"`
	Decision policy.Decision `json:"decision"`
	Outcome  *ledger.Outcome `json:"outcome,omitempty"`
}

func (a *App) explain(ctx context.Context, id string, asJSON bool) error {
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := s.Find(ctx, id)
	if err != nil {
		return err
	}
	var x explained
	seen := false
	for _, entry := range found {
		switch entry.Kind {
		case ledger.KindDecision:
			if x.Decision, err = ledger.ParseDecision(entry.Envelope); err != nil {
				return err
			}
			x.Index, x.LeafHash, seen = entry.Index, entry.LeafHash, true
		case ledger.KindOutcome:
			o, err := ledger.ParseOutcome(entry.Envelope)
			if err != nil {
				return err
			}
			x.Outcome = &o
		}
	}
	if !seen {
		return repaired{fmt.Errorf("the ledger has no decision %q", id), "list what there is: assent ledger tail"}
	}
	if asJSON {
		return writeJSON(a.Stdout, x)
	}
	decisionText(a.Stdout, x.Decision, x.Outcome)
	fmt.Fprintf(a.Stdout, "  %-12s entry %d, leaf %s\n", "evidence", x.Index, x.LeafHash)
	if f, ok := x.Decision.First(); ok && x.Decision.Verdict != policy.Allow {
		fmt.Fprintf(a.Stdout, "  %-12s assent help %s\n", "more", strings.TrimSpace(f.Code))
	}
	return nil
}

// readLedger opens the ledger for reading.
func (a *App) readLedger(ctx context.Context) (*store.Store, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.Ledger); errors.Is(err, fs.ErrNotExist) {
		return nil, repaired{fmt.Errorf("there is no ledger in %s yet", cfg.Ledger), "record something: assent run -- CMD…"}
	}
	return store.Open(ctx, store.Config{Dir: cfg.Ledger, ReadOnly: true, Now: a.Now, Rand: a.Rand})
}
