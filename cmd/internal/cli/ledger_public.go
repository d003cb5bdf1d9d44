package cli

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/withhold"
	"github.com/assent-iom/assent/ledger/witness"
)

func (a *App) pathCommand() *cobra.Command {
	var dir bool
	cmd := &cobra.Command{
		Use:   "path",
		Short: "Print the directory of the published ledger",
		Long: `Prints the directory of the ledger's published form: static files as in https://c2sp.org/tlog-tiles, which any web
server can hand out and other people's tools read. With --dir, the directory of the ledger itself.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			path := filepath.Join(cfg.Ledger, store.Public)
			if dir {
				path = cfg.Ledger
			}
			_, err = fmt.Fprintln(a.Stdout, path)
			return err
		},
	}
	cmd.Flags().BoolVar(&dir, "dir", false, "the directory of the ledger itself")
	return cmd
}

// withLedger is the configuration of a ledger that is there, for what opens it itself.
func (a *App) withLedger(ctx context.Context) (*config.Config, error) {
	s, err := a.readLedger(ctx) // it knows what to do when there is none
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return a.load()
}

func (a *App) publishCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "Bring the published form of the ledger up to date",
		Long: `Writes what is new to the directory that "assent ledger path" prints. "assent run" does so at its end and
"assent serve" every second: this is for ledgers that were written before, and for when either could not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.withLedger(cmd.Context())
			if err != nil {
				return err
			}
			also := cosigners(cfg)
			size, err := engine.Publish(cmd.Context(), cfg.Ledger, &also)
			if err != nil {
				return err
			}
			a.note("%d entries are published in %s", size, filepath.Join(cfg.Ledger, store.Public))
			return nil
		},
	}
}

func (a *App) proofCommand() *cobra.Command {
	var from, to uint64
	cmd := &cobra.Command{
		Use:   "proof INDEX | --from N [--to M]",
		Short: "Print a proof that an entry is in the log, or that the log only grew",
		Long: `With INDEX: a proof that the entry is in the log, in the form of https://c2sp.org/tlog-proof, to the newest checkpoint.

With --from N: a proof that the log's first N entries are still the beginning of it, to the checkpoint of M entries (the
newest, without --to), in the form of an add-checkpoint request of https://c2sp.org/tlog-witness.`,
		Example: `  assent ledger proof 17 > 17.tlog-proof
  assent ledger proof --from 1000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			growth := cmd.Flags().Changed("from")
			if growth == (len(args) == 1) || cmd.Flags().Changed("to") && !growth {
				return exit{2, fmt.Errorf("say either an INDEX or --from N")}
			}
			s, err := a.readLedger(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			var proof []byte
			if growth {
				proof, err = growthProof(cmd.Context(), s, from, to)
			} else {
				proof, err = entryProof(cmd.Context(), s, args[0])
			}
			if err != nil {
				return err
			}
			_, err = a.Stdout.Write(proof)
			return err
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "how many entries the log had `then`")
	cmd.Flags().Uint64Var(&to, "to", 0, "how many entries the later checkpoint covers; the newest if not given")
	return cmd
}

// entryProof proves one entry to the newest checkpoint.
func entryProof(ctx context.Context, s *store.Store, arg string) ([]byte, error) {
	index, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return nil, exit{2, fmt.Errorf("index %q: want a number", arg)}
	}
	signed, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	head, err := tlog.OpenCheckpoint(signed, s.Verifiers()...)
	if err != nil {
		return nil, err
	}
	hashes, err := s.Prove(ctx, index, head.Size)
	if err != nil {
		return nil, err
	}
	e, err := s.Get(ctx, index)
	if err != nil {
		return nil, err
	}
	if err := tlog.VerifyInclusion(hashes, index, head.Size, e.LeafHash, head.Root); err != nil {
		return nil, fmt.Errorf("entry %d: %w; run: assent ledger verify", index, err)
	}
	return tlog.FormatInclusion(index, hashes, signed), nil
}

// growthProof proves that the log of from entries is the beginning of a later one.
func growthProof(ctx context.Context, s *store.Store, from, to uint64) ([]byte, error) {
	signed, err := s.Checkpoint(ctx)
	if to != 0 {
		signed, err = s.CheckpointAt(ctx, to)
	}
	if err != nil {
		return nil, err
	}
	head, err := tlog.OpenCheckpoint(signed, s.Verifiers()...)
	if err != nil {
		return nil, err
	}
	hashes, err := s.ProveGrowth(ctx, from, head.Size)
	if err != nil {
		return nil, err
	}
	before, err := s.RootAt(ctx, from)
	if err != nil {
		return nil, err
	}
	if err := tlog.VerifyConsistency(hashes, from, head.Size, before, head.Root); err != nil {
		return nil, fmt.Errorf("from %d to %d entries: %w; run: assent ledger verify", from, head.Size, err)
	}
	return tlog.FormatConsistency(from, hashes, signed), nil
}

// withheld commits to calls as they were, if the configuration, which was checked,
// says to whom they are encrypted.
func (a *App) withheld(cfg *config.Config) func(string, []ledger.Part) ([]string, ledger.Object, error) {
	if cfg.Withhold == "" {
		return nil
	}
	s, err := withhold.NewSealer(cfg.Withhold, a.Rand)
	if err != nil {
		return func(string, []ledger.Part) ([]string, ledger.Object, error) { return nil, ledger.Object{}, err }
	}
	return s.Seal
}

// cosigners are those of the configuration, which was checked.
func cosigners(cfg *config.Config) engine.Cosigners {
	c := engine.Cosigners{Key: cfg.Cosigner}
	for _, w := range cfg.Witnesses {
		if key, err := tlog.NewWitness(w.Key); err == nil {
			c.Witnesses = append(c.Witnesses, &witness.Peer{URL: w.URL, Key: key, Client: http.DefaultClient})
		}
	}
	return c
}
