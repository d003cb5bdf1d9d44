package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/evidence"
	"github.com/assent-iom/assent/ledger/store"
)

func (a *App) exportCommand() *cobra.Command {
	var dsse, bundle bool
	var dir string
	cmd := &cobra.Command{
		Use:   "export (--dsse | --bundle | --to DIR) INDEX",
		Short: "Print or write an entry as others' tools read it",
		Long: `Gives out one entry so that it can be checked without assent.

  --dsse     its DSSE envelope, byte for byte
  --bundle   a Sigstore bundle, for cosign verify-blob-attestation
  --to DIR   files: both of these, and what openssl needs: the signed bytes (INDEX.pae), the signature (INDEX.sig), the
             public key (log.pem); the proof that it is in the log (INDEX.tlog-proof); of a decision the action that it
             is about (INDEX.action.json); of an approval what the person signed (INDEX.ticket, INDEX.ticket.sig). docs/evidence.md shows what to do with them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.readLedger(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			index, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return exit{2, fmt.Errorf("index %q: want a number", args[0])}
			}
			e, err := s.Get(cmd.Context(), index)
			if err != nil {
				return fmt.Errorf("entry %d of %d: %w", index, s.Size(), err)
			}
			out := e.Envelope
			switch {
			case dir != "":
				return a.exportFiles(cmd.Context(), s, e, a.absolute(dir))
			case bundle:
				if out, err = ledger.Bundle(e.Envelope); err != nil {
					return err
				}
			}
			_, err = a.Stdout.Write(out)
			return err
		},
	}
	cmd.Flags().BoolVar(&dsse, "dsse", false, "the DSSE envelope on stdout")
	cmd.Flags().BoolVar(&bundle, "bundle", false, "a Sigstore bundle on stdout")
	cmd.Flags().StringVar(&dir, "to", "", "files in this `directory`")
	cmd.MarkFlagsMutuallyExclusive("dsse", "bundle", "to")
	cmd.MarkFlagsOneRequired("dsse", "bundle", "to")
	return cmd
}

// exportFiles writes everything that checks one entry.
func (a *App) exportFiles(ctx context.Context, s *store.Store, e ledger.Stored, dir string) error {
	name := strconv.FormatUint(e.Index, 10)
	forms, err := evidence.EntryFiles(e.Index, e.Envelope)
	if err != nil {
		return err
	}
	if forms["tlog-proof"], err = entryProof(ctx, s, name); err != nil {
		return err
	}
	vkey, err := ledger.VKeyAt(ctx, s, e.Index, s.VKey())
	if err != nil {
		return err
	}
	key, err := evidence.PublicPEM(vkey)
	if err != nil {
		return err
	}
	files := map[string][]byte{"log.pem": key, "log.vkey": []byte(vkey + "\n")}
	for ext, data := range forms {
		files[name+"."+ext] = data
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
	}
	a.note("entry %s (%s) is in %s: %d files", name, e.Kind, dir, len(files))
	return nil
}
