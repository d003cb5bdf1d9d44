// Package broker sends changes to a Kubernetes cluster under assent's own identity
// there, in the name of whoever sent them: the API server is told the caller's user,
// groups and extras by impersonation, and with them a ticket, which only an identity
// with the right to impersonate that extra can set. A policy in the cluster that wants
// the ticket on every change (assent kube guard) then refuses what did not come
// through assent.
//
// # What it promises
//
//   - The caller gets no rights of assent's: who it is, is asked of the API server
//     with the caller's own credential, and with the impersonation that it asked for
//     itself, which the API server allows or refuses.
//   - A caller whom the API server does not know has nothing sent in its name.
//   - Nothing of a credential is kept but its hash, for a minute.
//
// The ticket is the decision's id. It is no signature: what makes it worth something
// is who may set it.
//
// # AWS
//
// AWS signs with a credential that assent holds what was checked with a placeholder
// (decoders/aws/sigv4), and makes the tokens of EKS. Chain says where the credential is
// from: the SDK's default chain, a profile, a role. It is asked for once for all calls
// that wait, kept until shortly before its end, and never written or said.
package broker

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// TicketExtra is the key of the user's extras under which the ticket is.
	TicketExtra = "assent.dev/ticket"
	// knownFor is how long the API server's word on who somebody is holds: a token
	// that is taken back works for changes until then.
	knownFor = time.Minute
	// usersKept bounds what is remembered, at some hundred bytes each.
	usersKept = 1024
	// askPatience bounds the question.
	askPatience = 10 * time.Second
	// answerCap bounds the answer to it.
	answerCap = 1 << 20

	headerPrefix = "Impersonate-"
)

// Config is what an Impersonator is made from.
type Config struct {
	Server *url.URL // of the API server, with the path below which it is
	// Token is assent's own; it is asked for each time, since it may be renewed.
	// Empty: the transport presents a client certificate.
	Token func() (string, error)
	// Transport reaches the API server, and verifies it.
	Transport http.RoundTripper
	Now       func() time.Time
}

// Impersonator is safe for concurrent use.
type Impersonator struct {
	cfg Config

	mu    sync.Mutex // guards all below
	order *list.List // of *known, newest in front
	by    map[[sha256.Size]byte]*list.Element
}

type known struct {
	key  [sha256.Size]byte
	user User
	at   time.Time
}

// User is who the API server says that somebody is.
type User struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// New checks the configuration.
func New(cfg Config) (*Impersonator, error) {
	if cfg.Server == nil || cfg.Token == nil || cfg.Transport == nil || cfg.Now == nil {
		return nil, errors.New("broker: no server, token, transport or clock")
	}
	return &Impersonator{cfg: cfg, order: list.New(), by: map[[sha256.Size]byte]*list.Element{}}, nil
}

// Vouch writes assent's credential, the caller's identity and the ticket into the
// header of a change that is about to be sent, in place of the caller's own.
func (i *Impersonator) Vouch(ctx context.Context, h http.Header, decision string) error {
	user, err := i.user(ctx, h)
	if err != nil {
		return err
	}
	for name := range h {
		if strings.HasPrefix(name, headerPrefix) {
			delete(h, name)
		}
	}
	if err := i.authorize(h); err != nil {
		return err
	}
	h.Set("Impersonate-User", user.Username)
	if user.UID != "" {
		h.Set("Impersonate-Uid", user.UID)
	}
	for _, g := range user.Groups {
		// The API server adds this one by itself to whoever is impersonated.
		if g != "system:authenticated" {
			h.Add("Impersonate-Group", g)
		}
	}
	for key, values := range user.Extra {
		if strings.EqualFold(key, TicketExtra) {
			return errors.New("the caller's own extras have a ticket, which only assent adds")
		}
		for _, v := range values {
			h.Add(extraHeader(key), v)
		}
	}
	h.Set(extraHeader(TicketExtra), decision)
	return nil
}

// extraHeader is the header of an extra. Keys are percent-encoded where a header's
// name cannot have them; the API server lowers them.
func extraHeader(key string) string {
	return http.CanonicalHeaderKey(headerPrefix + "Extra-" + url.PathEscape(strings.ToLower(key)))
}

func (i *Impersonator) authorize(h http.Header) error {
	token, err := i.cfg.Token()
	if err != nil {
		return fmt.Errorf("reading assent's own token: %w", err)
	}
	h.Del("Authorization")
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// user asks the API server who the caller is, unless it has said so just now.
func (i *Impersonator) user(ctx context.Context, h http.Header) (User, error) {
	said := http.Header{}
	for name, values := range h {
		if name == "Authorization" || strings.HasPrefix(name, headerPrefix) {
			said[name] = values
		}
	}
	key := digest(said)
	if u, ok := i.remembered(key); ok {
		return u, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	u, err := i.ask(ctx, said)
	if err == nil {
		i.remember(key, u)
	}
	return u, err
}

// digest is over names and values in an order, each with its length.
func digest(h http.Header) (sum [sha256.Size]byte) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		fmt.Fprintf(hash, "%d %s %d\n", len(name), name, len(h[name]))
		for _, v := range h[name] {
			fmt.Fprintf(hash, "%d %s\n", len(v), v)
		}
	}
	hash.Sum(sum[:0])
	return sum
}

func (i *Impersonator) ask(ctx context.Context, said http.Header) (User, error) {
	at := *i.cfg.Server
	at.Path = strings.TrimSuffix(at.Path, "/") + "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	const question = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader([]byte(question)))
	if err != nil {
		return User{}, fmt.Errorf("asking who the caller is: %w", err)
	}
	req.Header = said.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := i.cfg.Transport.RoundTrip(req)
	if err != nil {
		return User{}, fmt.Errorf("asking who the caller is: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerCap))
	if err != nil {
		return User{}, fmt.Errorf("asking who the caller is: %w", err)
	}
	var answer struct {
		Message string `json:"message"`
		Status  json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return User{}, fmt.Errorf("asking who the caller is: %s", resp.Status)
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return User{}, fmt.Errorf("the cluster does not know the caller: %s: %s", resp.Status, answer.Message)
	}
	var status struct {
		UserInfo User `json:"userInfo"`
	}
	if err := json.Unmarshal(answer.Status, &status); err != nil || status.UserInfo.Username == "" {
		return User{}, errors.New("asking who the caller is: the answer names nobody")
	}
	return status.UserInfo, nil
}

func (i *Impersonator) remembered(key [sha256.Size]byte) (User, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e, ok := i.by[key]
	if !ok {
		return User{}, false
	}
	k := e.Value.(*known)
	if i.cfg.Now().Sub(k.at) > knownFor {
		i.order.Remove(e)
		delete(i.by, key)
		return User{}, false
	}
	return k.user, true
}

func (i *Impersonator) remember(key [sha256.Size]byte, u User) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e, ok := i.by[key]; ok {
		i.order.Remove(e)
	}
	i.by[key] = i.order.PushFront(&known{key, u, i.cfg.Now()})
	if i.order.Len() > usersKept {
		last := i.order.Back()
		i.order.Remove(last)
		delete(i.by, last.Value.(*known).key)
	}
}
