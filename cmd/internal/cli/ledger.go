package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal/cosign"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/policy"
)

func (a *App) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Read and verify the evidence"}
	cmd.AddCommand(a.tailCommand(), a.showCommand(), a.verifyCommand(), a.vkeyCommand(),
		a.pathCommand(), a.publishCommand(), a.proofCommand(), a.exportCommand(), a.reconcileCommand(), a.witnessCommand(), a.rotateCommand(), a.timestampCommand(), a.discloseCommand(), a.redactCommand(), a.ledgerServeCommand(), a.ledgerClientCommand())
	return cmd
}

// listed is one line of `assent ledger tail --json`.
type listed struct {
	Index    uint64           `json:"index"`
	Kind     ledger.Kind      `json:"kind"`
	At       time.Time        `json:"at"`
	Run      string           `json:"run,omitempty"`
	Decision *policy.Decision `json:"decision,omitempty"`
	Outcome  *ledger.Outcome  `json:"outcome,omitempty"`
}

func newListed(s ledger.Stored) (listed, error) {
	l := listed{Index: s.Index, Kind: s.Kind, At: s.At.UTC(), Run: s.Run}
	switch s.Kind {
	case ledger.KindDecision:
		d, err := ledger.ParseDecision(s.Envelope)
		if err != nil {
			return l, err
		}
		l.Decision = &d
	case ledger.KindOutcome:
		o, err := ledger.ParseOutcome(s.Envelope)
		if err != nil {
			return l, err
		}
		l.Outcome = &o
	}
	return l, nil
}

// tailShown is how many entries are shown without --all.
const tailShown = 20

func (a *App) tailCommand() *cobra.Command {
	var asJSON, all, follow bool
	var run string
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest entries",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.tail(cmd.Context(), run, asJSON, all, follow)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines")
	cmd.Flags().BoolVar(&all, "all", false, "every entry, not only the newest 20")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as entries come")
	cmd.Flags().StringVar(&run, "run", "", "only those of a run")
	return cmd
}

// followEvery is how often a followed ledger is looked at: it belongs to other
// processes, which cannot ring a bell here.
const followEvery = 500 * time.Millisecond

func (a *App) tail(ctx context.Context, run string, asJSON, all, follow bool) error {
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	next := uint64(0)
	if size := s.Size(); !all && run == "" && size > tailShown {
		next = size - tailShown
	}
	for {
		var bad error
		err := s.Scan(ctx, next, func(e ledger.Stored) bool {
			next = e.Index + 1
			if run != "" && e.Run != run {
				return true
			}
			bad = a.showEntry(e, asJSON)
			return bad == nil
		})
		if err == nil {
			err = bad
		}
		if err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

func (a *App) showEntry(e ledger.Stored, asJSON bool) error {
	l, err := newListed(e)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	if asJSON {
		return writeJSON(a.Stdout, l)
	}
	at := l.At.Format("2006-01-02 15:04:05")
	switch {
	case l.Decision != nil:
		fmt.Fprintf(a.Stdout, "%6d %s %s\n", e.Index, at, strings.TrimPrefix(term.Line(*l.Decision, term.Colours(a.Stdout, a.Getenv)), "assent: "))
	case l.Outcome != nil:
		fmt.Fprintf(a.Stdout, "%6d %s        %s %s\n", e.Index, at, l.Outcome.Result, l.Outcome.Decision)
	default:
		fmt.Fprintf(a.Stdout, "%6d %s %s\n", e.Index, at, e.Kind)
	}
	return nil
}

func (a *App) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show INDEX",
		Short: "Print an entry's envelope, byte for byte as it was signed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			index, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return exit{2, fmt.Errorf("index %q: want a number", args[0])}
			}
			s, err := a.readLedger(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			e, err := s.Get(cmd.Context(), index)
			if err != nil {
				return fmt.Errorf("entry %d of %d: %w", index, s.Size(), err)
			}
			_, err = fmt.Fprintf(a.Stdout, "%s\n", e.Envelope)
			return err
		},
	}
}

func (a *App) verifyCommand() *cobra.Command {
	var asJSON bool
	var o compared
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every entry, checkpoint and pairing, offline",
		Long: `Hashes every entry again, checks every signature and every checkpoint, and that each decision has exactly the outcome
that belongs to it. It needs the ledger's directory and nothing else. assent-verify does the same without Assent.

Exit codes: 0 all holds; 1 tampered; 2 incomplete (a decision has no outcome yet); 3 the key is not the expected one;
4 rolled back; 5 could not finish; 64 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), o, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&o.hashes, "hashes", false, "hashes and checkpoints only, ten times faster: no entry is read")
	o.flags(cmd)
	return cmd
}

func (a *App) verify(ctx context.Context, o compared, asJSON bool) error {
	cfg, err := a.load()
	if err != nil {
		return exit{int(verify.Unfinished), err}
	}
	opts, err := a.verifyOptions(o)
	if err != nil {
		return err
	}
	report, err := verify.Dir(ctx, cfg.Ledger, opts)
	if errors.Is(err, fs.ErrNotExist) {
		err = repaired{err, "--ledger the folder of one; the first assent run makes it"}
	}
	return a.verified(report, err, asJSON)
}

func (a *App) vkeyCommand() *cobra.Command {
	var second bool
	cmd := &cobra.Command{
		Use: "vkey", Short: "Print the public key that verifies the ledger", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.readLedger(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			vkey := s.VKey()
			if second {
				if vkey, err = a.cosignerVKey(cmd.Context(), s.Origin()); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(a.Stdout, vkey)
			return err
		},
	}
	cmd.Flags().BoolVar(&second, "cosigner", false, "of the second key instead, that signs what is published (cosigner in assent.yaml)")
	return cmd
}

func (a *App) cosignerVKey(ctx context.Context, origin string) (string, error) {
	cfg, err := a.load()
	if err != nil {
		return "", err
	}
	if cfg.Cosigner == "" {
		return "", repaired{errors.New("no cosigner is set"), "set it in assent.yaml; assent config --example shows how"}
	}
	key, err := cosign.Open(ctx, cfg.Cosigner, origin)
	if err != nil {
		return "", err
	}
	return key.VKey(), nil
}
