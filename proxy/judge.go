package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
)

// incoming is a request whose target everybody agrees on.
type incoming struct {
	caller    caller
	target    authority
	scheme    string
	decoder   decoders.Decoder // that of the host, for a call that no decoder claims
	pin       netip.AddrPort   // the one address to which it may be sent; the zero value: where the name leads
	rawTarget string           // path and query, byte for byte
}

// call is what the decoders see: exactly what will be forwarded.
func (in incoming) call(r *http.Request, h http.Header) decoders.Call {
	u := *r.URL
	u.Scheme, u.Host, u.User = "", "", nil
	return decoders.Call{Method: r.Method, Scheme: in.scheme, Host: in.target.host(in.scheme), URL: &u, Header: h}
}

// exchange is one governed call on its way. Its methods are in the order that
// the call travels.
type exchange struct {
	s  *Server
	w  http.ResponseWriter
	r  *http.Request
	in incoming

	call    decoders.Call
	upgrade string // the protocol that the client asks to switch to, if we allow it
	decoder decoders.Decoder
	body    []byte // the judged body, when it was read
	held    int64  // bytes taken from the budget
	account string // under which the limits are counted
	entered string // a second account, of who the call itself proved to be from
	renew   func(context.Context, http.Header) (Renewed, error)
	permit  Permit
	round   uint64 // of the reviews, when it was judged
	upload  *paced // the body that is streamed, if one is

	// ending records the outcome where only the trailers of the answer tell it.
	ending func(trailer http.Header, err error)

	forwardedAt time.Time
	sent        bool           // a connection to the upstream was used: the call may have arrived
	signed      *ledger.Signed // what was put in the place of the caller's credential
	closed      bool           // permit.Close was called
	wrote       bool           // the head of the answer went to the caller
}

// judge takes a call through the gate.
func (s *Server) judge(w http.ResponseWriter, r *http.Request, in incoming) {
	account := in.caller.account()
	if !s.requests.enter(account) {
		w.Header().Set("Retry-After", "1")
		say(w, http.StatusTooManyRequests, "limit", s.met(boundRequests, account, fmt.Sprintf("has %d requests in flight", s.cfg.Limits.Requests)))
		return
	}
	e := &exchange{s: s, w: w, r: r, in: in, account: account}
	defer func() {
		if e.upload != nil {
			e.upload.over()
		}
		if e.held > 0 {
			s.bodies.give(account, e.held)
		}
		s.requests.leave(account)
		if e.entered != "" {
			s.requests.leave(e.entered)
		}
	}()
	defer e.recovered()
	if !e.understandHead() || !e.readBody() || !e.identify() {
		return
	}
	e.round = s.live.now()
	e.permit = e.ask()
	if e.permit.Refusal != nil {
		s.refused.Add(1)
		e.refuse(*e.permit.Refusal)
		return
	}
	e.forward()
}

// understandHead finds the decoder. Headers that end at this hop are taken out
// first: what a decoder sees is what the upstream will see.
func (e *exchange) understandHead() bool {
	h := endToEnd(e.r.Header)
	if asksFirst(e.r) {
		h["Expect"] = []string{"100-continue"} // over h2 it is not in the header any more
	}
	e.upgrade = upgradeOf(e.r)
	e.call = e.in.call(e.r, h)
	e.call.Trailer = slices.Sorted(maps.Keys(e.r.Trailer))
	if !faithful(e.in.rawTarget, e.r.URL) {
		e.s.turnAway(e.w, e.r, e.in.caller, e.call.Host, "a request target that cannot be forwarded byte for byte", http.StatusBadRequest)
		return false
	}
	decoder, claim, err := e.s.find(e.call)
	if err != nil {
		e.s.turnAway(e.w, e.r, e.in.caller, e.call.Host, err.Error(), http.StatusForbidden)
		return false
	}
	if decoder == nil {
		// The host is governed but the call is nobody's: it is unknown, not free.
		decoder, claim = e.in.decoder, decoders.Claim{}
	}
	if decoder == nil {
		e.s.turnAway(e.w, e.r, e.in.caller, e.call.Host, "no decoder understands the call", http.StatusForbidden)
		return false
	}
	e.decoder = decoder
	e.call.Streamed = claim.Body == decoders.StreamBody
	return true
}

var errBodyCap = errors.New("larger than what is judged")

