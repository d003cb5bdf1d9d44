package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/lint"
)

func (a *App) canCommand() *cobra.Command {
	var c canning
	cmd := &cobra.Command{
		Use:   "can ACTOR VERB [WHAT]",
		Short: "Say by which clauses an actor may do something",
		Long: `Reads the declared documents and lists every clause by which an actor may do something, with what else the clause asks for and
the never clauses that take a part of it. WHAT is a capability (database.*), a URN or a name. What blueprints, rules and budgets
take away on top, and what depends on a resource, only a call shows: assent may. Exit code 3 if there is no such clause.

  assent can deploy-agent delete "database.*" --in prod`,
		Args:              cobra.RangeArgs(2, 3),
		ValidArgsFunction: a.completeCan,
		RunE: func(_ *cobra.Command, args []string) error {
			c.actor = args[0]
			return a.can(c, args[1:])
		},
	}
	c.flags(cmd)
	return cmd
}

func (a *App) whoCanCommand() *cobra.Command {
	var c canning
	cmd := &cobra.Command{
		Use:   "who-can VERB [WHAT]",
		Short: "Say who may do something, and by which clauses",
		Long: `As assent can, for every declared actor.

  assent who-can delete "database.*"`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return a.can(c, args) },
	}
	c.flags(cmd)
	return cmd
}

// canning is a question of `can` and `who-can`.
type canning struct {
	actor, in string
	json      bool
}

func (c *canning) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.in, "in", "", "only in this `environment`")
	cmd.Flags().BoolVar(&c.json, "json", false, "as JSON lines")
}

func (a *App) can(c canning, args []string) error {
	_, set, err := a.declared()
	if err != nil {
		return err
	}
	if set.Empty() {
		return repaired{errors.New("nothing is declared, so nobody may change anything"), "--intent DIR, or draft documents: assent intent suggest"}
	}
	q := lint.Query{Actor: c.actor, Verb: model.Verb(args[0]), In: c.in}
	if !q.Verb.Valid() {
		return exit{2, repaired{fmt.Errorf("%q is no verb", args[0]), "one of: " + words(model.Verbs())}}
	}
	if q.Actor != "" && !slices.ContainsFunc(set.Actors, func(d *intent.Actor) bool { return d.Name == q.Actor }) {
		return exit{2, repaired{fmt.Errorf("no Actor %q is declared", q.Actor), "assent who-can " + args[0] + " lists who may"}}
	}
	if q.In != "" && !slices.ContainsFunc(set.Environments, func(e *intent.Environment) bool { return e.Name == q.In }) {
		return exit{2, repaired{fmt.Errorf("no Environment %q is declared", q.In), "leave --in out to see all"}}
	}
	if len(args) > 1 {
		q.What = args[1]
		q.Resource = strings.ContainsAny(q.What, ":/") || !strings.ContainsAny(q.What, ".*") && !capability(q.What)
	}
	rights := lint.Who(set, q)
	for _, r := range rights {
		if c.json {
			if err := writeJSON(a.Stdout, r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%s may %s in %s, by %s (%s)\n", term.Plain(r.Actor), words(r.Verbs), strings.Join(r.In, ", "), r.Clause, r.Source)
		for _, condition := range r.If {
			fmt.Fprintf(a.Stdout, "  if      %s\n", term.Plain(condition))
		}
		for _, n := range r.Except {
			fmt.Fprintf(a.Stdout, "  except  what %s forbids\n", n)
		}
	}
	if len(rights) > 0 {
		return nil
	}
	if !c.json {
		fmt.Fprintln(a.Stdout, "nobody: no clause allows it, or a never clause forbids all of it")
	}
	if q.Resource && !strings.ContainsAny(q.What, ":/") {
		a.note("%q was taken for a name; of a capability it is %q", q.What, q.What+".*")
	}
	return exit{code: exitDenied}
}

// capability reports whether a word without a dot is a portable noun.
func capability(word string) bool { return word == "key" || word == "config" || word == "secret" }

func words(verbs []model.Verb) string {
	out := make([]string, len(verbs))
	for i, v := range verbs {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}

// completeCan offers declared actors and then verbs.
func (a *App) completeCan(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var out []string
	switch len(args) {
	case 0:
		cfg, err := a.load()
		if err != nil {
			break
		}
		if set, err := a.documents(cfg); err == nil && set != nil {
			for _, d := range set.Actors {
				out = append(out, d.Name)
			}
		}
	case 1:
		for _, v := range model.Verbs() {
			out = append(out, string(v))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
