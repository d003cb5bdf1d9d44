package actor

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

const (
	// tokenBytes of randomness: nobody guesses 256 bits.
	tokenBytes = 32
	// minToken is the shortest token that Add takes, for those that people make.
	minToken = 16
	// maxHeader bounds what is decoded of a Proxy-Authorization header.
	maxHeader = 4 << 10
	// maxTokens bounds the table; every authentication compares with all of them.
	maxTokens = 1024
	// user is the name before the token in a proxy address. It means nothing.
	user = "run"
)

// NewRunToken makes a token that is safe in a URL's userinfo.
func NewRunToken(rand io.Reader) (string, error) {
	var b [tokenBytes]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("making a run token: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// Userinfo is how a token is carried in a proxy address.
func Userinfo(token string) *url.Userinfo { return url.UserPassword(user, token) }

// Tokens knows actors by their tokens. The zero value knows nobody. It keeps
// digests, not tokens, and is safe for concurrent use.
type Tokens struct {
	mu      sync.RWMutex // guards holders
	holders []holder
}

type holder struct {
	digest [sha256.Size]byte
	actor  model.Actor
	run    string
}

var _ proxy.Authenticator = (*Tokens)(nil)

// Add makes an actor known by a token. The same token twice is an error: two
// actors would be one.
func (t *Tokens) Add(token string, actor model.Actor, run string) error {
	if len(token) < minToken {
		return fmt.Errorf("the token of %s is shorter than %d characters", actor.ID, minToken)
	}
	return t.AddDigest(sha256.Sum256([]byte(token)), actor, run)
}

// AddDigest makes an actor known by the SHA-256 of its token, for whoever keeps
// only that.
func (t *Tokens) AddDigest(digest [sha256.Size]byte, actor model.Actor, run string) error {
	if actor.ID == "" {
		return errors.New("a token for an actor without an id")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.holders) >= maxTokens {
		return fmt.Errorf("there are %d tokens already, the limit", maxTokens)
	}
	for _, h := range t.holders {
		if h.digest == digest {
			return fmt.Errorf("%s and %s have the same token", h.actor.ID, actor.ID)
		}
	}
	if actor.Authn == "" {
		actor.Authn = "run-token"
	}
	t.holders = append(t.holders, holder{digest: digest, actor: actor, run: run})
	return nil
}

// Remove forgets a token.
func (t *Tokens) Remove(token string) {
	digest := sha256.Sum256([]byte(token))
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, h := range t.holders {
		if h.digest == digest {
			t.holders = append(t.holders[:i:i], t.holders[i+1:]...)
			return
		}
	}
}

// Authenticate reads `Basic base64(user:token)` or `Bearer token`. It takes the
// same time whoever asks.
func (t *Tokens) Authenticate(proxyAuthorization string) (model.Actor, string, bool) {
	token, ok := tokenOf(proxyAuthorization)
	if !ok {
		return model.Actor{}, "", false
	}
	digest := sha256.Sum256([]byte(token))
	t.mu.RLock()
	defer t.mu.RUnlock()
	found := -1
	for i := range t.holders {
		if subtle.ConstantTimeCompare(t.holders[i].digest[:], digest[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return model.Actor{}, "", false
	}
	return t.holders[found].actor, t.holders[found].run, true
}

// tokenOf takes the token out of a header (RFC 7617, RFC 6750). Some clients drop
// an empty or the only password: a token alone as the user's name counts too.
func tokenOf(header string) (string, bool) {
	if len(header) > maxHeader {
		return "", false
	}
	scheme, rest, ok := strings.Cut(header, " ")
	if !ok {
		return "", false
	}
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest, rest != ""
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", false
		}
		name, password, _ := strings.Cut(string(plain), ":")
		if password == "" {
			password = name
		}
		return password, password != ""
	}
	return "", false
}
