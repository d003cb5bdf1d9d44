package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/elazarl/goproxy"
	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
)

type callerKey struct{}

// front is the outer handler: it knows who calls before anything else happens.
func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	actor, run, ok := s.cfg.Authenticator.Authenticate(r.Header.Get("Proxy-Authorization"))
	r.Header.Del("Proxy-Authorization")
	if !ok {
		w.Header().Set("Proxy-Authenticate", `Basic realm="assent"`)
		say(w, http.StatusProxyAuthRequired, "stranger", "assent does not know who this is: use the proxy address with the run token in it, as `assent run` sets it")
		return
	}
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "shutting-down", "assent is shutting down")
		return
	}
	who := caller{actor: actor, run: run}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	switch {
	case r.Method == http.MethodConnect:
		s.proxy.ServeHTTP(&replaying{ResponseWriter: w}, r)
	case r.URL.IsAbs():
		s.plain(w, r, who)
	default:
		s.proxy.NonproxyHandler.ServeHTTP(w, r)
	}
}

// connect is goproxy's CONNECT handler: governed tunnels are opened by us,
// others are spliced, nothing is ever decided by goproxy's own defaults.
func (s *Server) connect(host string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
	who, _ := ctx.Req.Context().Value(callerKey{}).(caller)
	target, err := parseAuthority(host, "443")
	if err != nil {
		return reject(ctx, http.StatusBadRequest, "bad-target", err.Error()), host
	}
	decoder, _, err := s.find(connectCall(target))
	governed := decoder != nil || err != nil // a doubtful host is governed: its calls are refused one by one
	if !governed && s.cfg.Egress == EgressDeny {
		why := "the host is not governed, and egress is denied"
		s.turnedAway(ctx.Req.Context(), who, ctx.Req.Method, target.hostPort(), why, http.StatusForbidden)
		return reject(ctx, http.StatusForbidden, "egress", "assent refused "+target.hostPort()+": "+why+" (egress: deny in assent.yaml); it is policy, not an outage"), host
	}
	if !s.tunnels.enter(who.actor.ID) {
		return reject(ctx, http.StatusTooManyRequests, "limit", fmt.Sprintf("%s has %d tunnels open, the limit", who.actor.ID, tunnelsPerActor)), host
	}
	open := s.openBlind
	if governed {
		open = s.openGoverned
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: func(r *http.Request, c net.Conn, _ *goproxy.ProxyCtx) {
		defer s.tunnels.leave(who.actor.ID)
		defer func() {
			if p := recover(); p != nil { // the connection is hijacked: net/http no longer recovers for us
				s.cfg.Log.Error("a tunnel panicked", zap.Any("panic", p), zap.String("host", target.hostPort()))
				_ = c.Close()
			}
		}()
		open(&tunnel{Conn: c, target: target, caller: who, decoder: decoder, agent: r.UserAgent(), done: make(chan struct{})})
	}}, host
}

func connectCall(target authority) decoders.Call {
	return decoders.Call{Method: http.MethodConnect, Scheme: "https", Host: target.host("https"), URL: &url.URL{}, Header: http.Header{}}
}

// plain serves a request in absolute form, that is one outside any tunnel.
func (s *Server) plain(w http.ResponseWriter, r *http.Request, who caller) {
	scheme := strings.ToLower(r.URL.Scheme)
	target, err := parseAuthority(r.URL.Host, defaultPort(scheme))
	if err != nil || (scheme != "http" && scheme != "https") || strings.Contains(r.RequestURI, "#") || r.URL.User != nil || !onALine(r.RequestURI) {
		s.turnAway(w, r, who, r.URL.Host, "a request target that is no plain http URL", http.StatusBadRequest)
		return
	}
	head := decoders.Call{Method: http.MethodConnect, Scheme: scheme, Host: target.host(scheme), URL: &url.URL{}, Header: http.Header{}}
	decoder, _, findErr := s.find(head)
	in := incoming{caller: who, target: target, scheme: scheme, decoder: decoder, rawTarget: pathOf(r.RequestURI)}
	if decoder == nil && findErr == nil {
		// A decoder may know a call by more than its host.
		if decoder, _, findErr = s.find(in.call(r, endToEnd(r.Header))); decoder == nil && findErr == nil {
			s.pass(w, r, who, target)
			return
		}
		in.decoder = decoder
	}
	s.judge(w, r, in)
}

// pass lets goproxy forward an ungoverned plain request.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, who caller, target authority) {
	if s.cfg.Egress == EgressDeny {
		s.turnAway(w, r, who, target.hostPort(), "the host is not governed, and egress is denied", http.StatusForbidden)
		return
	}
	s.cfg.OnPassed(target.hostPort())
	fw := &flushing{ResponseWriter: w}
	defer func() { s.passed.add(target.hostPort(), 1, max(r.ContentLength, 0), fw.wrote) }()
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil
	}
	s.proxy.ServeHTTP(fw, r)
}

// reject is a refusal of CONNECT itself.
func reject(ctx *goproxy.ProxyCtx, status int, code, message string) *goproxy.ConnectAction {
	body := message + "\n"
	ctx.Resp = &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: ctx.Req,
		Header:        http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Assent": {code}, "Connection": {"close"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectReject}
}

// replaying gives whoever hijacks the connection the bytes that net/http had
// already read: goproxy's ConnectHijack would lose them.
type replaying struct{ http.ResponseWriter }

func (w *replaying) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	n := rw.Reader.Buffered()
	if n == 0 {
		return c, rw, nil
	}
	early, err := rw.Reader.Peek(n)
	if err != nil {
		return nil, nil, err
	}
	return &earlyConn{Conn: c, early: append([]byte(nil), early...)}, rw, nil
}

// earlyConn is a connection of which some bytes were read too early.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *earlyConn) CloseWrite() error { return closeWrite(c.Conn) }

// flushing flushes answers of unknown length as they come, and counts.
type flushing struct {
	http.ResponseWriter
	wrote int64
}

func (w *flushing) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.wrote += int64(n)
	if err == nil && w.Header().Get("Content-Length") == "" {
		err = http.NewResponseController(w.ResponseWriter).Flush()
	}
	return n, err
}

func (w *flushing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
