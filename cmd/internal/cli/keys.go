package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/proxy/actor"
)

// keysOptions are the flags of keys.
type keysOptions struct {
	as      string
	process bool
}

func (a *App) keysCommand() *cobra.Command {
	var o keysOptions
	cmd := &cobra.Command{
		Use:   "keys --as ACTOR",
		Short: "Print the placeholder AWS key pair of an actor of assent serve",
		Long: `Prints the AWS key pair with which an actor signs its calls through "assent serve". It is worth nothing at AWS: assent knows
the actor by it, without a token in HTTPS_PROXY, and signs each call anew with the credential under "identity: aws:" in
assent.yaml. It is always the same until "key" there is another word, which ends the one before.

It reads the daemon's secrets ("ca" in assent.yaml): run it as the daemon's user. What it prints stands for the actor: give
it to nobody else.`,
		Example: `  assent keys --as deploy-agent > agent.env
  assent keys --as deploy-agent --process     # for credential_process in ~/.aws/config`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.keys(o) },
	}
	cmd.Flags().StringVar(&o.as, "as", "", "the `actor`")
	cmd.Flags().BoolVar(&o.process, "process", false, "print it as AWS's credential_process wants it (JSON)")
	return cmd
}

func (a *App) keys(o keysOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	pair, err := a.pair(cfg, o.as)
	if err != nil {
		return err
	}
	if o.process {
		return json.NewEncoder(a.Stdout).Encode(struct {
			Version         int
			AccessKeyID     string `json:"AccessKeyId"`
			SecretAccessKey string
		}{1, pair.ID, pair.Secret})
	}
	_, err = fmt.Fprintf(a.Stdout, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nunset AWS_SESSION_TOKEN AWS_PROFILE\n", pair.ID, pair.Secret)
	return err
}

// pair is the placeholder pair of a declared actor.
func (a *App) pair(cfg *config.Config, name string) (actor.Pair, error) {
	var names []string
	for _, b := range cfg.Identity.AWS {
		if b.Actor == name {
			master, err := a.placeholderKey(cfg)
			if err != nil {
				return actor.Pair{}, err
			}
			return pairOf(master, b)
		}
		names = append(names, b.Actor)
	}
	repair := "declare it: identity: {aws: {NAME: {role: ARN}}} in assent.yaml"
	if len(names) > 0 {
		repair = "--as one of " + strings.Join(names, ", ")
	}
	if name == "" {
		return actor.Pair{}, exit{2, repaired{fmt.Errorf("whose key pair?"), repair}}
	}
	return actor.Pair{}, repaired{fmt.Errorf("%s has no placeholder key pair: it is not under identity: aws: in assent.yaml", name), repair}
}
