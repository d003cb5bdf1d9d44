package cli

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/doctor"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
)

// doctorTime bounds the whole examination.
const doctorTime = 5 * time.Second

func (a *App) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that assent, and the clients on this machine, can do their work",
		Long:  "Runs every check at once, says for each what to do, and exits 1 if one fails.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) doctor(ctx context.Context, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	cfg, bad := a.load()
	results := doctor.Run(ctx, doctor.Params{
		Config: cfg, ConfigErr: bad, Compile: engine.Compile, Environ: a.Environ, Home: a.Home, Now: a.Now, Rand: a.Rand, OS: runtime.GOOS,
	})
	for _, r := range results {
		var err error
		if asJSON {
			err = writeJSON(a.Stdout, r)
		} else {
			_, err = fmt.Fprintf(a.Stdout, "%-5s %-28s %s\n", r.Status, r.Name, term.Plain(r.Detail))
			if err == nil && r.Repair != "" {
				_, err = fmt.Fprintf(a.Stdout, "%-5s %-28s repair: %s\n", "", "", term.Plain(r.Repair))
			}
		}
		if err != nil {
			return err
		}
	}
	if doctor.Failed(results) {
		return exit{code: 1}
	}
	return nil
}
