package cli

import (
	"context"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/cmd/internal/config"
	"github.com/assent-iom/assent/cmd/internal/engine"
	"github.com/assent-iom/assent/cmd/internal/setup"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy/actor"
	"github.com/assent-iom/assent/proxy/broker"
)

// known counts the ways in which the configuration knows callers.
func (d *daemon) known() int {
	n := len(d.cfg.Tokens)
	if d.cfg.Identity.Any() {
		n++
	}
	return n
}

// authenticator knows the actors of the configuration. Where it declares none,
// everybody may call, as nobody in particular: good for observing, and denied by
// default when enforcing.
func (d *daemon) authenticator(ctx context.Context, clusters []engine.Cluster) (*actor.Ways, error) {
	a, id := d.app, d.cfg.Identity
	ways := &actor.Ways{Anybody: d.known() == 0, Tokens: new(actor.Tokens)}
	for _, t := range d.cfg.Tokens {
		if err := ways.Tokens.AddDigest(t.Digest, model.Actor{ID: t.Actor, Authn: "run-token"}, ""); err != nil {
			return nil, err
		}
	}
	var err error
	if len(id.SPIFFE) > 0 {
		ways.SPIFFE, err = actor.NewSPIFFE(id.SPIFFE, a.Now, func(err error) { d.log.Error("a trust bundle is not in force; the one before it is", zap.Error(err)) })
		if err != nil {
			return nil, repaired{err, "write the trust domain's bundle there, in PEM (spire-server bundle show)"}
		}
	}
	if len(id.AWS) > 0 {
		if ways.Keys, err = d.keys(ctx); err != nil {
			return nil, err
		}
	}
	if id.Kubernetes || ways.Keys != nil {
		ways.Kubernetes, err = engine.KubeCallers(clusters, id.Kubernetes, ways.Keys, a.Now)
		if err != nil {
			return nil, err
		}
	}
	if id.Exchanges() {
		ways.Sessions = &actor.Sessions{Now: a.Now, Rand: a.Rand}
	}
	return ways, nil
}

// keys makes the placeholder key pairs, and what signs in their place.
func (d *daemon) keys(ctx context.Context) (*actor.Keys, error) {
	a := d.app
	master, err := a.placeholderKey(d.cfg)
	if err != nil {
		return nil, err
	}
	roots, err := setup.UpstreamRoots(a.Getenv)
	if err != nil {
		return nil, err
	}
	keys := &actor.Keys{Now: a.Now}
	for _, b := range d.cfg.Identity.AWS {
		pair, err := pairOf(master, b)
		if err != nil {
			return nil, err
		}
		chain := broker.Chain{Profile: b.Profile, Role: b.Role, Region: b.Region, Session: b.Actor, Client: engine.CloudClient(d.cfg.Upstreams, roots)}
		provider, _, err := chain.Provider(ctx)
		if err != nil {
			return nil, fmt.Errorf("the AWS credential of %s: %w", b.Actor, err)
		}
		signer, err := broker.NewAWS(provider, chain.Name(), a.Now)
		if err != nil {
			return nil, err
		}
		if err := keys.Add(pair, model.Actor{ID: b.Actor, Kind: b.Kind, For: b.For}, "", signer); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// pairOf is the key pair of an actor: always the same, until its key is another word.
func pairOf(master []byte, b config.Brokered) (actor.Pair, error) {
	return actor.DerivePair(master, b.Actor+"\n"+b.Key, b.Account)
}

// exchange makes the handler of the login door; nil where there is none.
func (d *daemon) exchange(ways *actor.Ways) (http.Handler, error) {
	a, id := d.app, d.cfg.Identity
	if !id.Exchanges() {
		return nil, nil
	}
	known, err := a.issuers(d.cfg)
	if err != nil {
		return nil, err
	}
	x := &actor.Exchange{
		OIDC: known, Sessions: ways.Sessions, Life: id.Session, Proxy: d.cfg.Listen,
		NewRun: func() (string, error) { return newRunID(a.Rand) },
		Event: func(who model.Actor, run string, err error) {
			if err != nil {
				d.log.Warn("a proof was not exchanged", zap.Error(err))
				return
			}
			d.log.Info("a proof was exchanged", zap.String("actor", who.ID), zap.Strings("for", who.For), zap.String("run", run))
		},
	}
	return x.Handler()
}

// issuers knows the tokens of the configuration's issuers.
func (a *App) issuers(cfg *config.Config) (*actor.OIDC, error) {
	roots, err := setup.UpstreamRoots(a.Getenv)
	if err != nil {
		return nil, err
	}
	of := actor.OIDCConfig{Client: engine.CloudClient(nil, roots), Now: a.Now}
	for _, i := range cfg.Identity.OIDC {
		of.Issuers = append(of.Issuers, actor.Issuer{URL: i.Issuer, Audience: i.Audience, Kind: i.Kind, Claims: i.Claims})
	}
	return actor.NewOIDC(of)
}
