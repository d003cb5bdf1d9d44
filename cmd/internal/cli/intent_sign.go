package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/lint"
	"github.com/assent-iom/assent/policy/signing"
)

func (a *App) intentSignCommand() *cobra.Command {
	var o answerOptions
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign the documents as they are now",
		Long: `Signs the whole set of declared documents with your SSH key (of the agent, or from ~/.ssh), into the hidden folder
.signatures beside them. Where signers in assent.yaml names keys, only documents that are signed by them, exactly as they
stand, come into force: assent serve refuses others and keeps those that run.

  assent intent review     what would change, then sign
  assent intent sign --key ~/.ssh/id_ed25519 --reason CHG-4711`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, set, err := a.signable()
			if err != nil {
				return err
			}
			return a.sign(cmd.Context(), cfg, set, o)
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *App) intentReviewCommand() *cobra.Command {
	var o answerOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Show what the documents change against those that were signed last, then sign them",
		Long: `Tells what the documents allow or forbid that those which were signed last do not, and the other way round, each with a request
that it makes a difference to, and asks whether to sign them. Without a terminal, and without --yes, nothing is signed, and the
exit code is 3 if there is any difference. What the change would have meant for what really happened, assent replay tells.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.intentReview(cmd.Context(), o, asJSON) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON lines, and sign nothing")
	return cmd
}

func (o *answerOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.key, "key", "", "sign with this private SSH key `file`")
	cmd.Flags().StringVar(&o.reason, "reason", "", "`why`, for the evidence")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask whether you are sure")
}

// signable reads documents that may be signed: those that the gate would read.
func (a *App) signable() (*config.Config, *intent.Set, error) {
	cfg, set, err := a.declared()
	if err == nil && set.Empty() {
		err = repaired{errors.New("there is nothing to sign: no directory of declared documents is set, or it is empty"), "assent intent sign --intent DIR"}
	}
	if err == nil {
		err = engine.Compile(set)
	}
	return cfg, set, err
}

func (a *App) intentReview(ctx context.Context, o answerOptions, asJSON bool) error {
	cfg, set, err := a.signable()
	if err != nil {
		return err
	}
	last, err := signing.Last(os.DirFS(cfg.Intent))
	if err != nil {
		return err
	}
	differences := lint.Diff(last, set)
	if err := a.tellDifferences(differences, asJSON); err != nil {
		return err
	}
	switch {
	case asJSON && len(differences) > 0, !asJSON && !o.yes && !term.IsTerminal(a.Stdin) && len(differences) > 0:
		return exit{code: exitDenied}
	case asJSON:
		return nil
	case last == nil:
		a.note("nothing was signed before: all of it is new")
	case len(differences) == 0:
		a.note("they mean the same as those that were signed last")
	}
	if !o.yes && !term.IsTerminal(a.Stdin) {
		return nil
	}
	return a.sign(ctx, cfg, set, o)
}

// sign signs a set with the first key at hand that counts.
func (a *App) sign(ctx context.Context, cfg *config.Config, set *intent.Set, o answerOptions) error {
	ring, err := a.keyring(ctx, o.key)
	if err != nil {
		return err
	}
	defer ring.Close()
	with, err := ring.signerOf(cfg.Signers)
	if err != nil {
		return err
	}
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("sign %s with %s?", set.Digest, ssh.FingerprintSHA256(with.PublicKey()))); err != nil {
			return err
		}
	}
	if err := signing.Sign(cfg.Intent, set, with, o.reason, a.Now()); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "signed: %s by %s\n", set.Digest, ssh.FingerprintSHA256(with.PublicKey()))
	if _, err := signing.Verify(os.DirFS(cfg.Intent), set, cfg.Signers); err != nil {
		a.note("not in force yet: %v", err)
	}
	return nil
}

// signerOf opens the first key that counts by a rule; without a rule, the first.
func (k *keyring) signerOf(rule signing.Rule) (ssh.Signer, error) {
	have := ""
	for _, key := range k.keys {
		if !rule.Asks() || rule.Counts(key.public) {
			return key.open()
		}
		have += " " + ssh.FingerprintSHA256(key.public)
	}
	if have == "" {
		return nil, repaired{errors.New("you have no SSH key to sign with"), "ssh-keygen -t ed25519, or --key FILE"}
	}
	return nil, repaired{errors.New("none of your SSH keys is one of signers in assent.yaml; you have" + have), "--key FILE, or let an operator list yours under signers"}
}
