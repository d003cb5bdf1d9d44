package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxHeaderBytes of a request head: four times the largest that a cloud accepts.
	maxHeaderBytes = 256 << 10
	// tunnelsPerActor open at once: terraform -parallelism=100 with a connection to
	// each of its services stays far below; at 64 KiB a tunnel this is 32 MiB.
	tunnelsPerActor = 512
	// requestsPerActor in flight at once, watches included.
	requestsPerActor = 1024
	// bodiesHeld bounds the memory for bodies being judged, over all actors.
	bodiesHeld = 512 << 20
	// bodiesPerActor is what of it one actor may hold, so that nobody keeps the
	// others from being judged.
	bodiesPerActor = bodiesHeld / 4
	// judgedAtOnce bounds the bodies that are being decoded, judged and recorded at
	// the same time, over all actors. That takes some fifteen times a body's size for
	// a moment: two of the largest are half a gigabyte. Others wait.
	judgedAtOnce = 32 << 20
	// smallBody costs little to judge, and never waits.
	smallBody = 64 << 10
	// learnCap bounds the copy of an answer that is kept to learn from.
	learnCap = 8 << 20
	// copiesHeld bounds those copies together, over all actors: what no longer fits
	// is passed on and not learnt from.
	copiesHeld = 256 << 20
	// refusalCap bounds the body of a refusal: a decoder writes a few hundred bytes.
	refusalCap = 64 << 10
	// drainBytes and drainTime bound how much of a refused upload is read away, so
	// that a client that writes everything before it reads still sees why.
	drainBytes = 64 << 20
	drainTime  = 10 * time.Second
	// bodyPatience bounds how long a body that is to be judged may take to arrive.
	bodyPatience = 2 * time.Minute
	// changePatience bounds how long the answer to a forwarded mutation is waited
	// for once its caller has left: the outcome still belongs in the ledger.
	changePatience = 15 * time.Minute
	// streamGrace is what blind tunnels and upgraded streams are given to end when
	// the server shuts down.
	streamGrace = 2 * time.Second
	// hostsCounted bounds the table of ungoverned hosts; the rest are counted as one.
	hostsCounted = 1024
	// userAgentKept bounds what is kept of what a client says it is.
	userAgentKept = 256
)

// perActor counts what each actor has open.
type perActor struct {
	bound int

	mu   sync.Mutex // guards open
	open map[string]int
}

func newPerActor(bound int) *perActor { return &perActor{bound: bound, open: map[string]int{}} }

// enter reports whether one more is allowed; leave MUST follow if it is.
func (p *perActor) enter(actor string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[actor] >= p.bound {
		return false
	}
	p.open[actor]++
	return true
}

func (p *perActor) leave(actor string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[actor]--; p.open[actor] <= 0 {
		delete(p.open, actor)
	}
}

func (p *perActor) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, k := range p.open {
		n += k
	}
	return n
}

// shares counts the bytes that each actor holds of a budget.
type shares struct {
	bound int64
	all   *budget

	mu   sync.Mutex // guards held
	held map[string]int64
}

func newShares(bound int64, all *budget) *shares {
	return &shares{bound: bound, all: all, held: map[string]int64{}}
}

func (s *shares) take(actor string, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[actor]+n > s.bound || !s.all.take(n) {
		return false
	}
	s.held[actor] += n
	return true
}

func (s *shares) give(actor string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.give(n)
	if s.held[actor] -= n; s.held[actor] <= 0 {
		delete(s.held, actor)
	}
}

// budget is a number of bytes that may be held at once.
type budget struct {
	bound int64
	held  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.held.Add(n) > b.bound {
		b.held.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.held.Add(-n) }

// turns lets work of a given weight begin when what is under way leaves room for
// it. A weight above the bound waits until nothing else is under way.
type turns struct {
	bound int64

	mu    sync.Mutex // guards all below
	free  sync.Cond  // on mu: work has ended
	under int64      // weight under way
}

func newTurns(bound int64) *turns {
	t := &turns{bound: bound}
	t.free.L = &t.mu
	return t
}

// begin waits for a turn; the result MUST be called when the work is done.
func (t *turns) begin(weight int64) (end func()) {
	if weight <= smallBody {
		return func() {}
	}
	weight = min(weight, t.bound)
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.under+weight > t.bound {
		t.free.Wait()
	}
	t.under += weight
	return func() {
		t.mu.Lock()
		t.under -= weight
		t.mu.Unlock()
		t.free.Broadcast()
	}
}
