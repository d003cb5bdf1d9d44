package actor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/assent-iom/assent/model"
)

// AuthnOIDC is the evidence of a token of an OpenID provider: the actor's id is
// ISSUER#SUBJECT.
const AuthnOIDC = "oidc"

const (
	// maxToken bounds a token; those of GitHub and GitLab have 1 to 3 KiB.
	maxToken = 16 << 10
	// maxClaims and maxClaim bound what is kept of a token's claims.
	maxClaims = 32
	maxClaim  = 256
	// maxChain bounds how many act for each other.
	maxChain = 8
	// longestLife of a token that is taken: an identity that holds for days is no
	// proof of who runs now.
	longestLife = 24 * time.Hour
	// usedKept bounds the tokens that are remembered as used. When it is full, none is
	// taken until one of them has ended.
	usedKept = 16384
)

// KnownClaims are those that GitHub Actions and GitLab CI say of a job, and that are
// kept where an Issuer names none: where it comes from, never whom to write to.
func KnownClaims() []string {
	return []string{
		"repository", "repository_id", "repository_owner", "repository_visibility", "ref", "ref_type", "ref_protected", "environment", "event_name",
		"workflow_ref", "job_workflow_ref", "runner_environment", "actor", "run_id", "run_attempt", // GitHub
		"namespace_path", "project_path", "project_id", "environment_protected", "pipeline_source", "pipeline_id", "job_id", "deployment_tier", "user_login", // GitLab
	}
}

// Issuer is an OpenID provider whose tokens are proof.
type Issuer struct {
	URL      string
	Audience string // whom its tokens have to be for: us
	// Kind of those whom it names; empty: their declaration says.
	Kind model.ActorKind
	// Claims are the names of the claims that are kept; empty: KnownClaims.
	Claims []string
}

// OIDCConfig is what OIDC is made from.
type OIDCConfig struct {
	Issuers []Issuer
	Client  *http.Client // reaches the issuers; MUST have a timeout
	Now     func() time.Time
}

// OIDC knows actors by tokens of OpenID providers. Each token is taken once. It is
// safe for concurrent use.
type OIDC struct {
	now       func() time.Time
	verifiers map[string]*issuer

	mu   sync.Mutex // guards used
	used map[[sha256.Size]byte]time.Time
}

type issuer struct {
	Issuer
	verifier *oidc.IDTokenVerifier
}

// NewOIDC checks the configuration. No issuer is asked for anything yet.
func NewOIDC(cfg OIDCConfig) (*OIDC, error) {
	if cfg.Client == nil || cfg.Client.Timeout <= 0 || cfg.Now == nil {
		return nil, errors.New("oidc: no client with a timeout, or no clock")
	}
	o := &OIDC{now: cfg.Now, verifiers: map[string]*issuer{}, used: map[[sha256.Size]byte]time.Time{}}
	for _, i := range cfg.Issuers {
		u, err := url.Parse(i.URL)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "https" && !loopback(u)):
			return nil, fmt.Errorf("oidc: issuer %q: want an https URL", i.URL)
		case i.Audience == "":
			return nil, fmt.Errorf("oidc: issuer %s: no audience: its tokens for anybody else would be proof here", i.URL)
		case o.verifiers[i.URL] != nil:
			return nil, fmt.Errorf("oidc: issuer %s is there twice", i.URL)
		case len(i.Claims) > maxClaims:
			return nil, fmt.Errorf("oidc: issuer %s: more than %d claims", i.URL, maxClaims)
		}
		if len(i.Claims) == 0 {
			i.Claims = KnownClaims()
		}
		keys := &keySet{issuer: i.URL, client: cfg.Client, now: cfg.Now}
		o.verifiers[i.URL] = &issuer{i, oidc.NewVerifier(i.URL, keys, &oidc.Config{ClientID: i.Audience, Now: cfg.Now, SupportedSigningAlgs: algorithms()})}
	}
	return o, nil
}

// loopback: a provider on this machine needs no TLS.
func loopback(u *url.URL) bool {
	h := u.Hostname()
	return u.Scheme == "http" && (h == "127.0.0.1" || h == "::1" || h == "localhost")
}

// claims are those of a token that are looked at by name.
type claims struct {
	ID  string    `json:"jti"`
	Act *actClaim `json:"act"`
}

// actClaim says who acts for the subject (RFC 8693 §4.1).
type actClaim struct {
	Subject string    `json:"sub"`
	Issuer  string    `json:"iss"`
	Act     *actClaim `json:"act"`
}

// Proven is who a token says that somebody is.
type Proven struct {
	Actor model.Actor
	Ends  time.Time // of the token
}

// Know verifies a token and takes it: the same token is nobody's the next time.
func (o *OIDC) Know(ctx context.Context, token string) (Proven, error) {
	p, id, err := o.verify(ctx, token)
	if err != nil {
		return Proven{}, err
	}
	return p, o.take(id, p.Ends)
}

