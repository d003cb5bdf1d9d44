package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

const (
	// rejoinTime is how long a held call whose client has left waits for that client's
	// retry: the SDKs wait 20 s between two at most.
	rejoinTime = 30 * time.Second
	// attemptLife is how long it is known that a change was sent whose client had left
	// before it could be told.
	attemptLife = 5 * time.Minute
	// attemptsKept bounds those.
	attemptsKept = 1024
)

// attempts joins a client's retries of a change, by the id that it gives to all
// attempts of one intention, to the attempt that is on its way: one that waits for
// an approval is taken over, so that there is one decision; one that was sent is
// waited for, and not sent again. Refused ones are in denials.
type attempts struct {
	now func() time.Time

	mu    sync.Mutex // guards all below, and the attempts
	byKey map[string]*attempt
}

// attempt is one intention on its way.
type attempt struct {
	key      string
	decision policy.Decision // once it is held
	parked   bool            // it waits, and may be taken over
	owner    int             // goes up with each taking over
	outcome  string          // once it is over
	left     bool            // its client had left by then
	at       time.Time       // when it was over
	changed  chan struct{}   // closed at each change, and made anew
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, byKey: map[string]*attempt{}}
}

// turn tells those who wait. It is called with the lock.
func (a *attempt) turn() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// enter begins an attempt, or joins the one that is on its way.
//   - a fresh one: the call is judged;
//   - one that was held: the caller owns it now, and goes on waiting for it;
//   - told: it was sent already, and this is what became of it.
//
// While it waits, it is paused, if pause is not nil: the one that it waits for may need
// the turn that it would keep.
func (s *attempts) enter(ctx context.Context, key string, pause func() (resume func())) (mine *attempt, owner int, held bool, told string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	joined := false
	for {
		a, ok := s.byKey[key]
		switch {
		case ok && a.outcome != "" && (joined || a.left && s.now().Sub(a.at) < attemptLife):
			return a, 0, false, a.outcome
		case !ok || a.outcome != "":
			a = &attempt{key: key, changed: make(chan struct{})}
			s.byKey[key] = a
			return a, 0, false, ""
		case a.parked:
			a.parked = false
			a.owner++
			a.turn()
			return a, a.owner, true, ""
		}
		joined = true
		changed := a.changed
		s.mu.Unlock()
		wait(ctx, changed, pause)
		s.mu.Lock()
		if ctx.Err() != nil {
			return a, 0, false, "not over yet"
		}
		if a.outcome != "" { // it may be out of the table already
			return a, 0, false, a.outcome
		}
	}
}

// wait waits for one that is on its way.
func wait(ctx context.Context, over <-chan struct{}, pause func() (resume func())) {
	if pause != nil {
		defer pause()()
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// park lets a held attempt be taken over until its owner goes on; mine is false if
// it was.
func (s *attempts) park(a *attempt, owner int, d policy.Decision) (taken <-chan struct{}, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.owner != owner {
		return nil, false
	}
	if a.decision = d; !a.parked {
		a.parked = true
		a.turn() // somebody may wait to take it over
	}
	return a.changed, true
}

// unpark takes it back; false means that it was taken over.
func (s *attempts) unpark(a *attempt, owner int) (mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.owner != owner {
		return false
	}
	a.parked = false
	return true
}

// drop forgets an attempt that sent nothing.
func (s *attempts) drop(a *attempt, owner int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.owner == owner && s.byKey[a.key] == a {
		delete(s.byKey, a.key)
		a.turn()
	}
}

// over ends an attempt that was sent. It is kept for its client's retry if the client
// could not be told.
func (s *attempts) over(a *attempt, outcome string, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.outcome, a.left, a.at = outcome, left, s.now()
	a.turn()
	if !left {
		delete(s.byKey, a.key)
	}
	for key, old := range s.byKey { // few are kept: mostly there is nothing to look through
		if old.outcome != "" && (s.now().Sub(old.at) >= attemptLife || len(s.byKey) > attemptsKept) {
			delete(s.byKey, key)
		}
	}
}

// attempting is a call's place in attempts; nil for one that has none.
type attempting struct {
	*attempt
	owner int
	of    *attempts
}

// join finds the attempt that a change belongs to. While observing nothing is joined,
// since nothing is ever refused.
func (g *Gate) join(ctx context.Context, key string, pause func() func()) (mine *attempting, held *policy.Decision, refusal *decoders.Refusal) {
	if key == "" || g.cfg.Mode != policy.Enforce || g.cfg.Question {
		return nil, nil, nil
	}
	a, owner, taken, told := g.tries.enter(ctx, key, pause)
	if told != "" {
		return nil, nil, &decoders.Refusal{Code: decoders.DeniedCode, DecisionID: a.decision.ID, Message: cut(fmt.Sprintf(
			"assent refused this attempt: the same call was sent before (%s), and is not sent twice: %s. Next: look at what it did; assent explain %s", a.decision.ID, told, a.decision.ID), maxMessage)}
	}
	mine = &attempting{a, owner, g.tries}
	if taken {
		d := a.decision
		return mine, &d, nil
	}
	return mine, nil, nil
}

// takenOver is what a connection is told whose call goes on in another.
func takenOver(d policy.Decision) *decoders.Refusal {
	return &decoders.Refusal{Code: decoders.DeniedCode, DecisionID: d.ID,
		Message: cut("assent: the same call was sent again, and "+d.ID+" waits there for its approval", maxMessage)}
}

// drop forgets it; it sent nothing.
func (a *attempting) drop() {
	if a != nil {
		a.of.drop(a.attempt, a.owner)
	}
}

// sends names the decision with which it is sent, for those who join it.
func (a *attempting) sends(d policy.Decision) {
	if a == nil {
		return
	}
	a.of.mu.Lock()
	a.decision = policy.Decision{ID: d.ID}
	a.of.mu.Unlock()
}

// over ends it.
func (a *attempting) over(in proxy.Answered) {
	switch {
	case a == nil:
	case in.Result == ledger.NotForwarded, in.Result == ledger.Failed && (in.Status < 500 || in.Status == 503):
		a.drop() // nothing was done: a retry may try it
	default:
		told := "it " + in.Result
		if in.Status != 0 {
			told += fmt.Sprintf(", status %d", in.Status)
		}
		a.of.over(a.attempt, told, in.Left)
	}
}

// park lets it be taken over while it waits.
func (a *attempting) park(d policy.Decision) (taken <-chan struct{}, mine bool) {
	if a == nil {
		return nil, true
	}
	return a.of.park(a.attempt, a.owner, d)
}

// unpark takes it back; false means that it was taken over.
func (a *attempting) unpark() (mine bool) { return a == nil || a.of.unpark(a.attempt, a.owner) }
