package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/suggest"
)

func (a *App) intentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "intent", Short: "Check, draft and describe declared documents"}
	cmd.AddCommand(a.intentCheckCommand(), a.intentSuggestCommand(), a.intentLintCommand(), a.intentDiffCommand(), a.intentTestCommand(), a.intentReviewCommand(), a.intentSignCommand(), a.intentExportCommand(), a.intentRefineCommand(), &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the documents, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Stdout, "%s\n", intent.Schema())
			return err
		},
	})
	return cmd
}

// checked is what `assent intent check --json` writes.
type checked struct {
	OK       bool             `json:"ok"`
	Digest   string           `json:"digest,omitempty"`
	Counts   map[string]int   `json:"documents,omitempty"`
	Problems []intent.Problem `json:"problems"`
}

func (a *App) intentCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the documents as the gate would, and run the rules' own tests",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.intentCheck(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *App) intentCheck(asJSON bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if cfg.Intent == "" {
		return repaired{errors.New("no directory of declared documents is set"), "assent intent check --intent DIR, or intent: DIR in assent.yaml"}
	}
	set, err := a.someDocuments(cfg)
	if err == nil {
		err = engine.Compile(set)
	}
	out := checked{OK: err == nil, Problems: []intent.Problem{}}
	if err == nil {
		out.Digest = set.Digest
		out.Counts = map[string]int{
			"Environment": len(set.Environments), "Actor": len(set.Actors), "Owner": len(set.Owners),
			"Intent": len(set.Intents), "Rule": len(set.Rules), "Blueprint": len(set.Blueprints), "Exception": len(set.Exceptions), "Resource": len(set.Resources),
		}
	}
	var problems *intent.Error
	if errors.As(err, &problems) {
		out.Problems = problems.Problems
	}
	switch {
	case asJSON && (err == nil || problems != nil):
		if err := writeJSON(a.Stdout, out); err != nil {
			return err
		}
		if err != nil {
			return exit{code: 1}
		}
	case err == nil:
		fmt.Fprintf(a.Stdout, "ok: %d environments, %d actors, %d owners, %d intents, %d rules, %d blueprints, %d exceptions, %d resources; %s\n", len(set.Environments), len(set.Actors),
			len(set.Owners), len(set.Intents), len(set.Rules), len(set.Blueprints), len(set.Exceptions), len(set.Resources), set.Digest)
	}
	return err
}

// someDocuments are the declared documents of who asks whether they are in order: a
// folder without any is rather another folder than was meant.
func (a *App) someDocuments(cfg *config.Config) (*intent.Set, error) {
	set, err := a.documents(cfg)
	if err == nil && set.Empty() {
		err = repaired{fmt.Errorf("there is no document in %s", cfg.Intent), "--intent the folder that has them; assent init writes first ones"}
	}
	return set, err
}

func (a *App) intentSuggestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "suggest [RUN]",
		Short: "Draft the intent that would have allowed a run's changes",
		Long: `Prints the documents that would have allowed exactly the changes of a run that nobody declared: of the newest run, or of
the one that is named. They are a draft: what a person must answer for is left to a person, and says so.

  assent intent suggest >> intent/draft.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run := ""
			if len(args) > 0 {
				run = args[0]
			}
			return a.intentSuggest(cmd.Context(), run)
		},
	}
}

// decisionsKept bounds what a draft is made from: the newest of a run.
const decisionsKept = 100_000

func (a *App) intentSuggest(ctx context.Context, run string) error {
	_, set, err := a.declared()
	if err != nil {
		return err
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	newest, decisions := "", []policy.Decision(nil)
	var bad error
	err = s.Scan(ctx, 0, func(e ledger.Stored) bool {
		if e.Kind != ledger.KindDecision || run != "" && e.Run != run {
			return true
		}
		d, err := ledger.ParseDecision(e.Envelope)
		if err != nil {
			bad = fmt.Errorf("entry %d: %w", e.Index, err)
			return false
		}
		if !d.Action.Mutates() || d.Verdict == policy.Allow {
			return true
		}
		if e.Run != newest {
			newest, decisions = e.Run, nil
		}
		if len(decisions) < decisionsKept {
			decisions = append(decisions, d)
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	if len(decisions) == 0 {
		what := "no run has made a change that nobody declared"
		if run != "" {
			what = run + " has made no change that nobody declared"
		}
		return repaired{errors.New(what), "observe something first: assent run -- CMD…"}
	}
	draft, err := suggest.Suggest(decisions, set)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(draft)
	return err
}