func (o *OIDC) verify(ctx context.Context, token string) (p Proven, id [sha256.Size]byte, err error) {
	if len(token) > maxToken {
		return p, id, fmt.Errorf("the token is longer than %d KiB", maxToken>>10)
	}
	from, err := issuerOf(token)
	if err != nil {
		return p, id, err
	}
	i, ok := o.verifiers[from]
	if !ok {
		return p, id, errors.New("the token is of an issuer that is not declared here")
	}
	t, err := i.verifier.Verify(ctx, token)
	if err != nil {
		return p, id, fmt.Errorf("the token of %s does not hold: %w", i.URL, err)
	}
	var c claims
	if err := t.Claims(&c); err != nil {
		return p, id, fmt.Errorf("the token of %s has claims that cannot be read: %w", i.URL, err)
	}
	switch now := o.now(); {
	case t.Subject == "":
		return p, id, fmt.Errorf("the token of %s names nobody", i.URL)
	case t.Expiry.After(now.Add(longestLife)):
		return p, id, fmt.Errorf("the token of %s holds for more than %s", i.URL, longestLife)
	}
	if p.Actor, err = i.actor(t, c.Act); err != nil {
		return p, id, err
	}
	p.Ends = t.Expiry
	name := "jti\n" + i.URL + "\n" + c.ID
	if c.ID == "" {
		// By what is signed: the rest of its text has bits that say nothing.
		payload, err := rawURL(strings.Split(token, ".")[1])
		if err != nil {
			return p, id, fmt.Errorf("the token of %s cannot be read: %w", i.URL, err)
		}
		name = "token\n" + string(payload)
	}
	return p, sha256.Sum256([]byte(name)), nil
}

// actor is whom a token names: its subject, or who acts for it.
func (i *issuer) actor(t *oidc.IDToken, act *actClaim) (model.Actor, error) {
	a := model.Actor{ID: i.URL + "#" + t.Subject, Kind: i.Kind, Authn: AuthnOIDC}
	if act == nil {
		a.Claims = i.kept(t)
		return a, nil
	}
	// The outermost acts now; those inside acted before it, and the subject is whom all
	// of them act for.
	chain := []string{}
	for at := act; at != nil; at = at.Act {
		switch {
		case at.Issuer != "" && at.Issuer != i.URL: // it may not speak for others
			return a, fmt.Errorf("the token of %s says that somebody of another issuer acts", i.URL)
		case at.Subject == "" || len(chain) >= maxChain:
			return a, fmt.Errorf("the token of %s says of nobody, or of more than %d, that they act", i.URL, maxChain)
		}
		chain = append(chain, i.URL+"#"+at.Subject)
	}
	a.For = append(chain[1:], a.ID)
	a.ID = chain[0]
	return a, nil
}

// kept are the claims that may be matched: plain values of a bounded length.
func (i *issuer) kept(t *oidc.IDToken) map[string]string {
	var all map[string]json.RawMessage
	if t.Claims(&all) != nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range i.Claims {
		var text string
		raw := all[name]
		switch {
		case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
			continue
		case raw[0] == '"':
			if json.Unmarshal(raw, &text) != nil {
				continue
			}
		default:
			text = string(raw) // a number or a truth
		}
		if len(text) <= maxClaim {
			out[name] = text
		}
	}
	return out
}

// take remembers that a token was used.
func (o *OIDC) take(id [sha256.Size]byte, ends time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, again := o.used[id]; again {
		return errors.New("the token was used before: each is taken once")
	}
	if len(o.used) >= usedKept {
		now := o.now()
		for k, end := range o.used {
			if end.Before(now) {
				delete(o.used, k)
			}
		}
		if len(o.used) >= usedKept {
			return errors.New("too many tokens were used of late: try again later")
		}
	}
	o.used[id] = ends
	return nil
}

// issuerOf reads who a token says that it is of. Nothing is known by that yet.
func issuerOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is no signed JWT")
	}
	payload, err := rawURL(parts[1])
	var said struct {
		Issuer string `json:"iss"`
	}
	if err == nil {
		err = json.Unmarshal(payload, &said)
	}
	if err != nil || said.Issuer == "" {
		return "", errors.New("the token does not say of which issuer it is")
	}
	return said.Issuer, nil
}

// Exchange knows an actor by a token, or by two: whose token the subject's is, acted
// for by whose the other is (RFC 8693).
func (o *OIDC) Exchange(ctx context.Context, subject, acting string) (Proven, error) {
	who, err := o.Know(ctx, subject)
	if err != nil || acting == "" {
		return who, err
	}
	by, err := o.Know(ctx, acting)
	if err != nil {
		return Proven{}, fmt.Errorf("of the two tokens, that of who acts: %w", err)
	}
	by.Actor.For = slices.Concat(by.Actor.For, []string{who.Actor.ID}, who.Actor.For)
	if len(by.Actor.For) > maxChain {
		return Proven{}, fmt.Errorf("more than %d act for each other", maxChain)
	}
	if who.Ends.Before(by.Ends) {
		by.Ends = who.Ends
	}
	return by, nil
}
