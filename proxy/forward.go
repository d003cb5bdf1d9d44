package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
)

// forward sends the judged bytes and brings back the answer.
func (e *exchange) forward() {
	if e.r.Context().Err() != nil {
		e.close(Answered{Result: ledger.NotForwarded, Reason: "the caller left before it was sent"})
		panic(http.ErrAbortHandler)
	}
	ctx, headCame, cancel := e.lifetime()
	defer cancel()

	e.forwardedAt = e.s.cfg.Now()
	resp, err := e.send(ctx)
	if err != nil {
		e.unanswered(err)
		return
	}
	defer resp.Body.Close()
	headCame()

	e.told(resp)
	defer e.s.live.begins(e, cancel)()
	if e.permit.Still != nil && e.s.live.now() != e.round {
		e.s.revoked(ctx, e, cancel) // what is declared has changed while it was on its way
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		e.switched(ctx, resp)
		return
	}
	e.answer(resp)
}

// mutates reports whether the gate wants to know the outcome: such a call is sent
// at most once, and its answer is waited for even if the caller leaves.
func (e *exchange) mutates() bool { return e.permit.Close != nil }

// lifetime is how long the upstream call may live: as long as its caller, but a
// mutation is not abandoned before its outcome is known.
func (e *exchange) lifetime() (ctx context.Context, headCame func(), cancel func()) {
	ctx, stop := context.WithCancel(context.WithoutCancel(e.r.Context()))
	if !e.mutates() {
		unhook := context.AfterFunc(e.r.Context(), stop)
		return ctx, func() {}, func() { unhook(); stop() }
	}
	timers := make(chan *time.Timer, 1)
	unhook := context.AfterFunc(e.r.Context(), func() { timers <- time.AfterFunc(changePatience, stop) })
	headCame = func() {
		if unhook() {
			unhook = context.AfterFunc(e.r.Context(), stop)
		}
	}
	return ctx, headCame, func() {
		unhook()
		stop()
		select {
		case t := <-timers:
			t.Stop()
		default:
		}
	}
}

// send makes the round trip on the lane that fits the call. A read whose
// kept-alive connection was dead is tried once more; nothing else ever is.
func (e *exchange) send(ctx context.Context) (*http.Response, error) {
	reused := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		e.sent, reused = true, i.Reused
	}})
	out, err := e.outgoing(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := e.lane(out).RoundTrip(out)
	if err == nil || e.mutates() || !reused || e.call.Streamed || ctx.Err() != nil {
		return resp, err
	}
	if out, err = e.outgoing(ctx); err != nil {
		return nil, err
	}
	return e.lane(out).RoundTrip(out)
}

func (e *exchange) lane(out *http.Request) *http.Transport {
	pin, _ := out.Context().Value(pinned{}).(netip.AddrPort)
	lanes := e.s.pools.of(e.in.caller.actor.ID, out.URL, pin)
	switch {
	case e.upgrade != "" || (e.mutates() && out.Body == http.NoBody):
		return lanes.once
	case e.mutates():
		return lanes.changes
	}
	return lanes.reads
}

// errUnvouched marks a call that could not be sent in its caller's name.
var errUnvouched = errors.New("nobody vouches for the caller")

