package cli

import (
	"context"
	"fmt"
	"sort"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// dependentsShown bounds the answer for people and JSON alike.
const dependentsShown = 1000

func (a *App) whatCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "what [URN|ID]",
		Short:             "Say what is known of a resource and what depends on it; or list all",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeResources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.whatAll(cmd.Context(), asJSON)
			}
			return a.what(cmd.Context(), args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// known is what `assent what --json` writes.
type known struct {
	Resource     model.Resource   `json:"resource"`
	Dependencies []model.Relation `json:"dependencies"`
	Dependents   model.Reach      `json:"dependents"`
	Ownership    owned            `json:"ownership"`
	Model        model.Version    `json:"model"`
}

func (a *App) what(ctx context.Context, id string, asJSON bool) error {
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	r, err := find(s, id)
	if err != nil {
		return err
	}
	who, err := a.ladder(ctx)
	if err != nil {
		return err
	}
	k := known{r, s.Dependencies(r.URN), s.Dependents([]model.URN{r.URN}, dependentsShown), who.of(r, s), s.Version()}
	if asJSON {
		if k.Dependencies == nil {
			k.Dependencies = []model.Relation{}
		}
		if k.Dependents.Hops == nil {
			k.Dependents.Hops = []model.Hop{}
		}
		return writeJSON(a.Stdout, k)
	}
	fmt.Fprintf(a.Stdout, "%s\n  type        %s\n", term.Plain(string(r.URN)), r.Type)
	if r.Name != "" {
		fmt.Fprintf(a.Stdout, "  name        %s\n", term.Plain(r.Name))
	}
	tags := make([]string, 0, len(r.Tags))
	for name, value := range r.Tags {
		tags = append(tags, name+"="+value)
	}
	sort.Strings(tags)
	for _, tag := range tags {
		fmt.Fprintf(a.Stdout, "  tag         %s\n", term.Plain(tag))
	}
	fmt.Fprintf(a.Stdout, "  seen        %s\n", r.SeenAt.UTC().Format("2006-01-02 15:04:05 MST"))
	a.ownerLines(k.Ownership)
	for _, d := range k.Dependencies {
		fmt.Fprintf(a.Stdout, "  depends on  %s (%s)\n", term.Plain(string(d.To)), d.Type)
	}
	for _, h := range k.Dependents.Hops {
		fmt.Fprintf(a.Stdout, "  needed by   %s (%s, %d away)\n", term.Plain(string(h.URN)), h.Relation, h.Depth)
	}
	if !k.Dependents.Complete {
		fmt.Fprintln(a.Stdout, "  needed by   more than are shown here")
	}
	return nil
}

func (a *App) whatAll(ctx context.Context, asJSON bool) error {
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	var bad error
	none := true
	s.Each(func(r model.Resource) bool {
		none = false
		if asJSON {
			bad = writeJSON(a.Stdout, r)
		} else {
			_, bad = fmt.Fprintf(a.Stdout, "%-28s %s\n", r.Type, term.Plain(string(r.URN)))
		}
		return bad == nil
	})
	if none {
		a.note("nothing is known yet: assent collect, or assent run -- CMD that reads")
	}
	return bad
}

// readModel loads what is kept of the model.
func (a *App) readModel(ctx context.Context) (model.Snapshot, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	s, err := models(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	g, err := loaded(ctx, s)
	if err != nil {
		return nil, err
	}
	return g.Snapshot(), nil
}

// shared is the database of the model, if it is in one.
func shared(cfg *config.Config) engine.Shared {
	return engine.Shared{URL: cfg.Store.URL, MaxAge: cfg.Store.MaxAge}
}

// models opens the model where it is kept.
func models(ctx context.Context, cfg *config.Config) (engine.Models, error) {
	return engine.OpenModels(ctx, cfg.Model, shared(cfg))
}

// loaded is the graph that a store keeps.
func loaded(ctx context.Context, s engine.Models) (*graph.Graph, error) {
	resources, relations, err := s.Load(ctx)
	if err != nil {
		return nil, err
	}
	veil, err := engine.VeilOf(ctx, s)
	if err != nil {
		return nil, err
	}
	g := graph.New(graph.Config{Veil: veil})
	g.Load(resources, relations)
	return g, nil
}
