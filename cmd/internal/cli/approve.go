package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/cmd/internal/term"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy/approval"
)

// answerOptions are the flags of approve and deny.
type answerOptions struct {
	key, reason string
	yes         bool
}

func (a *App) approveCommand() *cobra.Command {
	return a.answerCommand(approval.Yes, "Say yes to what waits for approval", `Signs that every action of the request may go through: each once, as it was asked, until the approval expires. A command
that still waits goes on at once; one that was refused meanwhile picks the approval up when it is run again.`)
}

func (a *App) denyCommand() *cobra.Command {
	return a.answerCommand(approval.No, "Say no to what waits for approval", `Signs that the request is refused. A command that still waits is refused at once, and the same actions are not asked about
again until the request would have expired.`)
}

func (a *App) answerCommand(answer, short, long string) *cobra.Command {
	var o answerOptions
	cmd := &cobra.Command{
		Use:   answer + " REQUEST",
		Short: short,
		Long: long + `

You are who your SSH key says: the Actor document that lists it under identify: [{ssh: "ssh-ed25519 …"}]. The key is taken
from the SSH agent, or from ~/.ssh; a key that asks before it signs (a passphrase, ssh-add -c, a FIDO key that wants to be
touched) keeps the programs of your own machine from answering for you.`,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.answer(cmd.Context(), answer, args[0], o) },
		ValidArgsFunction: a.completeRequests,
	}
	cmd.Flags().StringVar(&o.key, "key", "", "sign with this private SSH key `file`")
	cmd.Flags().StringVar(&o.reason, "reason", "", "`why`, for whoever asked and for the evidence")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask whether you are sure")
	return cmd
}

func (a *App) answer(ctx context.Context, answer, id string, o answerOptions) error {
	_, set, err := a.declared()
	if err != nil {
		return err
	}
	box, err := a.openInbox()
	if err != nil {
		return err
	}
	defer box.Close()
	r, err := box.Get(ctx, id)
	if err != nil {
		return repaired{err, "assent inbox"}
	}
	a.requestText(a.Stderr, r)
	ring, err := a.keyring(ctx, o.key)
	if err != nil {
		return err
	}
	defer ring.Close()
	by, signer, err := ring.signer(set, r.Asked())
	if err != nil {
		return err
	}
	t, err := r.Ticket(answer, by.Name, o.reason, a.Now())
	if err != nil {
		return err
	}
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("%s %s as %s, good until %s?", answer, plural(len(t.Actions), "action"), by.Name, t.Expires.Local().Format("2006-01-02 15:04 MST"))); err != nil {
			return err
		}
	}
	signed, err := approval.Sign(t, signer)
	if err != nil {
		return err
	}
	if err := box.Answer(ctx, signed, set, a.Now()); err != nil {
		return err
	}
	a.note("%s: %s by %s", r.ID, map[string]string{approval.Yes: "approved", approval.No: "denied"}[answer], by.Name)
	if answer == approval.Yes {
		a.note("a command that no longer waits picks it up when it is run again, until %s", t.Expires.Local().Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// confirm asks a question on the terminal.
func (a *App) confirm(ctx context.Context, question string) error {
	if !term.IsTerminal(a.Stdin) {
		return exit{2, repaired{errors.New("there is no terminal to ask on"), "say so beforehand: --yes"}}
	}
	fmt.Fprintf(a.Stderr, "assent: %s [y/N] ", question)
	line, err := bufio.NewReader(a.input(ctx)).ReadString('\n')
	if ctx.Err() != nil {
		fmt.Fprintln(a.Stderr)
		return ctx.Err()
	}
	if word := strings.ToLower(strings.TrimSpace(line)); err != nil || word != "y" && word != "yes" {
		return exit{1, errors.New("nothing was answered")}
	}
	return nil
}

// asked says whose keys could answer, for somebody who has none of them.
func asked(set *intent.Set, names []string, have []ssh.PublicKey) error {
	if len(names) == 0 {
		return errors.New("the request asks nobody")
	}
	text := "none of your SSH keys is one of " + strings.Join(names, " or ")
	for i, key := range have {
		text += map[bool]string{true: " (you have ", false: ", "}[i == 0] + ssh.FingerprintSHA256(key)
	}
	if len(have) > 0 {
		text += ")"
	}
	repair := "add your key to your Actor document: identify: [{ssh: \"ssh-ed25519 …\"}]"
	if set.Empty() {
		repair = "name the folder of declared documents: --intent DIR"
	}
	return repaired{errors.New(text), repair}
}
