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
}

// ownerTags are the tags and labels by which people say whose a thing is, where
// no Owner document says it.
var ownerTags = []string{"owner", "team", "backstage.io/owner"}

func (a *App) ownersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "owners [URN|ID]",
		Short: "Say who answers for a resource, and who else claims it; or for all",
		Long: `Says for a resource, or for all that are known, who answers for it: exactly one person, found by the nearest of a URN,
a tag or label, a namespace, an account, its environment's owner, and what everybody inherits from. It is the answer
that a decision names. Where two are equally near it is neither, and both are shown; who is further away and says
otherwise is shown too. Tags that no Owner document takes up are hints, and make nobody accountable.`,
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
	p, err := a.program()
	if err != nil {
		return err
	}
	if id != "" {
		r, err := find(s, id)
		if err != nil {
			return err
		}
		return a.showOwner(newOwned(p, r, s), asJSON)
	}
	var bad error
	s.Each(func(r model.Resource) bool {
		bad = a.showOwner(newOwned(p, r, s), asJSON)
		return bad == nil
	})
	return bad
}

func newOwned(p *checks.Program, r model.Resource, s model.Snapshot) owned {
	o := p.Ownership(r, s)
	line := owned{URN: r.URN, Type: r.Type, Owner: o.Owner, Accountable: o.Person, Contact: o.Contact, From: o.From, Rivals: o.Rivals, Others: o.Others}
	if o.Owner != "" || len(o.Rivals) > 0 {
		return line
	}
	for key, value := range r.Tags {
		if slices.Contains(ownerTags, strings.ToLower(key)) && value != "" {
			line.Hints = append(line.Hints, checks.Claim{Owner: value, From: "tag " + key})
		}
	}
	slices.SortFunc(line.Hints, func(a, b checks.Claim) int { return strings.Compare(a.From, b.From) })
	return line
}

func (a *App) showOwner(o owned, asJSON bool) error {
	if asJSON {
		return writeJSON(a.Stdout, o)
	}
	who := "nobody is declared"
	switch {
	case len(o.Rivals) > 0:
		who = "nobody: " + strings.Join(o.Rivals, " and ") + " are equally near"
	case o.Owner != "":
		who = fmt.Sprintf("%s, %s (%s)", o.Owner, o.Accountable, o.From)
	}
	fmt.Fprintf(a.Stdout, "%s\n  answers     %s\n", term.Plain(string(o.URN)), term.Plain(who))
	if o.Contact != "" {
		fmt.Fprintf(a.Stdout, "  contact     %s\n", term.Plain(o.Contact))
	}
	for _, c := range o.Others {
		fmt.Fprintf(a.Stdout, "  also claims %s (%s)\n", term.Plain(c.Owner), term.Plain(c.From))
	}
	for _, c := range o.Hints {
		fmt.Fprintf(a.Stdout, "  hint        %s (%s)\n", term.Plain(c.Owner), term.Plain(c.From))
	}
	return nil
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
