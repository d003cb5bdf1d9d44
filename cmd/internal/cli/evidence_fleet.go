package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger/copies"
	"github.com/assent-iom/assent/model/store/postgres"
)

// member is one line of `assent evidence fleet --json`.
type member struct {
	copies.Member
	Checked uint64 `json:"checked,omitempty"` // how many entries its signed head covers, with --check
	Problem string `json:"problem,omitempty"`
}

func (a *App) fleetCommand() *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "List the ledgers of all proxies that share a database, and which are silent",
		Long: `Lists the ledgers that are copied to the database of "store" in assent.yaml: how much each has, and when its proxy last said
that it is there. A proxy that was due to and did not is silent: it is down, or it cannot write. --check holds each copy
against its signed head. Where one is silent, or a copy is not what was signed, the exit code is 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.showFleet(cmd.Context(), asJSON, check) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	cmd.Flags().BoolVar(&check, "check", false, "read all copies and hold them against their signed heads")
	return cmd
}

// fleet reads which ledgers are copied to the database that proxies share.
func (a *App) fleet(ctx context.Context) (*pgxpool.Pool, []copies.Member, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	if cfg.Store.URL == "" {
		return nil, nil, repaired{errors.New("no database is named that proxies share"), "store: postgres://… in assent.yaml"}
	}
	db, err := postgres.Connect(ctx, cfg.Store.URL)
	if err != nil {
		return nil, nil, err
	}
	members, err := copies.Fleet(ctx, db, a.Now())
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, members, nil
}

func (a *App) showFleet(ctx context.Context, asJSON, check bool) error {
	db, members, err := a.fleet(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if len(members) == 0 {
		a.note("no ledger is copied yet: assent serve copies its own")
	}
	code := 0
	for _, m := range members {
		line := member{Member: m}
		if check {
			if line.Checked, err = copies.Check(ctx, db, m.Origin, ""); err != nil {
				line.Problem = err.Error()
			}
		}
		if m.Silent || line.Problem != "" {
			code = 1
		}
		if asJSON {
			err = writeJSON(a.Stdout, line)
		} else {
			_, err = fmt.Fprintln(a.Stdout, term.Plain(line.String()))
		}
		if err != nil {
			return err
		}
	}
	if code != 0 {
		return exit{code: code}
	}
	return nil
}

func (m member) String() string {
	state := "never said that it is there"
	switch {
	case m.Silent:
		state = "SILENT since " + m.Beat.At.Format(time.RFC3339)
	case m.Ended:
		state = "ended " + m.Beat.At.Format(time.RFC3339)
	case m.Beat != nil:
		state = fmt.Sprintf("there %s, %s, %s", m.Beat.At.Format(time.RFC3339), m.Beat.Mode, m.Beat.Version)
	}
	text := fmt.Sprintf("%-40s %8d entries  %s", m.Origin, m.Entries, state)
	switch {
	case m.Problem != "":
		text += "  PROBLEM: " + m.Problem
	case m.Checked > 0:
		text += fmt.Sprintf("  %d as signed", m.Checked)
	}
	return text
}
