package actor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
)

const (
	// maxSessions bounds the run tokens that are out, and maxSessionsEach those of one
	// actor: a pipeline with a hundred jobs at once stays below.
	maxSessions     = 8192
	maxSessionsEach = 256
)

// Sessions are run tokens that end: what a proof is exchanged for. They are kept in
// memory, by their digests; a daemon that starts again knows none. It is safe for
// concurrent use.
type Sessions struct {
	Now  func() time.Time
	Rand io.Reader

	mu   sync.Mutex // guards open and each
	open map[[sha256.Size]byte]session
	each map[string]int
}

type session struct {
	actor model.Actor
	run   string
	ends  time.Time
}

// Open makes a run token for an actor. run names what it does with it, in the ledger.
func (s *Sessions) Open(actor model.Actor, run string, life time.Duration) (token string, err error) {
	if actor.ID == "" || actor.Authn == "" || life <= 0 {
		return "", errors.New("opening a session: for nobody, by no proof, or for no time")
	}
	if token, err = NewRunToken(s.Rand); err != nil {
		return "", err
	}
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open, s.each = map[[sha256.Size]byte]session{}, map[string]int{}
	}
	if len(s.open) >= maxSessions || s.each[actor.ID] >= maxSessionsEach {
		s.sweep(now)
	}
	if len(s.open) >= maxSessions || s.each[actor.ID] >= maxSessionsEach {
		return "", fmt.Errorf("opening a session: %d of all and %d of %s are open, the limit", len(s.open), s.each[actor.ID], actor.ID)
	}
	s.open[sha256.Sum256([]byte(token))] = session{actor, run, now.Add(life)}
	s.each[actor.ID]++
	return token, nil
}

// sweep forgets what has ended.
func (s *Sessions) sweep(now time.Time) {
	for digest, one := range s.open {
		if !now.Before(one.ends) {
			s.drop(digest, one)
		}
	}
}

func (s *Sessions) drop(digest [sha256.Size]byte, one session) {
	delete(s.open, digest)
	if s.each[one.actor.ID]--; s.each[one.actor.ID] <= 0 {
		delete(s.each, one.actor.ID)
	}
}

// Authenticate is that of proxy.Authenticator. Where a token is in the table says
// nothing about it that could be guessed: it is found by its SHA-256.
func (s *Sessions) Authenticate(proxyAuthorization string) (model.Actor, string, bool) {
	token, ok := tokenOf(proxyAuthorization)
	if !ok {
		return model.Actor{}, "", false
	}
	digest := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[digest]
	if !ok {
		return model.Actor{}, "", false
	}
	if !s.Now().Before(one.ends) {
		s.drop(digest, one)
		return model.Actor{}, "", false
	}
	return one.actor, one.run, true
}
