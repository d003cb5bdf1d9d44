package actor

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/assent-iom/assent/model"
)

// provider is an OpenID provider on loopback, as GitHub Actions and GitLab CI are one.
type provider struct {
	t     *testing.T
	url   string
	asked atomic.Int64 // for its keys

	mu   sync.Mutex // guards keys, said and down
	keys map[string]crypto.Signer
	said string // as its issuer; empty: its URL
	down bool
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, keys: map[string]crypto.Signer{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		issuer := p.url
		if p.said != "" {
			issuer = p.said
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "none"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		var set jose.JSONWebKeySet
		for id, key := range p.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	p.rotate("rsa-1", true)
	p.rotate("ec-1", false)
	return p
}

// rotate adds a key; the others stay until they are taken back.
func (p *provider) rotate(id string, isRSA bool) {
	var key crypto.Signer
	var err error
	if isRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[id] = key
}

func (p *provider) takeBack(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, id)
}

var jobs atomic.Int64

// claims are those of a job on GitHub, with changes.
func (p *provider) claims(change map[string]any) map[string]any {
	c := map[string]any{
		"iss": p.url, "sub": "repo:acme/shop:environment:prod", "aud": "assent", "jti": fmt.Sprint("job-", jobs.Add(1)),
		"iat": noon.Unix(), "nbf": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix(),
		"repository": "acme/shop", "ref": "refs/heads/main", "environment": "prod", "run_attempt": 1, "email": "dana@shop.example", "enterprise": []string{"x"},
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// token signs a job's token with a key of the provider.
func (p *provider) token(id string, change map[string]any) string {
	p.t.Helper()
	p.mu.Lock()
	key := p.keys[id]
	p.mu.Unlock()
	alg := jose.RS256
	if _, ec := key.(*ecdsa.PrivateKey); ec {
		alg = jose.ES256
	}
	return sign(p.t, alg, key, id, p.claims(change))
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// knower knows the tokens of a provider, at a time that a test moves.
func (p *provider) knower(t *testing.T) (*OIDC, func(time.Duration)) {
	t.Helper()
	var at atomic.Int64
	at.Store(int64(time.Minute))
	o, err := NewOIDC(OIDCConfig{
		Issuers: []Issuer{{URL: p.url, Audience: "assent", Kind: model.Pipeline}},
		Client:  &http.Client{Timeout: 5 * time.Second}, Now: func() time.Time { return noon.Add(time.Duration(at.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return o, func(d time.Duration) { at.Add(int64(d)) }
}

func TestATokenTellsWhoseJobItIs(t *testing.T) {
	p := newProvider(t)
	o, _ := p.knower(t)
	for _, key := range []string{"rsa-1", "ec-1"} {
		got, err := o.Know(context.Background(), p.token(key, nil))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		want := model.Actor{ID: p.url + "#repo:acme/shop:environment:prod", Kind: model.Pipeline, Authn: AuthnOIDC,
			Claims: map[string]string{"repository": "acme/shop", "ref": "refs/heads/main", "environment": "prod", "run_attempt": "1"}}
		if fmt.Sprint(got.Actor) != fmt.Sprint(want) || !got.Ends.Equal(noon.Add(10*time.Minute)) {
			t.Errorf("%s: %+v, until %s", key, got.Actor, got.Ends)
		}
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

// Whatever is wrong with a token, it is nobody's.
func TestAHostileTokenIsNobodys(t *testing.T) {
	p := newProvider(t)
	other := newProvider(t)
	unsigned := func(head string) string {
		payload, _ := json.Marshal(p.claims(nil))
		enc := base64.RawURLEncoding.EncodeToString
		return enc([]byte(head)) + "." + enc(payload) + "."
	}
	public := func() []byte { // the published half as an HMAC key: the oldest trick
		der, err := x509.MarshalPKIXPublicKey(p.keys["rsa-1"].Public())
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	embedded := func() string { // brings its own key
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: stranger}, (&jose.SignerOptions{EmbedJWK: true}).WithHeader("kid", "rsa-1"))
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(p.claims(nil))
		object, _ := s.Sign(payload)
		text, _ := object.CompactSerialize()
		return text
	}
	good := p.token("rsa-1", nil)
	parts := strings.Split(good, ".")
	changed, _ := json.Marshal(p.claims(map[string]any{"sub": "repo:acme/shop:environment:root"}))
	for name, token := range map[string]string{
		"alg none":                    unsigned(`{"alg":"none"}`),
		"alg None":                    unsigned(`{"alg":"None","kid":"rsa-1"}`),
		"no alg":                      unsigned(`{"kid":"rsa-1"}`),
		"HMAC with the public key":    sign(t, jose.HS256, public(), "rsa-1", p.claims(nil)),
		"another audience":            p.token("rsa-1", map[string]any{"aud": "sts.amazonaws.com"}),
		"no audience":                 p.token("rsa-1", map[string]any{"aud": nil}),
		"expired":                     p.token("rsa-1", map[string]any{"exp": noon.Unix()}),
		"no end":                      p.token("rsa-1", map[string]any{"exp": nil}),
		"not yet":                     p.token("rsa-1", map[string]any{"nbf": noon.Add(time.Hour).Unix()}),
		"for a year":                  p.token("rsa-1", map[string]any{"exp": noon.Add(365 * 24 * time.Hour).Unix()}),
		"nobody":                      p.token("rsa-1", map[string]any{"sub": ""}),
		"another issuer":              other.token("rsa-1", nil),
		"another issuer's key":        sign(t, jose.RS256, other.keys["rsa-1"], "rsa-1", p.claims(nil)),
		"a stranger's key":            sign(t, jose.RS256, stranger, "rsa-1", p.claims(nil)),
		"a stranger's key, embedded":  embedded(),
		"a key that is not there":     sign(t, jose.RS256, stranger, "rsa-9", p.claims(nil)),
		"no key id":                   sign(t, jose.RS256, p.keys["rsa-1"], "", p.claims(nil)),
		"the id of another key":       sign(t, jose.RS256, p.keys["rsa-1"], "ec-1", p.claims(nil)),
		"a path for a key id":         sign(t, jose.RS256, stranger, "../../etc/passwd", p.claims(nil)),
		"changed after signing":       parts[0] + "." + base64.RawURLEncoding.EncodeToString(changed) + "." + parts[2],
		"without its signature":       parts[0] + "." + parts[1] + ".",
		"two parts":                   parts[0] + "." + parts[1],
		"no JSON":                     parts[0] + ".e30x." + parts[2],
		"empty":                       "",
		"too long":                    good + strings.Repeat("A", maxToken),
		"acts for, of another issuer": p.token("rsa-1", map[string]any{"act": map[string]any{"sub": "root", "iss": "https://other.example"}}),
		"nobody acts":                 p.token("rsa-1", map[string]any{"act": map[string]any{"iss": p.url}}),
	} {
		o, _ := p.knower(t)
		if got, err := o.Know(context.Background(), token); err == nil {
			t.Errorf("%s: taken for %+v", name, got.Actor)
		} else if len(token) > 50 && strings.Contains(err.Error(), token[len(token)-20:]) {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
}

// A token is taken once, whatever is exchanged for it.
func TestATokenIsTakenOnce(t *testing.T) {
	p := newProvider(t)
	o, _ := p.knower(t)
	for name, change := range map[string]map[string]any{"with a jti": nil, "without": {"jti": nil}} {
		token := p.token("rsa-1", change)
		if _, err := o.Know(context.Background(), token); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := o.Know(context.Background(), token); err == nil || !strings.Contains(err.Error(), "used before") {
			t.Errorf("%s, again: %v", name, err)
		}
		// 256 bytes are 342 characters, of which the last has four bits that say nothing.
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(alphabet, token[len(token)-1])
		if _, err := o.Know(context.Background(), token[:len(token)-1]+alphabet[last+1:last+2]); err == nil || !strings.Contains(err.Error(), "used before") {
			t.Errorf("%s, again with another end: %v", name, err)
		}
	}
	// the same job's token in another spelling is the same job's
	c := map[string]any{"jti": "one"}
	if _, err := o.Know(context.Background(), p.token("rsa-1", c)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Know(context.Background(), p.token("ec-1", c)); err == nil {
		t.Error("a second token of one jti is taken")
	}
}

// What is remembered of used tokens is bounded, and full means no.
func TestUsedTokensAreBounded(t *testing.T) {
	p := newProvider(t)
	o, later := p.knower(t)
	for i := range usedKept {
		o.used[[32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}] = noon.Add(5 * time.Minute)
	}
	if _, err := o.Know(context.Background(), p.token("rsa-1", nil)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a full memory: %v", err)
	}
	later(6 * time.Minute)
	if _, err := o.Know(context.Background(), p.token("rsa-1", nil)); err != nil || len(o.used) != 1 {
		t.Errorf("after they ended: %v, %d are kept", err, len(o.used))
	}
}

// Keys rotate: a new one is asked for when a token names it, one that was taken back
// is no longer believed, and strangers cannot make us ask all the time.
func TestKeysRotate(t *testing.T) {
	p := newProvider(t)
	o, later := p.knower(t)
	know := func(token string) error { _, err := o.Know(context.Background(), token); return err }
	if err := know(p.token("rsa-1", nil)); err != nil {
		t.Fatal(err)
	}
	p.rotate("rsa-2", true)
	if err := know(p.token("rsa-2", nil)); err == nil {
		t.Error("the keys were asked for again at once")
	}
	later(refetchAfter)
	if err := know(p.token("rsa-2", nil)); err != nil {
		t.Errorf("a rotated key: %v", err)
	}
	asked := p.asked.Load()
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for i := range 50 {
		if know(sign(t, jose.ES256, stranger, fmt.Sprint("k", i), p.claims(nil))) == nil {
			t.Error("a stranger's token is taken")
		}
	}
	if n := p.asked.Load() - asked; n > 1 {
		t.Errorf("strangers made us ask %d times", n)
	}
	token := p.token("rsa-1", map[string]any{"exp": noon.Add(3 * time.Hour).Unix()})
	p.takeBack("rsa-1")
	later(keysHold)
	if err := know(token); err == nil {
		t.Error("a key that was taken back is believed")
	}
}

func TestAnIssuerThatCannotBeAskedProvesNothing(t *testing.T) {
	p := newProvider(t)
	o, later := p.knower(t)
	p.down = true
	if _, err := o.Know(context.Background(), p.token("rsa-1", nil)); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("down: %v", err)
	}
	p.mu.Lock()
	p.down, p.said = false, "https://other.example"
	p.mu.Unlock()
	later(refetchAfter)
	if _, err := o.Know(context.Background(), p.token("rsa-1", nil)); err == nil || !strings.Contains(err.Error(), "another issuer") {
		t.Errorf("says that it is another: %v", err)
	}
	p.mu.Lock()
	p.said = ""
	p.mu.Unlock()
	later(refetchAfter)
	if _, err := o.Know(context.Background(), p.token("rsa-1", nil)); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestAnIssuerHasToBeWellDeclared(t *testing.T) {
	for name, i := range map[string]Issuer{
		"no audience": {URL: "https://a.example"}, "plain http": {URL: "http://a.example", Audience: "x"}, "a query": {URL: "https://a.example?x", Audience: "x"},
		"a fragment": {URL: "https://a.example#x", Audience: "x"}, "a password": {URL: "https://u:p@a.example", Audience: "x"}, "nothing": {Audience: "x"},
	} {
		if _, err := NewOIDC(OIDCConfig{Issuers: []Issuer{i}, Client: &http.Client{Timeout: 1}, Now: time.Now}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := NewOIDC(OIDCConfig{Client: http.DefaultClient, Now: time.Now}); err == nil {
		t.Error("a client without a timeout is taken")
	}
}

// Who acts for whom is kept, whoever says so by a proof: an act claim, or two tokens.
func TestTheChainOfWhoActsForWhomIsKept(t *testing.T) {
	p := newProvider(t)
	o, _ := p.knower(t)
	id := func(sub string) string { return p.url + "#" + sub }
	got, err := o.Exchange(context.Background(), p.token("rsa-1", map[string]any{"sub": "dana", "act": map[string]any{"sub": "agent-2", "act": map[string]any{"sub": "agent-1"}}}), "")
	if err != nil || got.Actor.ID != id("agent-2") || !slices.Equal(got.Actor.For, []string{id("agent-1"), id("dana")}) || got.Actor.Claims != nil {
		t.Errorf("an act claim: %+v, %v", got.Actor, err)
	}
	got, err = o.Exchange(context.Background(), p.token("rsa-1", map[string]any{"sub": "dana"}), p.token("ec-1", map[string]any{"sub": "agent", "exp": noon.Add(2 * time.Minute).Unix()}))
	if err != nil || got.Actor.ID != id("agent") || !slices.Equal(got.Actor.For, []string{id("dana")}) || got.Actor.Claims["repository"] != "acme/shop" || !got.Ends.Equal(noon.Add(2*time.Minute)) {
		t.Errorf("two tokens: %+v, %v", got, err)
	}
	token := p.token("rsa-1", nil)
	if _, err := o.Exchange(context.Background(), token, token); err == nil {
		t.Error("one token twice is a chain")
	}
	deep := map[string]any{"sub": "a0"}
	for i := range maxChain + 1 {
		deep = map[string]any{"sub": fmt.Sprint("a", i+1), "act": deep}
	}
	if _, err := o.Exchange(context.Background(), p.token("rsa-1", map[string]any{"act": deep}), ""); err == nil {
		t.Error("a chain without end is taken")
	}
}

func FuzzIssuerOf(f *testing.F) {
	f.Add("a.b.c")
	f.Add("e30.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9.x")
	o, err := NewOIDC(OIDCConfig{Issuers: []Issuer{{URL: "https://nowhere.invalid", Audience: "assent"}}, Client: &http.Client{Timeout: time.Nanosecond}, Now: func() time.Time { return noon }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, _ = issuerOf(token)
		if p, err := o.Know(context.Background(), token); err == nil {
			t.Fatalf("%q is taken for %+v", token, p)
		}
	})
}
