package actor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// refetchAfter is how soon an issuer's keys are asked for again because a token
	// names one that is not among them: so often may strangers make us ask.
	refetchAfter = 5 * time.Second
	// keysHold is how long an issuer's keys are believed: one that it takes back is
	// gone after that.
	keysHold = time.Hour
	// answerCap bounds an issuer's answers, and keysKept its keys.
	answerCap = 1 << 20
	keysKept  = 64
)

// algorithms are those of keys of which an issuer publishes half. Without the others
// (none, and HS256, whose key would be the published half) a token cannot choose how
// it is checked.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// keySet are an issuer's keys. It is asked for them when the first token comes, after
// an hour, and when a token names another: keys rotate.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex // guards all below, while the issuer is asked too: one asks for all
	keys  []jose.JSONWebKey
	asked time.Time
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	var algs []jose.SignatureAlgorithm
	for _, a := range algorithms() {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSignedCompact(token, algs)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	head := signed.Signatures[0].Header
	key, err := k.find(ctx, head)
	if err != nil {
		return nil, err
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return nil, errors.New("its signature is not that of the issuer's key")
	}
	return payload, nil
}

// find returns the one key that a token names.
func (k *keySet) find(ctx context.Context, head jose.Header) (jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	key, ok := pick(k.keys, head)
	if old := now.Sub(k.asked); old >= keysHold || !ok && old >= refetchAfter {
		keys, err := k.fetch(ctx)
		k.asked = now
		if err != nil {
			if old >= keysHold {
				k.keys = nil
			}
			return key, fmt.Errorf("asking for the issuer's keys: %w", err)
		}
		k.keys = keys
		key, ok = pick(keys, head)
	}
	if !ok {
		return key, errors.New("it names a key that the issuer does not have")
	}
	return key, nil
}

// pick finds a key by its id; a token without one is right only where there is no
// choice.
func pick(keys []jose.JSONWebKey, head jose.Header) (found jose.JSONWebKey, ok bool) {
	for _, key := range keys {
		if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != head.Algorithm {
			continue
		}
		if head.KeyID == "" && len(keys) == 1 || head.KeyID != "" && key.KeyID == head.KeyID {
			if ok {
				return jose.JSONWebKey{}, false // two of one name
			}
			found, ok = key, true
		}
	}
	return found, ok
}

// fetch asks where the keys are, and for them.
func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := k.get(ctx, strings.TrimSuffix(k.issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	at, err := url.Parse(about.Keys)
	switch {
	case about.Issuer != k.issuer:
		return nil, errors.New("it says that it is another issuer")
	case err != nil || at.Host == "" || at.Scheme != "https" && !loopback(at):
		return nil, errors.New("it names no https URL for its keys")
	}
	var set jose.JSONWebKeySet
	if err := k.get(ctx, about.Keys, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, key := range set.Keys {
		if key.IsPublic() && key.Valid() && len(keys) < keysKept {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (k *keySet) get(ctx context.Context, at string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := k.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", at, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerCap))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer cannot be read", at)
	}
	return nil
}

func rawURL(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