// readBody reads the body that is to be judged. Reading it is what answers an
// Expect: 100-continue.
func (e *exchange) readBody() bool {
	if e.call.Streamed {
		return true
	}
	limit := e.s.cfg.Limits.Body
	err := errBodyCap
	if e.r.ContentLength <= limit {
		err = e.readWhole(limit)
	}
	switch {
	case err == nil:
		e.call.Body = e.body
		return true
	case errors.Is(err, errBodyCap):
		why := fmt.Sprintf("its body is larger than the %d MiB that can be judged", limit>>20)
		if limit < 1<<20 {
			why = fmt.Sprintf("its body is larger than the %d bytes that can be judged", limit)
		}
		e.s.bounds.add(boundBody)
		e.s.turnedAway(e.r.Context(), e.in.caller, e.r.Method, e.call.Host, why, http.StatusForbidden)
		e.refuse(decoders.Refusal{Code: decoders.DeniedCode, Message: "assent refused this call: " + why +
			". Nothing was sent; it is policy, not an outage. Next: split the call, upload the payload to a store and refer to it, or raise limits.body in assent.yaml"})
	case errors.Is(err, errBudget):
		e.w.Header().Set("Retry-After", "1")
		say(e.w, http.StatusTooManyRequests, "limit", e.s.met(boundBodies, e.account, "has bodies in flight that, with those of others, are all that fits"))
	default:
		// The client left, or sent a body that contradicts its head.
		e.s.turnAway(e.w, e.r, e.in.caller, e.call.Host, "its body could not be read", http.StatusBadRequest)
	}
	return false
}

var errBudget = errors.New("no memory for another body")

// readStep is how much more is made room for than has arrived: a body that is
// announced and not sent holds nothing.
const readStep = 1 << 20

func (e *exchange) readWhole(limit int64) error {
	if e.r.Body == nil || e.r.Body == http.NoBody {
		return nil
	}
	rc := http.NewResponseController(e.w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyPatience))
	read := e.readSized
	if e.r.ContentLength < 0 {
		read = e.readChunks
	}
	if err := read(limit); err != nil {
		return err
	}
	_ = rc.SetReadDeadline(time.Time{})
	return nil
}

// readSized reads a body whose length is known.
func (e *exchange) readSized(int64) error {
	var body []byte
	for left := e.r.ContentLength; left > 0; {
		step := min(left, max(readStep, int64(len(body)))) // doubling copies each byte twice at most
		if !e.hold(step) {
			return errBudget
		}
		at := len(body)
		body = slices.Grow(body, int(step))[:at+int(step)]
		if _, err := io.ReadFull(e.r.Body, body[at:]); err != nil {
			return err
		}
		left -= step
	}
	// The end has to be seen too, or net/http does not notice when the caller
	// leaves while the call is being judged.
	if n, err := e.r.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its end")
	}
	e.body = body
	return nil
}

