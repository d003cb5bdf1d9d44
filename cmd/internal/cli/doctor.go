package cli

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/doctor"
	"github.com/assent-iom/assent/cmd/internal/doctor/client"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
)

// doctorTime bounds the whole examination.
const doctorTime = 5 * time.Second

func (a *App) doctorCommand() *cobra.Command {
	var asJSON, clients bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that assent, and the clients on this machine, can do their work",
		Long: `Runs every check at once, says for each what to do, and exits 1 if one fails.

With --client it runs every client that is installed (curl, git, Python, aws, node, java, kubectl, terraform, …) against a host
that only a proxy of its own knows, and says of each whether it goes through assent run and believes its authority. Those
that go past need assent run --capture.`,
		Example: `  assent doctor
  assent doctor --client`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if clients {
				return a.doctorClients(cmd.Context(), asJSON)
			}
			return a.doctor(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&clients, "client", false, "run every client that is installed")
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

// clientsTime bounds the examination of all clients.
const clientsTime = 5 * time.Minute

func (a *App) doctorClients(ctx context.Context, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, clientsTime)
	defer cancel()
	if !asJSON {
		a.note("running every client that is installed; this takes up to a minute")
	}
	results, err := client.Run(ctx, client.Params{Environ: a.Environ, OS: runtime.GOOS, Now: a.Now, Rand: a.Rand})
	if err != nil {
		return err
	}
	failed := false
	for _, r := range results {
		failed = failed || r.Failed()
		if asJSON {
			err = writeJSON(a.Stdout, r)
		} else {
			_, err = fmt.Fprintf(a.Stdout, "%-5s %-18s %s\n", clientStatus(r), r.Client, term.Plain(r.Detail))
			if err == nil && r.Repair != "" {
				_, err = fmt.Fprintf(a.Stdout, "%-5s %-18s repair: %s\n", "", "", term.Plain(r.Repair))
			}
		}
		if err != nil {
			return err
		}
	}
	if failed {
		return exit{code: 1}
	}
	return nil
}

func clientStatus(r client.Result) string {
	switch {
	case r.Trusts:
		return "ok"
	case r.Failed():
		return "fail"
	}
	return "warn"
}
