package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/rego"
)

func (a *App) intentExportCommand() *cobra.Command {
	var asRego, questions bool
	var of string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the declared documents as a policy in Rego, and what a decision asked of them",
		Long: `Writes the clauses, blueprints and exceptions as one policy in Rego v1, so that somebody else's engine can judge what assent
judged. Its input are a decision's questions: what was asked of the documents, with the answers of whoever has the graph, the clock
and the memory for it. What is not in the policy it says itself.

  assent intent export --rego --of DECISION > intent.rego
  assent intent export --questions --of DECISION > input.json
  opa eval -d intent.rego -i input.json data.assent.intent.verdict`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asRego == questions {
				return repaired{errors.New("one of --rego and --questions has to be said"), "assent intent export --rego"}
			}
			if questions {
				return a.exportQuestions(cmd.Context(), of)
			}
			return a.exportRego(cmd.Context(), of)
		},
	}
	cmd.Flags().BoolVar(&asRego, "rego", false, "the documents as a policy")
	cmd.Flags().BoolVar(&questions, "questions", false, "what a decision asked of them, as JSON")
	cmd.Flags().StringVar(&of, "of", "", "a decision: its documents, instead of those of today")
	return cmd
}

func (a *App) exportRego(ctx context.Context, of string) error {
	var set *intent.Set
	if of == "" {
		_, now, err := a.declared()
		if err != nil {
			return err
		}
		set = now
	} else {
		_, _, then, err := a.judgedBy(ctx, of)
		if err != nil {
			return err
		}
		set = then
	}
	text, err := rego.Export(set)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(text)
	return err
}

// questioned is what `assent intent export --questions` writes.
type questioned struct {
	Questions []checks.Question `json:"questions"`
}

func (a *App) exportQuestions(ctx context.Context, of string) error {
	if of == "" {
		return repaired{errors.New("it is not said which decision"), "assent intent export --questions --of DECISION"}
	}
	d, s, set, err := a.judgedBy(ctx, of)
	if err != nil {
		return err
	}
	program, err := checks.Compile(set)
	if err != nil {
		return err
	}
	all, err := program.Questions(ctx, d, s)
	if err != nil {
		return err
	}
	return writeJSON(a.Stdout, questioned{all})
}

// judgedBy reads a decision, what the model said for it, and its documents.
func (a *App) judgedBy(ctx context.Context, id string) (d policy.Decision, s model.Snapshot, set *intent.Set, err error) {
	x, err := a.decision(ctx, id)
	if err != nil {
		return d, nil, nil, err
	}
	kept, err := a.readLedger(ctx)
	if err != nil {
		return d, nil, nil, err
	}
	defer kept.Close()
	d = x.Decision
	facts, why := (&replaying{store: kept}).facts(ctx, d)
	set, ok := keptDocuments(ctx, kept, d.Basis.Intent)
	switch {
	case why != "":
	case d.Fault != "" || d.Basis.Intent == "":
		why = "no documents were asked"
	case !ok:
		why = "the documents that it was made by are not kept"
	}
	if why != "" {
		return d, nil, nil, fmt.Errorf("decision %s: %s", d.ID, why)
	}
	return d, radius.Recall(facts), set, nil
}