// outgoing builds the request as it came: same target, same header values, same
// framing, same bytes.
func (e *exchange) outgoing(ctx context.Context) (*http.Request, error) {
	u, named := e.upstream()
	switch {
	case named:
		ctx = context.WithValue(ctx, namedUpstream{}, true)
	case e.in.pin.IsValid():
		ctx = context.WithValue(ctx, pinned{}, e.in.pin)
	}
	out := (&http.Request{
		Method: e.r.Method, URL: u, Host: e.r.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.call.Header.Clone(), Body: http.NoBody,
	}).WithContext(ctx)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // or net/http would add its own
	}
	if j, ok := e.decoder.(decoders.Joiner); ok {
		j.Join(e.permit.DecisionID, out.Header)
	}
	renewed, err := e.renewed(ctx, out.Header)
	if err != nil {
		return nil, err
	}
	if err := e.aim(u, renewed.Target); err != nil {
		return nil, err
	}
	if e.s.cfg.Vouch != nil && e.permit.DecisionID != "" {
		if err := e.s.cfg.Vouch(ctx, e.call.Host, e.permit.DecisionID, out.Header); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnvouched, err)
		}
	}
	if e.upgrade != "" {
		out.Header.Set("Connection", "Upgrade")
		out.Header.Set("Upgrade", e.upgrade)
	}
	switch {
	case len(e.call.Trailer) > 0:
		e.withTrailers(out)
	case e.call.Streamed && e.r.Body != nil && e.r.Body != http.NoBody:
		out.Body, out.ContentLength = io.NopCloser(renewed.body(e.uploaded())), e.r.ContentLength
	case len(e.body) > 0:
		out.Body, out.ContentLength = io.NopCloser(renewed.body(bytes.NewReader(e.body))), e.r.ContentLength
	case e.r.Header.Get("Content-Length") == "0" && e.r.ProtoMajor == 1:
		out.TransferEncoding = []string{"identity"} // makes net/http write Content-Length: 0 for DELETE too
	}
	if out.Body != http.NoBody && (e.call.Streamed || renewed.Body != nil) { // bytes in memory cannot panic
		out.Body = containedBody{out.Body}
	}
	return out, nil
}

// upstream is where the call goes, and whether the configuration says so.
func (e *exchange) upstream() (u *url.URL, named bool) {
	for _, up := range e.s.cfg.Upstreams {
		if decoders.HostMatches(up.Hosts, e.call.Host) {
			return &url.URL{Scheme: up.To.Scheme, Host: up.To.Host}, true
		}
	}
	return &url.URL{Scheme: e.in.scheme, Host: e.in.target.hostPort()}, false
}

// setTarget makes net/http write the request target as it was sent. Opaque is
// written untouched unless it begins with two slashes; those keep their own
// encoding, which faithful has checked.
func setTarget(u *url.URL, raw string, parsed *url.URL) {
	if strings.HasPrefix(raw, "//") {
		u.Path, u.RawPath, u.RawQuery, u.ForceQuery = parsed.Path, parsed.RawPath, parsed.RawQuery, parsed.ForceQuery
		return
	}
	u.Opaque = raw
}

// unanswered tells the ledger and the caller that there is no answer.
func (e *exchange) unanswered(err error) {
	e.s.cfg.Log.Info("an upstream did not answer", zap.String("host", e.call.Host), zap.String("decision", e.permit.DecisionID), zap.Bool("sent", e.sent), zap.Error(err))
	switch {
	case errors.Is(err, errForbiddenAddress):
		e.close(Answered{Result: ledger.NotForwarded, Reason: oneLine(err.Error())})
		e.refuse(decoders.Refusal{
			Code: decoders.DeniedCode, DecisionID: e.permit.DecisionID,
			Message: oneLine("assent refused this call: " + err.Error() + ". Nothing was sent; it is policy, not an outage. Next: name the address under upstreams in assent.yaml if it is meant"),
		})
	case errors.Is(err, errUnrenewed):
		e.close(Answered{Result: ledger.NotForwarded, Reason: oneLine(err.Error())})
		e.sayTrouble("no-credential", "assent signs calls to "+e.call.Host+" with a credential that it holds, and could not: "+err.Error()+"; nothing was sent, and no policy refused it", false)
	case errors.Is(err, errUnvouched):
		e.close(Answered{Result: ledger.NotForwarded, Reason: oneLine(err.Error())})
		e.sayTrouble("unvouched", "assent sends changes to "+e.call.Host+" in their caller's name, and could not: "+err.Error()+"; nothing was sent, and no policy refused it", false)
	case !e.sent:
		e.close(Answered{Result: ledger.NotForwarded, Reason: oneLine("upstream unreachable: " + err.Error())})
		e.sayTrouble("upstream-unreachable", "assent could not reach "+e.call.Host+": "+err.Error()+"; nothing was sent, and no policy refused it", false)
	default:
		e.close(Answered{Result: ledger.Unresolved, Reason: oneLine("no answer: " + err.Error())})
		e.sayTrouble("outcome-unknown", "assent sent this call to "+e.call.Host+" and got no answer: "+err.Error()+"; whether it was executed is unknown, and no policy refused it", true)
	}
}
