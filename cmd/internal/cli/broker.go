package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/decoders/aws/identify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy/actor"
	"github.com/assent-iom/assent/proxy/broker"
)

// brokering is which real AWS credential assent signs with.
type brokering struct {
	on   bool
	role string
}

func (b *brokering) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.on, "broker", false, "give the command a placeholder AWS key pair, and sign with this environment's credential in its place")
	cmd.Flags().StringVar(&b.role, "role", "", "like --broker, with the role of this `ARN`")
}

func (b *brokering) broker() bool { return b.on || b.role != "" }

// broker gives the child a placeholder pair, and assent the real credential.
func (s *runSession) broker(ctx context.Context, b brokering, who model.Actor, params *setup.Params, roots *x509.CertPool) (*actor.Keys, error) {
	a := s.app
	chain := broker.Chain{Role: b.role, Session: who.ID, Client: engine.CloudClient(s.cfg.Upstreams, roots)}
	provider, region, err := chain.Provider(ctx)
	if err != nil {
		return nil, err
	}
	signer, err := broker.NewAWS(provider, chain.Name(), a.Now)
	if err != nil {
		return nil, err
	}
	// Asked for now, so that what is missing is said before anything runs.
	held, err := signer.Key(ctx)
	if err != nil {
		return nil, repaired{err, "sign in first (aws sso login, AWS_PROFILE=NAME), or run without --broker"}
	}
	account, _ := identify.Account(held)
	pair, err := actor.NewPair(a.Rand, account)
	if err != nil {
		return nil, err
	}
	keys := &actor.Keys{Now: a.Now}
	if err := keys.Add(pair, who, s.id, signer); err != nil {
		return nil, err
	}
	config, err := a.awsConfig()
	if err != nil {
		return nil, err
	}
	params.AWS, err = s.room.Brokered(setup.AWS{Key: pair.ID, Secret: pair.Secret, Region: region}, config)
	return keys, err
}

// awsConfig reads the user's AWS configuration file, if there is one.
func (a *App) awsConfig() ([]byte, error) {
	path := a.Getenv("AWS_CONFIG_FILE")
	if path == "" {
		if a.Home == "" {
			return nil, nil
		}
		path = filepath.Join(a.Home, ".aws", "config")
	}
	data, err := setup.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	return data, nil
}
