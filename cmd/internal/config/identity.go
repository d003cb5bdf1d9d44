package config

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

// FieldIdentity is how callers are known beside tokens.
const FieldIdentity = "identity"

// The bounds of a run token that was exchanged for a proof.
const (
	DefaultSession = time.Hour
	LongestSession = 12 * time.Hour
)

// Identity is how `assent serve` knows callers by what they bring themselves.
type Identity struct {
	// Login is the host:port, over TLS, where a proof is exchanged for a run token.
	Login string `json:"login,omitempty"`
	// Session is how long such a run token holds.
	Session time.Duration `json:"-"`
	// OIDC are the issuers whose tokens are proof.
	OIDC []Issuer `json:"oidc,omitempty"`
	// SPIFFE maps a trust domain to the file of its bundle.
	SPIFFE map[string]string `json:"spiffe,omitempty"`
	// Kubernetes: whoever calls a cluster is who the cluster says.
	Kubernetes bool `json:"kubernetes,omitempty"`
	// AWS are the actors that get a placeholder key pair.
	AWS []Brokered `json:"aws,omitempty"`
}

// Issuer is an OpenID provider.
type Issuer struct {
	Issuer   string          `json:"issuer"`
	Audience string          `json:"audience"`
	Kind     model.ActorKind `json:"kind,omitempty"`
	Claims   []string        `json:"claims,omitempty"` // kept of a token; empty: the usual ones
}

// Brokered is an actor for which assent holds an AWS credential.
type Brokered struct {
	Actor   string          `json:"actor"`
	Account string          `json:"account,omitempty"` // 12 digits; what the placeholder says, as real keys do
	Role    string          `json:"role,omitempty"`    // ARN, assumed with the profile or the default chain
	Profile string          `json:"profile,omitempty"`
	Region  string          `json:"region,omitempty"` // of STS
	Kind    model.ActorKind `json:"kind,omitempty"`
	For     []string        `json:"for,omitempty"`
	Key     string          `json:"key,omitempty"` // another word makes another key pair, and ends the one before
}

var kinds = []string{string(model.Human), string(model.Pipeline), string(model.Agent), string(model.Controller)}

// Exchanges reports whether there is something to exchange.
func (i Identity) Exchanges() bool { return i.Login != "" && len(i.OIDC) > 0 }

// Any reports whether callers can be known by anything beside tokens.
func (i Identity) Any() bool {
	return i.Exchanges() || len(i.SPIFFE) > 0 || i.Kubernetes || len(i.AWS) > 0
}

func (r reader) identity(n *yaml.Node) (i Identity, err error) {
	i.Session = DefaultSession
	err = r.fields(n, []string{"login", "session", "oidc", "spiffe", "kubernetes", "aws"}, func(key string, _, value *yaml.Node) error {
		switch key {
		case "login":
			i.Login, err = r.address(value)
		case "session":
			var text string
			if text, err = r.text(value); err == nil {
				var bad error
				if i.Session, bad = time.ParseDuration(text); bad != nil || i.Session < time.Minute || i.Session > LongestSession {
					err = r.bad(value, "%q is not a length of time from 1m to %s", text, LongestSession)
				}
			}
		case "oidc":
			err = r.each(value, "issuers: - {issuer: URL, audience: NAME}", func(item *yaml.Node) error {
				one, err := r.issuer(item)
				i.OIDC = append(i.OIDC, one)
				return err
			})
		case "spiffe":
			i.SPIFFE = map[string]string{}
			err = r.fields(value, nil, func(domain string, at, file *yaml.Node) error {
				if domain == "" || strings.ContainsAny(domain, "/: ") {
					return r.bad(at, "%q is not a trust domain; expected a name such as example.org", domain)
				}
				path, err := r.path(file)
				i.SPIFFE[domain] = path
				return err
			})
		case "kubernetes":
			var word string
			word, err = r.choice(value, "true", "false")
			i.Kubernetes = word == "true"
		case "aws":
			err = r.fields(value, nil, func(actor string, at, fields *yaml.Node) error {
				one, err := r.brokered(actor, fields)
				if actor == "" {
					return r.bad(at, "an actor without a name")
				}
				i.AWS = append(i.AWS, one)
				return err
			})
		}
		return err
	})
	if err != nil {
		return Identity{}, err
	}
	if i.Login != "" && len(i.OIDC) == 0 {
		return Identity{}, r.bad(n, "login: is where OpenID tokens are exchanged, and there is no issuer under oidc:")
	}
	return i, nil
}

// each calls f for each item of a list.
func (r reader) each(n *yaml.Node, what string, f func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		return r.bad(n, "expected a list of at most %d %s", maxEntries, what)
	}
	for _, item := range n.Content {
		if err := f(item); err != nil {
			return err
		}
	}
	return nil
}

func (r reader) issuer(n *yaml.Node) (one Issuer, err error) {
	err = r.fields(n, []string{"issuer", "audience", "kind", "claims"}, func(key string, _, value *yaml.Node) (err error) {
		switch key {
		case "issuer":
			if one.Issuer, err = r.text(value); err == nil {
				if u, bad := url.Parse(one.Issuer); bad != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
					err = r.bad(value, "%q is not an issuer; expected its https URL, exactly as its tokens have it", one.Issuer)
				}
			}
		case "audience":
			one.Audience, err = r.text(value)
		case "kind":
			var word string
			word, err = r.choice(value, kinds...)
			one.Kind = model.ActorKind(word)
		case "claims":
			one.Claims, err = r.names(value)
		}
		return err
	})
	if err == nil && (one.Issuer == "" || one.Audience == "") {
		err = r.bad(n, "an issuer needs both issuer and audience: without an audience, a token for anybody else would be proof here")
	}
	return one, err
}

func (r reader) brokered(actor string, n *yaml.Node) (Brokered, error) {
	one := Brokered{Actor: actor}
	err := r.fields(n, []string{"account", "role", "profile", "region", "kind", "for", "key"}, func(key string, _, value *yaml.Node) (err error) {
		switch key {
		case "account":
			if one.Account, err = r.text(value); err == nil && (len(one.Account) != 12 || strings.Trim(one.Account, "0123456789") != "") {
				err = r.bad(value, "%q is not an account; expected its 12 digits, in quotes", one.Account)
			}
		case "role":
			if one.Role, err = r.text(value); err == nil && !strings.HasPrefix(one.Role, "arn:") {
				err = r.bad(value, "%q is not a role; expected its ARN", one.Role)
			}
		case "profile":
			one.Profile, err = r.text(value)
		case "region":
			one.Region, err = r.text(value)
		case "kind":
			var word string
			word, err = r.choice(value, kinds...)
			one.Kind = model.ActorKind(word)
		case "for":
			one.For, err = r.names(value)
		case "key":
			one.Key, err = r.text(value)
		}
		return err
	})
	// A role's ARN says its account.
	if parts := strings.Split(one.Role, ":"); err == nil && one.Account == "" && len(parts) > 5 && len(parts[4]) == 12 {
		one.Account = parts[4]
	}
	return one, err
}
