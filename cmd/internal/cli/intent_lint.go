package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/lint"
)

func (a *App) intentLintCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Find clauses that can never take effect, or that another one makes needless",
		Long: `Reads the declared documents for what they do not say: clauses that a never clause forbids altogether, clauses that others
make needless, clauses about nobody or nowhere, actors and environments that no clause is about, exceptions that have ended or
waive what nobody asks. Exit code 3 if there is any.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.intentLint(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) intentLint(asJSON bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if cfg.Intent == "" {
		return repaired{errors.New("no directory of declared documents is set"), "assent intent lint --intent DIR, or intent: DIR in assent.yaml"}
	}
	set, err := a.someDocuments(cfg)
	if err != nil {
		return err
	}
	problems := lint.Check(set, a.Now())
	for _, p := range problems {
		if asJSON {
			if err := writeJSON(a.Stdout, p); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%s: %s is %s: %s\n  repair: %s\n", p.Source, term.Plain(p.What), p.Kind, term.Plain(p.Why), term.Plain(p.Repair))
	}
	if len(problems) > 0 {
		return exit{code: exitDenied}
	}
	if !asJSON {
		fmt.Fprintln(a.Stdout, "ok: every clause can take effect, and none is needless")
	}
	return nil
}

func (a *App) intentDiffCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two directories of documents by what they allow and forbid",
		Long: `Tells what the documents in NEW allow or forbid that those in OLD do not, and the other way round, each with a request that it
makes a difference to. A clause that was only moved, renamed or written otherwise makes none. What it would have meant for what
really happened, assent replay tells. Exit code 3 if there is any difference.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.intentDiff(args[0], args[1], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) intentDiff(oldDir, newDir string, asJSON bool) error {
	var sets [2]*intent.Set
	for i, dir := range []string{oldDir, newDir} {
		set, err := intent.Load(os.DirFS(dir))
		if err == nil {
			err = engine.Compile(set)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		sets[i] = set
	}
	differences := lint.Diff(sets[0], sets[1])
	if err := a.tellDifferences(differences, asJSON); err != nil {
		return err
	}
	if len(differences) > 0 {
		return exit{code: exitDenied}
	}
	if !asJSON {
		fmt.Fprintln(a.Stdout, "ok: they mean the same")
	}
	return nil
}

// tellDifferences writes what two sets differ in.
func (a *App) tellDifferences(differences []lint.Difference, asJSON bool) error {
	for _, d := range differences {
		if asJSON {
			if err := writeJSON(a.Stdout, d); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%-12s  %s  (%s)\n", d.Effect, term.Plain(d.What), d.Source)
		if d.Example != "" {
			fmt.Fprintf(a.Stdout, "              as in: %s\n", term.Plain(d.Example))
		}
	}
	return nil
}
