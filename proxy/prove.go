package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
)

// Prover may be implemented by an Authenticator that knows actors by what a call
// carries itself: the signature of a key pair that assent gave out, a bearer token.
// It is what makes HTTPS_PROXY work without a token in it.
type Prover interface {
	// Opens reports whether somebody who has proved nothing yet may open a connection
	// to a governed host, because the calls to it can carry a proof.
	Opens(host string) bool
	// Prove tells who makes a call. ok is false where the call carries nothing that is
	// meant as a proof to assent. An error means that it does and that it does not hold:
	// the call is refused, with the error as the reason.
	Prove(context.Context, Carried) (p Proof, ok bool, err error)
}

// Carried is a call together with what a signature is made over.
type Carried struct {
	decoders.Call
	Authority string // the Host header, as it was sent
	Target    string // path and query, byte for byte
	Known     string // the actor that the connection is known to be of; empty: of nobody
}

// Proof is who makes a call, as the call itself proves.
type Proof struct {
	Actor model.Actor
	Run   string
	// Renew puts the credential that assent holds in the place of the caller's, when
	// the call is about to be sent. It MUST change nothing but what proves the
	// caller. Nil: the caller's own goes on.
	Renew func(context.Context, http.Header) (Renewed, error)
}

// Renewed is what Renew changed beside the header.
type Renewed struct {
	Target string                    // the new path and query; empty: as it was sent
	Body   func(io.Reader) io.Reader // how the body goes on; nil: byte for byte
	Signed ledger.Signed             // what is recorded of it
}

// prover is the configured one, or nil.
func (s *Server) prover() Prover {
	p, _ := s.cfg.Authenticator.(Prover)
	return p
}

// admitsStrangers reports whether a stranger may open a connection to a governed host. A panic
// in the prover is a no.
func (s *Server) admitsStrangers(host string) (yes bool) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("an authenticator panicked", zap.Any("panic", p))
			yes = false
		}
	}()
	p := s.prover()
	return p != nil && p.Opens(host)
}

// account is under which name a caller's limits are counted. Strangers have one for
// each address that they come from.
func (c caller) account() string {
	if !c.stranger {
		return c.actor.ID
	}
	host, _, err := net.SplitHostPort(c.from)
	if err != nil {
		host = c.from
	}
	return "?" + host
}

// identify finds out who makes the call, if the connection has not told or the call
// carries a proof of its own. What both say has to agree.
func (e *exchange) identify() bool {
	who := e.in.caller
	p := e.s.prover()
	if p == nil {
		return true // front lets no stranger in
	}
	proof, ok, err := p.Prove(e.r.Context(), Carried{Call: e.call, Authority: e.r.Host, Target: e.in.rawTarget, Known: who.actor.ID})
	switch {
	case err != nil:
		return e.strange(err.Error())
	case !ok && who.stranger:
		return e.strange("assent does not know who this is: neither the connection nor the call carries a proof of it")
	case !ok:
		return true
	case proof.Actor.ID == "":
		return e.strange("the proof that the call carries names nobody")
	case who.actor.ID != "" && who.actor.ID != proof.Actor.ID:
		return e.strange(fmt.Sprintf("the connection is %s's and the call is signed with the key of %s", who.actor.ID, proof.Actor.ID))
	case who.actor.ID == "":
		e.in.caller = caller{actor: proof.Actor, run: proof.Run}
		if !e.s.requests.enter(proof.Actor.ID) {
			e.in.caller = who
			e.w.Header().Set("Retry-After", "1")
			say(e.w, http.StatusTooManyRequests, "limit", e.s.met(boundRequests, proof.Actor.ID, fmt.Sprintf("has %d requests in flight", e.s.cfg.Limits.Requests)))
			return false
		}
		e.entered = proof.Actor.ID
	}
	e.renew = proof.Renew
	return true
}

// errUnrenewed marks a call that could not be given assent's credential.
var errUnrenewed = errors.New("no credential")

// renewed puts assent's credential into a call that is about to be sent.
func (e *exchange) renewed(ctx context.Context, h http.Header) (Renewed, error) {
	if e.renew == nil {
		return Renewed{}, nil
	}
	r, err := e.renew(ctx, h)
	if err != nil {
		return Renewed{}, fmt.Errorf("%w: %w", errUnrenewed, err)
	}
	e.signed = &r.Signed
	return r, nil
}

func (r Renewed) body(in io.Reader) io.Reader {
	if r.Body == nil {
		return in
	}
	return r.Body(in)
}

// aim writes the request target: as it was sent, but for the signature of a
// presigned URL.
func (e *exchange) aim(u *url.URL, target string) error {
	if target == "" || target == e.in.rawTarget {
		setTarget(u, e.in.rawTarget, e.r.URL)
		return nil
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil || !faithful(target, parsed) || !onALine(target) {
		return fmt.Errorf("%w: the signed URL cannot be written", errUnrenewed)
	}
	setTarget(u, target, parsed)
	return nil
}

// strange refuses a call whose maker is not known, in the caller's own protocol.
func (e *exchange) strange(why string) bool {
	e.s.turnedAway(e.r.Context(), e.in.caller, e.r.Method, e.call.Host, why, http.StatusForbidden)
	e.refuse(decoders.Refusal{Code: decoders.DeniedCode, Message: oneLine("assent refused this call: " + why + ". Nothing was sent; it is policy, not an outage")})
	return false
}
