package checks

import (
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

// acquaintance finds actors by what proves them.
type acquaintance struct {
	by    map[evident]int // the first actor that it proves
	oidc  []int           // actors that a pattern of tokens proves
	names map[string]int
}

// evident is evidence that names one identity.
type evident struct{ authn, said string }

func newAcquaintance(set *intent.Set) acquaintance {
	k := acquaintance{by: map[evident]int{}, names: map[string]int{}}
	for i, a := range set.Actors {
		if _, taken := k.names[a.Name]; !taken {
			k.names[a.Name] = i
		}
		for _, id := range a.Identify {
			e := evident{}
			switch {
			case id.Run != "":
				e = evident{"run", id.Run}
			case id.Kubernetes != nil:
				e = evident{"kubernetes", id.Kubernetes.User}
			case id.AWS != nil:
				e = evident{"aws", id.AWS.Role}
			case id.OIDC != nil:
				if n := len(k.oidc); n == 0 || k.oidc[n-1] != i {
					k.oidc = append(k.oidc, i)
				}
				continue
			case id.MTLS != nil:
				e = evident{"mtls", id.MTLS.SPIFFE}
			case id.Proxy != nil:
				e = evident{"proxy", id.Proxy.User}
			}
			if _, taken := k.by[e]; !taken {
				k.by[e] = i
			}
		}
	}
	return k
}

func (p *Program) identify(authn, said string, claims map[string]string) subject {
	proven := func(i int) bool {
		for _, id := range p.set.Actors[i].Identify {
			if proves(id, authn, said, claims) {
				return true
			}
		}
		return false
	}
	if authn == "oidc" {
		for _, i := range p.known.oidc {
			if proven(i) {
				return subject{said, p.set.Actors[i], i}
			}
		}
		return subject{said, nil, -1}
	}
	e := evident{authn, said}
	if strings.HasPrefix(authn, "run") {
		e.authn = "run"
	}
	if i, ok := p.known.by[e]; ok && proven(i) {
		return subject{said, p.set.Actors[i], i}
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
			if i, ok := p.known.names[id]; ok {
				s = subject{id, p.set.Actors[i], i}
			}
		}
		all = append(all, s)
	}
	return all
}

// concerns reports whether a never clause may be about an actor. Nobody vouches
// for an actor without evidence: it might be anybody.
func (n *never) concerns(actor *model.Actor, subjects []subject) bool {
	if n.who == nil || actor.ID == "" || actor.Authn == "" || n.all {
		return true
	}
	for _, s := range subjects {
		if n.who.has(s.index) {
			return true
		}
	}
	if !n.kinds {
		return false
	}
	// what the token says of itself may only count against it
	for _, w := range n.Who {
		if len(w) >= 5 && w[:5] == "kind:" && w[5:] == string(actor.Kind) {
			return true
		}
	}
	return subjects[0].doc == nil && actor.Kind == ""
}
