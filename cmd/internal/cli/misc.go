package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/term"
)

// absolute makes a path that a flag gives absolute.
func (a *App) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.Dir, path)
}

func (a *App) configCommand() *cobra.Command {
	var asJSON, example bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show every setting and where it comes from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if example {
				_, err := fmt.Fprint(a.Stdout, config.Example)
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			for _, v := range cfg.Values() {
				if asJSON {
					err = writeJSON(a.Stdout, v)
				} else {
					_, err = fmt.Fprintf(a.Stdout, "%-13s %-50s %s\n", v.Field, term.Plain(setting(v.Value)), v.Origin)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	cmd.Flags().BoolVar(&example, "example", false, "print a documented assent.yaml instead")
	return cmd
}

// setting is a value as people read it: a text as it is, others as JSON, nothing for nothing.
func setting(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		return text
	}
	if s := string(data); s != "{}" && s != "[]" {
		return s
	}
	return ""
}

// versioned is what `assent version --json` writes.
type versioned struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Table    string `json:"table"` // hash of the AWS table that this machine works with
}

func (a *App) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versioned{Version: a.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			if asJSON {
				n, err := a.newestTable()
				if err != nil {
					return err
				}
				v.Table = n.Manifest.Table
				return writeJSON(a.Stdout, v)
			}
			_, err := fmt.Fprintf(a.Stdout, "assent %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
