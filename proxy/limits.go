package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are the bounds that an operator may set, limits in assent.yaml. A zero
// means the default.
type Limits struct {
	// Tunnels that one actor may have open at once.
	Tunnels int
	// Requests that one actor may have in flight at once, watches included.
	Requests int
	// Bodies is how many bytes of bodies that are being judged one actor may hold.
	Bodies int64
	// Body is the largest body that is judged, in bytes.
	Body int64
	// Header is the time in which a request's head, or a TLS handshake, must arrive.
	Header time.Duration
	// Idle closes connections without a request.
	Idle time.Duration
}

// DefaultLimits returns what holds where nothing is set.
func DefaultLimits() Limits {
	return Limits{
		// terraform -parallelism=100 with a connection to each of its services stays far
		// below; at 64 KiB a tunnel this is 32 MiB.
		Tunnels:  512,
		Requests: 1024,
		// Nobody keeps the others from being judged.
		Bodies: bodiesHeld / 4,
		// AWS's largest control-plane bodies (CloudFormation, Lambda inline code) and
		// etcd's limit are well below it.
		Body:   16 << 20,
		Header: 10 * time.Second,
		Idle:   2 * time.Minute,
	}
}

// What may be set at most: past them a bound protects nothing.
const (
	MostTunnels  = 1 << 16
	MostRequests = 1 << 16
	MostBody     = bodiesHeld
	MostHeader   = 10 * time.Second
	MostIdle     = time.Hour
)

// Check reports a bound that cannot be.
func (l Limits) Check() error {
	switch {
	case l.Tunnels < 0 || l.Tunnels > MostTunnels:
		return fmt.Errorf("proxy: %d tunnels an actor: want at most %d", l.Tunnels, MostTunnels)
	case l.Requests < 0 || l.Requests > MostRequests:
		return fmt.Errorf("proxy: %d requests an actor: want at most %d", l.Requests, MostRequests)
	case l.Bodies < 0 || l.Bodies > bodiesHeld || l.Body < 0 || l.Body > MostBody:
		return fmt.Errorf("proxy: bodies of %d bytes an actor, of at most %d each: want at most %d", l.Bodies, l.Body, int64(bodiesHeld))
	case l.Header < 0 || l.Header > MostHeader:
		return fmt.Errorf("proxy: a header timeout of %s: want at most %s", l.Header, MostHeader)
	case l.Idle < 0 || l.Idle > MostIdle:
		return fmt.Errorf("proxy: an idle timeout of %s: want at most %s", l.Idle, MostIdle)
	}
	return nil
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	l.Tunnels, l.Requests = cmp.Or(l.Tunnels, d.Tunnels), cmp.Or(l.Requests, d.Requests)
	l.Bodies, l.Body = cmp.Or(l.Bodies, d.Bodies), cmp.Or(l.Body, d.Body)
	l.Header, l.Idle = cmp.Or(l.Header, d.Header), cmp.Or(l.Idle, d.Idle)
	l.Bodies = max(l.Bodies, l.Body) // or the largest could never be judged
	return l
}

// The bounds that a call can meet, as they are counted and told.
const (
	boundTunnels  = "tunnels"
	boundRequests = "requests"
	boundBodies   = "bodies"
	boundBody     = "body"
	boundSlow     = "slow"
)

// tally counts how often each bound was met.
type tally struct {
	mu    sync.Mutex // guards times
	times map[string]int64
}

func (t *tally) add(bound string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times == nil {
		t.times = map[string]int64{}
	}
	t.times[bound]++
}

func (t *tally) copy() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.times)
}

// met counts a bound and says it: whose, which, and how it is raised.
func (s *Server) met(bound, account, what string) string {
	s.bounds.add(bound)
	name := cmp.Or(account, "this caller")
	return fmt.Sprintf("assent: %s %s, as much as one actor may: wait for some to end, or raise limits.%s in assent.yaml; it is a bound, not policy", name, what, bound)
}

const (
	// maxHeaderBytes of a request head: four times the largest that a cloud accepts.
	maxHeaderBytes = 256 << 10
	// streamsPerTunnel that one HTTP/2 connection may have open at once; four times as
	// many that wait, or were reset, and net/http ends it.
	streamsPerTunnel = 250
	// bodiesHeld bounds the memory for bodies being judged, over all actors.
	bodiesHeld = 512 << 20
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
	// transferPatience bounds how long nothing of a streamed body may come from a
	// client, and how long a client may take to accept a piece of its answer.
	transferPatience = 2 * time.Minute
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
