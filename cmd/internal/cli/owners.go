package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/owners"
	"github.com/assent-iom/assent/policy/checks"
)

// owned is a line of `assent owners --json`: see docs/json.md.
type owned struct {
	URN         model.URN      `json:"urn"`
	Type        string         `json:"type"`
	Owner       string         `json:"owner,omitempty"`
	Accountable string         `json:"accountable,omitempty"`
	Contact     string         `json:"contact,omitempty"`
	From        string         `json:"from,omitempty"`
	Rivals      []string       `json:"rivals,omitempty"`
	Others      []checks.Claim `json:"others,omitempty"`
	Hints       []checks.Claim `json:"hints,omitempty"`
	Claims      []owners.Claim `json:"claims,omitempty"`
	Said        *owners.Claim  `json:"said,omitempty"`
	Conflict    bool           `json:"conflict,omitempty"`
}

func (a *App) ownersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "owners [URN|ID]",
		Short: "Say who answers for a resource, and who else claims it; or for all",
		Long: `Says for a resource, or for all that are known, who answers for it: exactly one person, found by the nearest of a URN,
a tag or label, a namespace, an account, its environment's owner, and what everybody inherits from. It is the answer
that a decision names. Where two are equally near it is neither, and both are shown; who is further away and says
otherwise is shown too.

Beside what is declared it shows what others have written: tags that no Owner document takes up, CODEOWNERS and Terraform
workspaces (owners: in assent.yaml), the tags of what it lives in, and who made it through the proxy. These make nobody
accountable and change no verdict: they say whom to ask, and where they differ from what is declared.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			return a.owners(cmd.Context(), id, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, one line a resource")
	return cmd
}

// program compiles the declared documents; without any, nobody owns anything.
func (a *App) program() (*checks.Program, error) {
	_, set, err := a.declared()
	if err != nil {
		return nil, err
	}
	if set == nil {
		set = &intent.Set{}
	}
	return checks.Compile(set)
}

func (a *App) owners(ctx context.Context, id string, asJSON bool) error {
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	who, err := a.ladder(ctx)
	if err != nil {
		return err
	}
	if id != "" {
		r, err := find(s, id)
		if err != nil {
			return err
		}
		return a.showOwner(who.of(r, s), asJSON)
	}
	var bad error
	s.Each(func(r model.Resource) bool {
		bad = a.showOwner(who.of(r, s), asJSON)
		return bad == nil
	})
	return bad
}

func (a *App) showOwner(o owned, asJSON bool) error {
	if asJSON {
		return writeJSON(a.Stdout, o)
	}
	fmt.Fprintf(a.Stdout, "%s\n", term.Plain(string(o.URN)))
	a.ownerLines(o)
	return nil
}

// ownerLines says who answers for a resource, and who else says so.
func (a *App) ownerLines(o owned) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.Stdout, "  %-11s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	switch {
	case len(o.Rivals) > 0:
		line("answers", "nobody: %s are equally near", strings.Join(o.Rivals, " and "))
	case o.Owner != "":
		line("answers", "%s, %s (%s)", o.Owner, o.Accountable, o.From)
	default:
		line("answers", "nobody is declared")
	}
	if o.Contact != "" {
		line("contact", "%s", o.Contact)
	}
	if o.Said != nil {
		line("ask", "%s (%s, %s)", o.Said.Owner, o.Said.Source, o.Said.Confidence)
	}
	for _, c := range o.Others {
		line("also claims", "%s (%s)", c.Owner, c.From)
	}
	for _, c := range o.Claims {
		if said := o.Said != nil && *o.Said == c; said || c.Declared || c.Owner == o.Owner {
			continue
		}
		name := "says"
		if c.Rung == owners.Creator {
			name = "made by"
		}
		line(name, "%s (%s, %s)", c.Owner, c.Source, c.Confidence)
	}
	if o.Conflict && len(o.Rivals) == 0 {
		line("conflict", "%s", disagree(o.Claims))
	}
}

// disagree names those who claim one thing.
func disagree(claims []owners.Claim) string {
	var names []string
	for _, c := range claims {
		wider := c.Rung == owners.Creator || c.Rung == owners.Container && claims[0].Declared
		if !wider && !slices.Contains(names, c.Owner) {
			names = append(names, c.Owner)
		}
	}
	return strings.Join(names, " and ") + " are named; a document settles it: owns: [{urn: …}]"
}

// find returns a resource by any of its identifiers.
func find(s model.Snapshot, id string) (model.Resource, error) {
	urn, ok := s.Resolve(id)
	if !ok {
		urn = model.URN(id)
	}
	r, ok := s.Resource(urn)
	if !ok {
		return r, repaired{fmt.Errorf("the model does not know %q", id), "let it be seen: assent run -- CMD that reads it; list what is known: assent what"}
	}
	return r, nil
}

// maxCompletions bounds what a shell is offered.
const maxCompletions = 500

// completeResources completes URNs that are known.
func (a *App) completeResources(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := a.readModel(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	s.Each(func(r model.Resource) bool {
		if strings.HasPrefix(string(r.URN), prefix) {
			out = append(out, cobra.CompletionWithDesc(string(r.URN), r.Type))
		}
		return len(out) < maxCompletions
	})
	return out, cobra.ShellCompDirectiveNoFileComp
}
