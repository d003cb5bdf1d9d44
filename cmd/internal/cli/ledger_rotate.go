package cli

import (
	"fmt"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
)

// rotation is `assent ledger rotate --json`.
type rotation struct {
	ledger.Rotation
	Entry uint64 `json:"entry"`
}

// overlap is how long the old key signs what is published too: long enough for
// everybody who pinned it to be told.
const overlap = 30 * 24 * time.Hour

func (a *App) rotateCommand() *cobra.Command {
	var asJSON bool
	var reason string
	var keep time.Duration
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Go over to a new signing key",
		Long: `Makes a new key and records that the log goes over to it, in an entry that both keys sign. What was signed before stays
valid: who pinned the old key is led to the new one by that entry, and the other way round. Runs and daemons that have the
ledger open go on with the new key; nothing needs to be stopped.

For --overlap the old key also signs what is published, so that tools and witnesses that only know the old one go on. If
the old key may be in the wrong hands say --overlap 0: it is deleted at once. Then tell the new key, which is printed, to
everybody who verifies: until they have it, the holder of the old one could show them another history.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.withLedger(cmd.Context())
			if err != nil {
				return err
			}
			by := ""
			if u, err := user.Current(); err == nil {
				by = u.Username
			}
			r, receipt, err := store.Rotate(cmd.Context(), store.Config{Dir: cfg.Ledger, Now: a.Now, Rand: a.Rand},
				ledger.Rotation{By: by, Reason: reason, Until: a.Now().Add(keep)})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(a.Stdout, rotation{r, receipt.Index})
			}
			if r.Until.IsZero() {
				a.note("entry %d: the log is signed with a new key; the old one is deleted", receipt.Index)
			} else {
				a.note("entry %d: the log is signed with a new key; until %s the old one signs what is published too", receipt.Index, r.Until.Format(time.RFC3339))
			}
			a.note("tell everybody who verifies it the new key:")
			_, err = fmt.Fprintln(a.Stdout, r.To)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().DurationVar(&keep, "overlap", overlap, "how long the old key signs what is published too; 0: not at all")
	return cmd
}
