package cli

import (
	"cmp"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/model"
)

// identity is who a run is done as: the word of the person who starts it.
type identity struct {
	as, kind string
	by       []string
	ticket   string
}

// maxTicket bounds the name of a change ticket.
const maxTicket = 200

func (i *identity) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.as, "as", "", "act as this `actor` (default $ASSENT_ACTOR, or human: and the login name)")
	cmd.Flags().StringVar(&i.kind, "kind", "", "human, pipeline, agent or controller")
	cmd.Flags().StringSliceVar(&i.by, "for", nil, "the `actor` on whose behalf, nearest first")
	cmd.Flags().StringVar(&i.ticket, "ticket", "", "the change `ticket` that it is done for")
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"human", "pipeline", "agent", "controller"}, cobra.ShellCompDirectiveNoFileComp))
}

func (i *identity) actor(a *App) (model.Actor, error) {
	actor := model.Actor{ID: i.as, Kind: model.ActorKind(i.kind), For: i.by, Authn: "run-token", Ticket: i.ticket}
	if len(i.ticket) > maxTicket || strings.ContainsFunc(i.ticket, unicode.IsControl) {
		return model.Actor{}, exit{2, repaired{fmt.Errorf("--ticket is longer than %d characters, or holds one that cannot be printed", maxTicket), "--ticket CHG-4711"}}
	}
	switch actor.Kind {
	case "", model.Human, model.Pipeline, model.Agent, model.Controller:
	default:
		return model.Actor{}, exit{2, repaired{fmt.Errorf("--kind %q is not known", i.kind), "--kind human, pipeline, agent or controller"}}
	}
	if actor.ID == "" {
		actor.ID = a.Getenv("ASSENT_ACTOR")
	}
	if actor.ID == "" {
		actor.ID = "human:" + a.loginName()
		if actor.Kind == "" {
			actor.Kind = model.Human
		}
	}
	return actor, nil
}

// loginName is the login name of whoever sits here.
func (a *App) loginName() string { return cmp.Or(a.Getenv("USER"), a.User, "unknown") }

// newRunID names a run: run_ and 50 random bits.
func newRunID(rand io.Reader) (string, error) {
	var raw [10]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return "", fmt.Errorf("naming the run: %w", err)
	}
	return "run_" + strings.ToLower(base32.HexEncoding.EncodeToString(raw[:]))[:10], nil
}
