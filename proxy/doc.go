// Package proxy is the engine: it accepts connections, opens tunnels, checks
// that everybody agrees on whom the call is for, asks the Gate, and forwards or
// refuses. It knows nothing of platforms, policy or storage beyond the small
// interfaces below.
//
// # The way of a call
//
//	client ─▶ front (who is it?) ─▶ connect ─▶ openGoverned (TLS, our leaf) ─▶ inside ─┐
//	  │               │                ▲└────▶ openBlind (spliced, counted)            │
//	  │               └─▶ plain (http://…, absolute form) ───────────────────────────▶ judge
//	  └──▶ socks (the same port; who is it?)
//	client ─▶ redirected (where was it going?) ─▶ openGoverned, openBlind, as above
//	client ─▶ gateway (who is it? which mount?), reverse (who is it?) ───────────────▶ judge
//	judge: understandHead ─▶ readBody ─▶ ask the Gate ─▶ refuse, or forward ─▶ answer
//
// A host is governed if a decoder claims it. Everything that a client may say
// about the target of a call (CONNECT, server name, Host, :authority, absolute
// form) has to agree; if not, the call is answered 421 or 400 and recorded.
//
// # What it promises
//
//   - The judged bytes are the forwarded bytes: request target, header values,
//     framing and body. Headers that end at this hop are taken out before judging.
//     One header may be written after it, where the platform has one for it: the id
//     under which its own log keeps the call (decoders.Joiner). Where assent holds the
//     credential, its signature goes out in the place of the caller's, which is checked
//     first; nothing else changes, and the outcome names what did (Prover).
//   - A mutation (a call whose permit has a Close) is sent at most once, and its
//     outcome is told before the answer, also when its caller has left.
//   - A panic anywhere on the way refuses that call and touches no other.
//   - Bodies that are judged by their head stream both ways at once: a gRPC call that
//     nobody reads is judged when it begins. Trailers pass in both directions; that a
//     client waits with its body until it is wanted (Expect) is passed on.
//   - Answers are streamed as they come. Heads, bodies, connections and copies are
//     bounded: see limits.go.
//   - What a redirected connection asks for is sent to the address that it was opened
//     to, and to no other (Redirected).
//   - It verifies every upstream, and never dials loopback, link-local or metadata
//     addresses, or itself, unless the configuration names them.
//
// # What it does not do
//
// It does not look into ungoverned tunnels beyond the first bytes (where a
// governed name would contradict the tunnel's target), serve HTTP/3, or upgrade to
// anything but WebSocket and SPDY/3.1, and those over HTTP/1.1 alone (RFC 8441 is not
// announced).
package proxy

import (
	"context"
	"net/netip"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
)

// Asked is one call on its way through the proxy.
type Asked struct {
	Call    decoders.Call
	Decoder decoders.Decoder
	Actor   model.Actor
	Run     string
	// Pause is called before the gate waits for somebody, and what it returns when
	// the waiting is over: a call that waits does not keep others from being judged.
	Pause func() (resume func())
	// Beat tells a client that its call is still being worked on.
	Beat func()
	// Echo: an API server asks about a call that it is executing (an admission
	// review). One that is in flight through this gate is not judged again.
	Echo bool
	// Ticket is the decision that an echo claims to have passed with. It MUST be in
	// flight, or the call is refused.
	Ticket string
	// Follows is the decision that an echo is a consequence of: a controller carries
	// out what was allowed. It is recorded, and not judged as a new intention.
	Follows string
}

// Answered is what the upstream, or the lack of one, made of a forwarded call.
type Answered struct {
	Result      string // ledger.Succeeded, Failed, NotForwarded, Unresolved
	Reason      string
	Status      int
	RequestID   string // the upstream's own request id
	ForwardedAt time.Time
	CompletedAt time.Time
	// Left: the caller had gone before it could be told.
	Left bool
	// Signed is set where assent's credential went out in the place of the caller's.
	Signed *ledger.Signed
}

// Permit is the gate's answer to one call.
type Permit struct {
	// Refusal: if set, the call MUST NOT be forwarded and this is said instead.
	Refusal *decoders.Refusal
	// DecisionID is empty for reads.
	DecisionID string
	// Warning is shown to the caller where its protocol has a place for it.
	Warning string
	// Close records what became of a forwarded call. It MUST be called exactly
	// once for every permit without a Refusal where it is not nil, before the head
	// of the answer goes to the caller (or, where only trailers tell the outcome,
	// before the trailers: decoders.Ender); an error means that the evidence could
	// not be written.
	Close func(context.Context, Answered) error
	// Learn is given the answer once it has passed. It may be nil.
	Learn func(*decoders.Response)
	// Still says why the call would be refused now; "" if it would not be. It is asked
	// when what is declared has changed, while the call's stream goes on. It may be nil.
	Still func(context.Context) string
}

// Gate is the one path that every action takes (proxy/gate).
type Gate interface {
	// Judge decodes and judges a call and makes the decision durable. It never
	// panics and never returns a permit to forward a mutation whose decision is
	// not on disk.
	Judge(context.Context, Asked) Permit
	// TurnedAway records a call that was refused before it could be decoded.
	TurnedAway(context.Context, Turned)
}

// Turned is a call refused at the door: authorities that contradict each other,
// a nested CONNECT, a body over the cap.
type Turned struct {
	Actor  model.Actor `json:"actor"`
	Run    string      `json:"run,omitempty"`
	Method string      `json:"method"`
	Host   string      `json:"host"`
	Reason string      `json:"reason"`
	Status int         `json:"status"`
	At     time.Time   `json:"at"`
}

// Authenticator tells who opens a connection, from its Proxy-Authorization.
type Authenticator interface {
	// Authenticate returns ok=false for a stranger, who is answered 407.
	Authenticate(proxyAuthorization string) (actor model.Actor, run string, ok bool)
}

// Beside may be implemented by an Authenticator that knows callers by where their
// connection comes from and goes to, for those who can prove nothing else.
type Beside interface {
	AuthenticateConnection(local, remote netip.AddrPort) (actor model.Actor, run string, ok bool)
}
