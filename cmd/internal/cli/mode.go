package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/model/intent"
)

func (a *App) modeCommand() *cobra.Command {
	var env string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "mode [observe|enforce --env ENVIRONMENT]",
		Short: "Show, or set for one environment, whether changes are refused or only recorded",
		Long: `Without arguments, shows for each environment whether what is not declared is refused there. With a mode and --env, writes it
into the Environment's document and changes nothing else in the file; a running assent serve takes it up.

  assent mode enforce --env staging

An environment is enforced only where assent itself enforces (assent run --enforce, or mode: enforce in assent.yaml).`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"observe", "enforce"},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.modes(asJSON)
			}
			return a.setMode(args[0], env)
		},
	}
	cmd.Flags().StringVar(&env, "env", "", "the `environment` to set it for")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

// environmentMode is a line of `assent mode --json`.
type environmentMode struct {
	Environment string `json:"environment"`
	Mode        string `json:"mode"`
	Source      string `json:"source"`
}

func (a *App) modes(asJSON bool) error {
	cfg, set, err := a.declared()
	if err != nil {
		return err
	}
	if set.Empty() {
		return repaired{errors.New("no environment is declared"), "--intent DIR, or draft documents: assent intent suggest"}
	}
	for _, e := range set.Environments {
		m := environmentMode{e.Name, string(e.Mode), e.Pos.String()}
		if m.Mode == "" {
			m.Mode = "enforce"
		}
		if asJSON {
			if err := writeJSON(a.Stdout, m); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.Stdout, "%-8s  %s (%s)\n", m.Mode, m.Environment, m.Source)
	}
	if !asJSON {
		a.note("assent itself is set to %s; --enforce and mode: in assent.yaml decide", cfg.Mode)
	}
	return nil
}

func (a *App) setMode(mode, env string) error {
	if mode != "observe" && mode != "enforce" {
		return exit{2, repaired{fmt.Errorf("%q is no mode", mode), "assent mode observe --env NAME, or enforce"}}
	}
	if env == "" {
		return exit{2, repaired{errors.New("whose mode is not said"), "assent mode " + mode + " --env NAME; for all of them: mode: " + mode + " in assent.yaml"}}
	}
	cfg, set, err := a.declared()
	if err != nil {
		return err
	}
	var file string
	if set != nil {
		for _, e := range set.Environments {
			if e.Name == env {
				file = filepath.Join(cfg.Intent, e.Pos.File)
			}
		}
	}
	if file == "" {
		return repaired{fmt.Errorf("no Environment %q is declared", env), "assent mode lists what there is"}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := intent.SetMode(text, env, intent.Mode(mode))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := replaceFile(file, changed); err != nil {
		return err
	}
	if set, err = a.documents(cfg); err == nil {
		err = engine.Compile(set)
	}
	if err != nil { // what was there is put back: a set that does not read enforces nothing new
		return errors.Join(err, replaceFile(file, text))
	}
	fmt.Fprintf(a.Stdout, "%s: %s\n", env, mode)
	if cfg.Signers.Asks() {
		a.note("it comes into force once it is signed: assent intent review")
	}
	return nil
}

// replaceFile writes a file anew, so that nobody ever reads half of it.
func replaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".assent-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
