package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/anchor"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
)

// stampTime bounds one question to an authority.
const stampTime = 30 * time.Second

// stamped is one line of `assent ledger timestamp --json`.
type stamped struct {
	Entry     uint64    `json:"entry"`
	Authority string    `json:"authority"`
	Stamped   time.Time `json:"stamped"`
	Size      uint64    `json:"size"`
	Checked   bool      `json:"checked,omitempty"`
	Problem   string    `json:"problem,omitempty"`
}

func (a *App) timestampCommand() *cobra.Command {
	var tsa, ca, out string
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "timestamp --tsa URL | --check --ca FILE",
		Short: "Have a time-stamping authority say when the ledger was as it is (RFC 3161)",
		Long: `Sends the digest of the ledger's newest signed head to an authority, and records what it answers: from then on nobody, not even
who has the ledger's key, can have written what was before it later. Run it as often as you want to be able to say so.

--check holds all that were recorded against the ledger and, with --ca, against the authorities' certificates. --out writes each
as files for other programs: openssl ts -verify -data SIZE.checkpoint -in SIZE.tsr -CAfile FILE`,
		Example: `  assent ledger timestamp --tsa https://tsa.example/tsr
  assent ledger timestamp --check --ca tsa.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case check == (tsa != ""):
				return exit{2, errors.New("either --tsa URL or --check")}
			case check:
				return a.checkStamps(cmd.Context(), ca, out, asJSON)
			}
			return a.timestamp(cmd.Context(), tsa, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&tsa, "tsa", "", "the `address` of the authority")
	f.BoolVar(&check, "check", false, "check what was recorded")
	f.StringVar(&ca, "ca", "", "the certificates of authorities' roots, a PEM `file`")
	f.StringVar(&out, "out", "", "with --check: write each head and its token to this `directory`")
	f.BoolVar(&asJSON, "json", false, "as JSON lines")
	return cmd
}

func (a *App) timestamp(ctx context.Context, tsa string, asJSON bool) error {
	cfg, err := a.withLedger(ctx)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Dir: cfg.Ledger, Now: a.Now, Rand: a.Rand, Log: a.log})
	if err != nil {
		return err
	}
	defer s.Close()
	head, err := s.Checkpoint(ctx)
	if err != nil {
		return err
	}
	c, err := tlog.ReadCheckpoint(head)
	if err != nil {
		return err
	}
	stamp, err := anchor.Ask(ctx, &http.Client{Timeout: stampTime}, tsa, head)
	if err != nil {
		return err
	}
	e, err := ledger.AnchorEntry(ledger.Anchor{At: a.Now(), Authority: tsa, Stamped: stamp.At, Size: c.Size, Head: string(head), Token: stamp.Token})
	if err != nil {
		return err
	}
	r, err := s.Append(ctx, e)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Stdout, stamped{Entry: r.Index, Authority: tsa, Stamped: stamp.At, Size: c.Size})
	}
	a.note("entry %d: the first %d entries were there at %s, says %s", r.Index, c.Size, stamp.At.Format(time.RFC3339), tsa)
	return nil
}

// checkStamps checks every anchor of the ledger. The exit code is 1 if one does not hold.
func (a *App) checkStamps(ctx context.Context, ca, out string, asJSON bool) error {
	if ca != "" {
		ca = a.absolute(ca)
	}
	roots, err := rootsIn(ca)
	if err != nil {
		return err
	}
	s, err := a.readLedger(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var all []ledger.Anchor
	var at []uint64
	var bad error
	err = s.Scan(ctx, 0, func(e ledger.Stored) bool {
		if e.Kind != ledger.KindAnchor {
			return true
		}
		var one ledger.Anchor
		one, bad = ledger.ParseAnchor(e.Envelope)
		all, at = append(all, one), append(at, e.Index)
		return bad == nil
	})
	if err := errors.Join(err, bad); err != nil {
		return err
	}
	if len(all) == 0 {
		a.note("the ledger was never time-stamped: assent ledger timestamp --tsa URL")
	}
	code := 0
	for i, one := range all {
		line := stamped{Entry: at[i], Authority: one.Authority, Stamped: one.Stamped, Size: one.Size}
		if err := stampHolds(ctx, s, one, roots); err != nil {
			line.Problem, code = err.Error(), 1
		} else {
			line.Checked = roots != nil
		}
		if out != "" {
			if err := writeStamp(a.absolute(out), one); err != nil {
				return err
			}
		}
		if err := a.showStamp(line, asJSON); err != nil {
			return err
		}
	}
	if code != 0 {
		return exit{code: code}
	}
	return nil
}

func (a *App) showStamp(line stamped, asJSON bool) (err error) {
	state := "of this ledger; whose word it is was not checked (--ca)"
	switch {
	case asJSON:
		return writeJSON(a.Stdout, line)
	case line.Problem != "":
		state = "PROBLEM: " + line.Problem
	case line.Checked:
		state = "ok"
	}
	_, err = fmt.Fprintf(a.Stdout, "entry %d: %d entries at %s by %s: %s\n", line.Entry, line.Size, line.Stamped.Format(time.RFC3339), line.Authority, state)
	return err
}

// stampHolds holds an anchor against the ledger, and against the roots if there are any.
func stampHolds(ctx context.Context, s *store.Store, one ledger.Anchor, roots *x509.CertPool) error {
	head, err := tlog.OpenCheckpoint([]byte(one.Head), s.Verifiers()...)
	if err != nil {
		return err
	}
	root, err := s.RootAt(ctx, head.Size)
	switch {
	case err != nil:
		return err
	case head.Size != one.Size || root != head.Root:
		return fmt.Errorf("the first %d entries are not those that were stamped", head.Size)
	}
	when := one.Stamped
	if roots != nil {
		if when, err = anchor.Check(one.Token, []byte(one.Head), roots); err != nil {
			return err
		}
	}
	if !when.Equal(one.Stamped) {
		return fmt.Errorf("it was stamped at %s, not at %s", when.Format(time.RFC3339), one.Stamped.Format(time.RFC3339))
	}
	return nil
}

func writeStamp(dir string, one ledger.Anchor) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	base := filepath.Join(dir, fmt.Sprint(one.Size))
	return errors.Join(os.WriteFile(base+".checkpoint", []byte(one.Head), 0o600), os.WriteFile(base+".tsr", one.Token, 0o600))
}
