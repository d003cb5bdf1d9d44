package actor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders/aws/sigv4"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// AuthnKey is the evidence of a placeholder key pair. Like every run's, it is named
// after the run or the actor that assent gave it to ({run: NAME} in an Actor).
const AuthnKey = "run-key"

// maxKeys bounds the table of key pairs.
const maxKeys = 1024

// Pair is an AWS key pair that is worth nothing at AWS: a placeholder, which tells
// assent who signs.
type Pair struct {
	ID     string
	Secret string
}

// NewPair makes a pair. The id looks like one of the account (12 digits; empty: of
// none), as real ones do: decoders read the account out of it.
func NewPair(rand io.Reader, account string) (Pair, error) {
	var raw [tokenBytes]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return Pair{}, fmt.Errorf("making a placeholder key: %w", err)
	}
	return DerivePair(raw[:], "run", account)
}

// DerivePair makes the pair that belongs to a name, always the same from one master
// secret: whoever knows the secret need not keep the pairs.
func DerivePair(master []byte, name, account string) (Pair, error) {
	if len(master) < tokenBytes {
		return Pair{}, errors.New("making a placeholder key: the master secret is too short")
	}
	id := mac(master, "key id", name, account)
	var body [10]byte
	copy(body[:], id)
	if account != "" {
		n, err := strconv.ParseUint(account, 10, 64)
		if err != nil || len(account) != 12 {
			return Pair{}, fmt.Errorf("making a placeholder key: %q is not an account of 12 digits", account)
		}
		// the layout of AWS: one bit, forty of the account, and what tells keys apart
		n = 1<<47 | n<<7 | uint64(body[5]&0x7f)
		for i := range 6 {
			body[i] = byte(n >> (8 * (5 - i)))
		}
	} else {
		body[0] &= 0x7f // of no account
	}
	return Pair{
		ID:     "AKIA" + base32.StdEncoding.EncodeToString(body[:]),
		Secret: base64.RawURLEncoding.EncodeToString(mac(master, "secret", name, account))[:40],
	}, nil
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// Signer signs with the real credential what was checked with a placeholder. It is a
// broker's.
type Signer interface {
	Sign(context.Context, sigv4.Checked) (sigv4.Signed, ledger.Signed, error)
	// Bearer makes the token with which a Kubernetes cluster of EKS is called.
	Bearer(ctx context.Context, cluster, region string) (string, ledger.Signed, error)
}

// Keys knows actors by the signatures that they make with placeholder key pairs. The
// zero value, with a clock, knows nobody. It is safe for concurrent use.
type Keys struct {
	Now func() time.Time

	mu      sync.RWMutex // guards holders
	holders map[string]keyHolder
}

type keyHolder struct {
	secret string
	actor  model.Actor
	run    string
	signer Signer
}

// Add makes an actor known by a pair; what it signs goes out signed by signer.
func (k *Keys) Add(p Pair, actor model.Actor, run string, signer Signer) error {
	if actor.ID == "" || len(p.ID) < minToken || len(p.Secret) < minToken || signer == nil {
		return errors.New("a placeholder key needs an actor, an id, a secret and a signer")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if other, twice := k.holders[p.ID]; twice {
		return fmt.Errorf("%s and %s have the same placeholder key", other.actor.ID, actor.ID)
	}
	if len(k.holders) >= maxKeys {
		return fmt.Errorf("there are %d placeholder keys already, the limit", maxKeys)
	}
	if k.holders == nil {
		k.holders = map[string]keyHolder{}
	}
	actor.Authn = AuthnKey
	k.holders[p.ID] = keyHolder{p.Secret, actor, run, signer}
	return nil
}

func (k *Keys) find(id string) (keyHolder, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	h, ok := k.holders[id]
	return h, ok
}

func (k *Keys) empty() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.holders) == 0
}

// Prove knows a call by its signature. A call that is not signed, or signed with a key
// that is not ours, proves nothing to us: AWS is to judge that.
func (k *Keys) Prove(_ context.Context, c proxy.Carried) (proxy.Proof, bool, error) {
	r := sigv4.Request{Method: c.Method, Host: c.Authority, Target: c.Target, Header: c.Header, Body: c.Body, Streamed: c.Streamed}
	s, err := sigv4.Parse(r)
	if err != nil {
		if k.mentioned(c) {
			return proxy.Proof{}, false, fmt.Errorf("it carries a key that assent gave out, and is not signed as assent can check: %w", err)
		}
		return proxy.Proof{}, false, nil
	}
	holder, ok := k.find(s.Key)
	if !ok {
		return proxy.Proof{}, false, nil
	}
	checked, err := sigv4.Check(r, s, holder.secret, k.Now())
	if err != nil {
		if why := s.Unsupported(); why != "" {
			return proxy.Proof{}, false, fmt.Errorf("%s, which assent cannot sign with the credential that it holds for %s", why, holder.actor.ID)
		}
		return proxy.Proof{}, false, fmt.Errorf("it is signed with the placeholder key of %s, and %w", holder.actor.ID, err)
	}
	return proxy.Proof{Actor: holder.actor, Run: holder.run, Renew: func(ctx context.Context, h http.Header) (proxy.Renewed, error) {
		signed, used, err := holder.signer.Sign(ctx, checked)
		if err != nil {
			return proxy.Renewed{}, err
		}
		signed.Apply(h)
		used.Instead, used.Changed = s.Key, signed.Changed()
		return proxy.Renewed{Target: signed.Target, Body: signed.Chunks, Signed: used}, nil
	}}, true, nil
}

// keyID is how a key's id looks, wherever it stands.
var keyID = regexp.MustCompile(`AKIA[A-Z2-7]{16}`)

// mentioned reports whether a call that could not be read as signed names one of our
// keys in its signature all the same: version 2, a broken header. AWS would answer
// something about an unknown key that nobody understands.
func (k *Keys) mentioned(c proxy.Carried) bool {
	_, query, _ := strings.Cut(c.Target, "?")
	for _, text := range append(c.Header["Authorization"], query) {
		for _, id := range keyID.FindAllString(cutTo(text, maxHeader), 16) {
			if _, ok := k.find(id); ok {
				return true
			}
		}
	}
	return false
}

func cutTo(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
