package checks

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// subject is somebody whose rights an action needs.
type subject struct {
	id    string        // as the evidence says
	doc   *intent.Actor // nil: nobody declared
	index int           // of doc; -1: nobody
}

// proves reports whether evidence of a kind proves an identity.
func proves(id intent.Identity, authn, said string, claims map[string]string) bool {
	switch {
	case said == "":
		return false
	case id.Run != "":
		return strings.HasPrefix(authn, "run") && id.Run == said // run, run-token: the token that this run was given
	case id.Kubernetes != nil:
		return authn == "kubernetes" && id.Kubernetes.User == said
	case id.AWS != nil:
		return authn == "aws" && id.AWS.Role == said
	case id.OIDC != nil:
		return authn == "oidc" && intent.Match(id.OIDC.Issuer+"#"+id.OIDC.Subject, said) && claimed(id.OIDC.Claims, claims)
	case id.MTLS != nil:
		return authn == "mtls" && id.MTLS.SPIFFE == said
	case id.Proxy != nil:
		return authn == "proxy" && id.Proxy.User == said
	}
	return false
}

// claimed reports whether a proof has every claim that is wanted, as it is wanted.
func claimed(want, has map[string]string) bool {
	for name, pattern := range want {
		if value, ok := has[name]; !ok || value == "" || !intent.Match(pattern, value) {
			return false
		}
	}
	return true
}

func (p *Program) identify(authn, said string, claims map[string]string) subject {
	for i, a := range p.set.Actors {
		for _, id := range a.Identify {
			if proves(id, authn, said, claims) {
				return subject{said, a, i}
			}
		}
	}
	return subject{said, nil, -1}
}

// subjects returns the actor and everybody it acts for. The chain is vouched for
// by the same evidence as the actor, and names declared actors or their ids.
func (p *Program) subjects(a model.Actor) []subject {
	all := []subject{p.identify(a.Authn, a.ID, a.Claims)}
	for _, id := range a.For {
		s := p.identify(a.Authn, id, nil) // claims are of the actor alone
		if s.doc == nil {
			if i := slices.IndexFunc(p.set.Actors, func(d *intent.Actor) bool { return d.Name == id }); i >= 0 {
				s = subject{id, p.set.Actors[i], i}
			}
		}
		all = append(all, s)
	}
	return all
}

// concerns reports whether a never clause may be about an actor. Nobody vouches
// for an actor without evidence: it might be anybody.
func (n *never) concerns(actor model.Actor, subjects []subject) bool {
	if n.who == nil || actor.ID == "" || actor.Authn == "" || slices.Contains(n.Who, "*") {
		return true
	}
	for _, s := range subjects {
		if n.who.has(s.index) {
			return true
		}
	}
	// what the token says of itself may only count against it
	if slices.Contains(n.Who, "kind:"+string(actor.Kind)) {
		return true
	}
	return subjects[0].doc == nil && actor.Kind == "" && slices.ContainsFunc(n.Who, func(w string) bool {
		return len(w) > 5 && w[:5] == "kind:"
	})
}
