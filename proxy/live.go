package proxy

import (
	"context"
	"net/http"
	"sync"

	"go.uber.org/zap"
)

// live are the changes that passed and go on: an exec session, a stream of gRPC.
// What is allowed may change while they do.
type live struct {
	mu    sync.Mutex // guards all
	open  map[*exchange]func()
	round uint64 // how many reviews have begun
}

// now says which review would be the next: what was judged before it began and is
// registered after it has to be asked about once more.
func (l *live) now() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.round
}

// begins registers an exchange that goes on, and how it is broken off; over MUST be
// called when it has ended by itself.
func (l *live) begins(e *exchange, end func()) (over func()) {
	if e.permit.Still == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*exchange]func(){}
	}
	before, nested := l.open[e]
	l.open[e] = end
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if nested {
			l.open[e] = before
		} else {
			delete(l.open, e)
		}
	}
}

// Review asks the gate again about every change that goes on, and breaks off those
// that it would refuse now: what is declared has changed. Each that is broken off is
// recorded. It returns how many were.
func (s *Server) Review(ctx context.Context) (ended int) {
	s.live.mu.Lock()
	s.live.round++
	open := make(map[*exchange]func(), len(s.live.open))
	for e, end := range s.live.open {
		open[e] = end
	}
	s.live.mu.Unlock()
	for e, end := range open {
		if s.revoked(ctx, e, end) {
			ended++
		}
	}
	return ended
}

// revoked breaks off an exchange that the gate would refuse now.
func (s *Server) revoked(ctx context.Context, e *exchange, end func()) bool {
	why := e.still(ctx)
	if why == "" {
		return false
	}
	s.turnedAway(ctx, e.in.caller, e.r.Method, e.call.Host, "its stream, which "+e.permit.DecisionID+" had allowed, was ended: "+why, http.StatusForbidden)
	end()
	return true
}

// still asks the gate; a panic in it is no reason to end what was allowed.
func (e *exchange) still(ctx context.Context) (why string) {
	defer func() {
		if p := recover(); p != nil {
			e.s.cfg.Log.Error("the gate panicked over a stream", zap.Any("panic", p))
			why = ""
		}
	}()
	return e.permit.Still(ctx)
}