// readChunks reads a body whose length is not known.
func (e *exchange) readChunks(limit int64) error {
	var buf bytes.Buffer
	chunk := e.s.buffer()
	defer e.s.release(chunk)
	for {
		n, err := e.r.Body.Read(*chunk)
		if n > 0 && !e.hold(int64(n)) {
			return errBudget
		}
		if int64(buf.Len()+n) > limit {
			return errBodyCap
		}
		buf.Write((*chunk)[:n])
		if errors.Is(err, io.EOF) {
			e.body = buf.Bytes()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (e *exchange) hold(n int64) bool {
	if !e.s.bodies.take(e.account, n) {
		return false
	}
	e.held += n
	return true
}

// ask asks the gate. A panic in it refuses.
func (e *exchange) ask() (p Permit) {
	e.s.judged.Add(1)
	defer func() {
		if r := recover(); r != nil {
			e.s.cfg.Log.Error("the gate panicked", zap.Any("panic", r), zap.Stack("stack"))
			p = Permit{Refusal: faultRefusal()}
		}
	}()
	actor := e.in.caller.actor
	if ua := e.r.UserAgent(); ua != "" {
		said := maps.Clone(actor.Said)
		if said == nil {
			said = map[string]string{}
		}
		said["user-agent"] = cut(ua, userAgentKept)
		actor.Said = said
	}
	end := e.s.judging.begin(int64(len(e.body)))
	defer func() { end() }()
	pause := func() func() {
		end()
		end = func() {}
		return func() { end = e.s.judging.begin(int64(len(e.body))) }
	}
	return e.s.cfg.Gate.Judge(e.r.Context(), Asked{Call: e.call, Decoder: e.decoder, Actor: actor, Run: e.in.caller.run, Pause: pause, Beat: e.beat})
}

// beat sends an interim answer.
func (e *exchange) beat() {
	e.w.WriteHeader(http.StatusContinue)
	_ = http.NewResponseController(e.w).Flush()
}

func faultRefusal() *decoders.Refusal {
	return &decoders.Refusal{Code: decoders.DeniedCode, Message: "assent refused this call: a fault inside assent, so it could not be judged. " +
		"Nothing was sent. Next: whoever operates assent runs: assent doctor"}
}

// refuse answers in the caller's own protocol, and reads away what a client may
// still be sending, so that it gets to see the answer.
func (e *exchange) refuse(refusal decoders.Refusal) {
	status, header, body := e.refusal(refusal)
	h := e.w.Header()
	for k, v := range endToEnd(header) {
		h[k] = v
	}
	if e.r.Method != http.MethodHead {
		h.Set("Content-Length", fmt.Sprint(len(body)))
	}
	asIs(h)
	rc := http.NewResponseController(e.w)
	// Over h2 the end of the stream tells the client to stop; over h1 nothing does.
	unread := e.r.ProtoMajor == 1 && e.body == nil && e.r.Body != nil && e.r.Body != http.NoBody
	waiting := unread && asksFirst(e.r)
	if unread {
		h.Set("Connection", "close")
		if !waiting {
			_ = rc.EnableFullDuplex()
		}
	}
	e.wrote = true
	e.w.WriteHeader(status)
	_, _ = e.w.Write(body)
	if unread && !waiting {
		_ = rc.Flush()
		_ = rc.SetReadDeadline(time.Now().Add(drainTime))
		_, _ = io.CopyN(io.Discard, e.r.Body, drainBytes)
	}
}

// refusal asks the decoder how to say it; if that fails, it is said plainly.
func (e *exchange) refusal(refusal decoders.Refusal) (status int, h http.Header, body []byte) {
	defer func() {
		if r := recover(); r != nil {
			e.s.cfg.Log.Error("a decoder panicked while refusing", zap.Any("panic", r))
			status, h, body = plainRefusal(refusal)
		}
	}()
	resp := e.decoder.Refuse(e.call, refusal)
	if resp == nil {
		return plainRefusal(refusal)
	}
	if resp.Body != nil {
		defer resp.Body.Close()
		var err error
		if body, err = io.ReadAll(io.LimitReader(resp.Body, refusalCap)); err != nil {
			return plainRefusal(refusal)
		}
	}
	return resp.StatusCode, resp.Header, body
}

func plainRefusal(r decoders.Refusal) (int, http.Header, []byte) {
	return http.StatusForbidden, http.Header{"Content-Type": {"text/plain; charset=utf-8"}, headerAssent: {"refused"}}, []byte(oneLine(r.Message) + "\n")
}

// close records what became of the call, once.
func (e *exchange) close(a Answered) {
	if e.closed || e.permit.Close == nil || e.permit.Refusal != nil {
		return
	}
	e.closed = true
	a.ForwardedAt, a.CompletedAt, a.Signed = e.forwardedAt, e.s.cfg.Now(), e.signed
	a.Left = e.r.Context().Err() != nil
	defer e.s.judging.begin(int64(len(e.body)))()
	if err := e.permit.Close(context.WithoutCancel(e.r.Context()), a); err != nil {
		// The action happened: the caller gets the truth, the operator the alarm.
		e.s.cfg.Log.Error("an outcome could not be recorded", zap.String("decision", e.permit.DecisionID), zap.Error(err))
	}
}

// recovered ends a call on which something panicked: the caller is refused, or
// cut off if it was being answered already; the process lives.
func (e *exchange) recovered() {
	p := recover()
	abort := p != nil && p == http.ErrAbortHandler //nolint:errorlint // a panic value, compared as net/http does
	if p != nil && !abort {
		e.s.cfg.Log.Error("a call panicked", zap.Any("panic", p), zap.String("host", e.call.Host), zap.Stack("stack"))
	}
	if p == nil {
		return
	}
	result := ledger.NotForwarded
	if e.sent {
		result = ledger.Unresolved
	}
	func() {
		defer func() { _ = recover() }() // a Close that panics was called, and is not called again
		e.close(Answered{Result: result, Reason: "a fault inside assent"})
	}()
	switch {
	case abort || e.wrote:
		panic(http.ErrAbortHandler)
	case e.sent:
		e.sayTrouble("outcome-unknown", "assent failed after the call was sent; whether it was executed is unknown", true)
	case e.decoder != nil:
		e.refuse(*faultRefusal())
	default:
		say(e.w, http.StatusForbidden, "fault", faultRefusal().Message)
	}
}

// pathOf cuts scheme and authority off a request target in absolute form.
func pathOf(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target
	}
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}

// faithful reports whether a request target can be written again byte for byte:
// see setTarget.
func faithful(raw string, parsed *url.URL) bool {
	if !strings.HasPrefix(raw, "//") {
		return strings.HasPrefix(raw, "/")
	}
	u := url.URL{Scheme: "https", Host: "x", Path: parsed.Path, RawPath: parsed.RawPath, RawQuery: parsed.RawQuery, ForceQuery: parsed.ForceQuery}
	return u.RequestURI() == raw
}
