package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/files"
	"github.com/assent-iom/assent/model/store"
)

func (a *App) modelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Take in what files say exists",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(a.modelImportCommand())
	return cmd
}

func (a *App) modelImportCommand() *cobra.Command {
	var asJSON, dry bool
	var intended string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in what a Terraform state, a plan, or a YAML file says exists",
		Long: `Reads what a file says exists into the model: the state of Terraform or OpenTofu (version 4), what terraform show -json
prints of a state or a plan (of a plan: what is there before it), or YAML (assent help imports). - is stdin.

What a file says is laid beside what was read from the cloud, never over it, and takes nothing away. Each resource keeps
which file it is from, and how sure it is who it is: stated (by its ARN or URN), ruled (by an id that only one kind of
thing has). What has neither is skipped. Values that the file marks as sensitive are not kept.

With --intended, what the file says is what is meant, not what was seen: nothing is taken in, and Resource documents of that
owner are printed that declare it. They are a draft, which a person reads and keeps among the documents. Of Terraform's words
those are taken that the resource, as it was read, has too.`,
		Example: `  terraform state pull | assent model import -
  assent model import datacentre.yaml --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if intended != "" {
				return a.modelIntended(cmd.Context(), args[0], intended)
			}
			return a.modelImport(cmd.Context(), args[0], dry, asJSON)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be taken in, and keep nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&intended, "intended", "", "print the documents of this `owner` that declare what the file says")
	return cmd
}

// modelIntended drafts the documents that declare what a file says.
func (a *App) modelIntended(ctx context.Context, name, owner string) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	said, err := a.readImport(ctx, name, cfg.Tables)
	if err != nil {
		return repaired{fmt.Errorf("reading %s: %w", name, err), "give a Terraform state (terraform state pull), terraform show -json, or YAML: assent help imports"}
	}
	s, err := a.readModel(ctx)
	if err != nil {
		return err
	}
	text, left, err := files.Intended(said, owner, s.Resource)
	if err != nil {
		return err
	}
	if _, err := a.Stdout.Write(text); err != nil {
		return err
	}
	a.note("a draft, from %s: %s are in no document, for they have no name of the platform's; read it, and keep it among the documents", said.Source, plural(left, "value"))
	return nil
}

// readImport reads a file by the decoders' own notions.
func (a *App) readImport(ctx context.Context, name, tables string) (*files.Import, error) {
	amazon, bad, err := engine.Amazon(tables)
	if err != nil {
		return nil, err
	}
	if bad != nil {
		a.note("note: the machine's own aws table is not used, but the embedded one: %v", bad)
	}
	in := a.input(ctx)
	if name != "-" {
		f, err := os.Open(a.absolute(name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return files.Read(in, files.Config{Identify: amazon.Identify, Redact: wire.RedactTree})
}

func (a *App) modelImport(ctx context.Context, name string, dry, asJSON bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	said, err := a.readImport(ctx, name, cfg.Tables)
	if err != nil {
		return repaired{fmt.Errorf("reading %s: %w", name, err), "give a Terraform state (terraform state pull), terraform show -json, or YAML: assent help imports"}
	}
	if dry {
		said.Veil(nil)
	} else if err := a.keepImport(ctx, cfg, said); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Stdout, said)
	}
	for _, i := range said.Imported {
		fmt.Fprintf(a.Stdout, "%-8s %-28s %s\n", i.Confidence, i.Type, term.Plain(string(i.URN)))
	}
	for _, s := range said.Skipped {
		fmt.Fprintf(a.Stdout, "%-8s %-28s %s\n", "skipped", term.Plain(s.Address), term.Plain(s.Why))
	}
	did := "taken in"
	if dry {
		did = "would be taken in"
	}
	a.note("%s: %s %s, %d skipped", said.Source, plural(len(said.Imported), "resource"), did, len(said.Skipped))
	return nil
}

// keepImport lays what a file says beside what is known.
func (a *App) keepImport(ctx context.Context, cfg *config.Config, said *files.Import) (err error) {
	s, err := models(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	g, err := loaded(ctx, s)
	if err != nil {
		return err
	}
	veil, err := engine.VeilOf(ctx, s)
	if err != nil {
		return err
	}
	said.Veil(veil)
	all := make([]model.Observation, len(said.Observations))
	for i, o := range said.Observations {
		if known, ok := g.Snapshot().Resource(o.Resource.URN); ok { // a file is no look at it
			o.Resource.SeenAt, o.Resource.Source, o.Resource.Tags = known.SeenAt, known.Source, nil
		}
		all[i] = o
	}
	w := store.NewWriter(s)
	collect.NewPassing(collect.Config{Graph: g, Veil: veil, Saver: w}).Learn(all, said.Source, a.Now())
	return w.Close()
}
