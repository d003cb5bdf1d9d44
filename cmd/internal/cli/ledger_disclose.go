package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/withhold"
	"github.com/assent-iom/assent/policy"
)

// disclosed is `assent ledger disclose --json`.
type disclosed struct {
	Entry    uint64           `json:"entry"`
	Decision string           `json:"decision"`
	Shown    []withhold.Shown `json:"shown"`
}

// redacted is `assent ledger redact --json`.
type redacted struct {
	ledger.Redaction
	Entry uint64 `json:"entry"`
}

func (a *App) discloseCommand() *cobra.Command {
	var asJSON bool
	var key, fresh string
	cmd := &cobra.Command{
		Use:   "disclose --key FILE ENTRY | --new-key FILE",
		Short: "Show what a call said that the record leaves out, and prove it",
		Long: `The ledger holds no secrets: they are taken out of what is recorded. With "withhold" in assent.yaml each decision commits to its
call as it was, with a salt for each part, and the call itself is kept beside the log, encrypted to a key that assent does
not have. Who has that key can show the request line, the headers and the body, and prove that they are what was judged:
each is a disclosure of RFC 9901, whose SHA-256 stands in the signed entry.

--new-key makes such a key: the private half is written to FILE, to be taken away from the machine that assent runs on; the
public half is printed, for assent.yaml. What callers prove themselves with is never kept.`,
		Example: `  assent ledger disclose --new-key disclosure.pem
  assent ledger disclose --key disclosure.pem 17`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case fresh != "" && key == "" && len(args) == 0:
				return a.newDisclosureKey(a.absolute(fresh))
			case key != "" && fresh == "" && len(args) == 1:
				return a.disclose(cmd.Context(), a.absolute(key), args[0], asJSON)
			}
			return exit{2, errors.New("say either --new-key FILE, or --key FILE and an ENTRY")}
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the `file` of the private key")
	cmd.Flags().StringVar(&fresh, "new-key", "", "make a key, and write its private half to this `file`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *App) newDisclosureKey(path string) error {
	private, public, err := withhold.NewKey()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // never over another
	if err != nil {
		return err
	}
	_, err = f.Write(private)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	a.note("take %s away from here; this goes into assent.yaml as %s:", path, config.FieldWithhold)
	_, err = fmt.Fprintln(a.Stdout, public)
	return err
}

// withheldOf is a decision of which something was withheld.
func withheldOf(ctx context.Context, s *store.Store, arg string) (ledger.Stored, policy.Decision, error) {
	index, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return ledger.Stored{}, policy.Decision{}, exit{2, fmt.Errorf("entry %q: want a number", arg)}
	}
	e, err := s.Get(ctx, index)
	if err != nil {
		return e, policy.Decision{}, fmt.Errorf("entry %d of %d: %w", index, s.Size(), err)
	}
	d, err := ledger.ParseDecision(e.Envelope)
	if err != nil {
		return e, d, fmt.Errorf("entry %d: %w", index, err)
	}
	if len(d.Withheld) == 0 {
		return e, d, repaired{fmt.Errorf("entry %d commits to nothing: what the record leaves out was not kept", index),
			"withhold in assent.yaml keeps it from now on (assent ledger disclose --help)"}
	}
	return e, d, nil
}

func (a *App) disclose(ctx context.Context, keyFile, arg string, asJSON bool) error {
	key, err := withhold.ReadKey(keyFile)
	if err != nil {
		return err
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	e, d, err := withheldOf(ctx, s, arg)
	if err != nil {
		return err
	}
	sealed, err := s.Object(ctx, ledger.WithheldObject+d.ID)
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("what was withheld of entry %d is destroyed: nobody can show it", e.Index)
	}
	if err != nil {
		return err
	}
	shown, err := withhold.Open(key, d.ID, d.Withheld, sealed)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Stdout, disclosed{e.Index, d.ID, shown})
	}
	a.note("each of these is what entry %d, decision %s, commits to:", e.Index, d.ID)
	for _, p := range shown {
		if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", p.Name, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) redactCommand() *cobra.Command {
	var asJSON bool
	var reason string
	cmd := &cobra.Command{
		Use:   "redact --reason TEXT ENTRY…",
		Short: "Destroy what was withheld of decisions, and record that",
		Long: `Destroys what "assent ledger disclose" could show of decisions, after a signed entry that says so. The decisions stay as they
are, and the ledger verifies as before; nobody can show or guess any more what they commit to. Copies of the ledger that
were made before have to be destroyed too.`,
		Args: cobra.RangeArgs(1, ledger.MaxCleared),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.redact(cmd.Context(), reason, args, asJSON)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	_ = cmd.MarkFlagRequired("reason") // it exists
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *App) redact(ctx context.Context, reason string, args []string, asJSON bool) error {
	cfg, err := a.withLedger(ctx)
	if err != nil {
		return err
	}
	r := ledger.Redaction{At: a.Now(), Reason: reason}
	if u, err := user.Current(); err == nil {
		r.By = u.Username
	}
	receipt, names, err := a.recordRedaction(ctx, cfg.Ledger, &r, args)
	if err != nil {
		return err
	}
	if err := store.Forget(ctx, cfg.Ledger, names); err != nil {
		return fmt.Errorf("entry %d says that it is destroyed, and it is not yet: %w; run it again", receipt.Index, err)
	}
	if asJSON {
		return writeJSON(a.Stdout, redacted{r, receipt.Index})
	}
	a.note("entry %d: what was withheld of %d decisions is destroyed", receipt.Index, len(r.Entries))
	return nil
}

// recordRedaction appends the entry, and names the objects that it is about.
func (a *App) recordRedaction(ctx context.Context, dir string, r *ledger.Redaction, args []string) (_ ledger.Receipt, names []string, err error) {
	s, err := store.Open(ctx, store.Config{Dir: dir, Now: a.Now, Rand: a.Rand})
	if err != nil {
		return ledger.Receipt{}, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	slices.Sort(args)
	for _, arg := range slices.Compact(args) {
		e, d, err := withheldOf(ctx, s, arg)
		if err != nil {
			return ledger.Receipt{}, nil, err
		}
		r.Entries = append(r.Entries, ledger.Cleared{Decision: d.ID, Of: ledger.Receipt{Index: e.Index, LeafHash: e.LeafHash}})
		names = append(names, ledger.WithheldObject+d.ID)
	}
	e, err := ledger.RedactionEntry(*r)
	if err != nil {
		return ledger.Receipt{}, nil, err
	}
	receipt, err := s.Append(ctx, e)
	return receipt, names, err
}
