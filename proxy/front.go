package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/elazarl/goproxy"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

type callerKey struct{}

const (
	challenge     = `Basic realm="assent"`
	unknownCaller = "assent does not know who this is: use the proxy address with the run token in it, as `assent run` sets it"
)

// front is the outer handler: it knows who calls before anything else happens.
func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	proof := r.Header.Get("Proxy-Authorization")
	r.Header.Del("Proxy-Authorization")
	who, ok, why := s.announced(r, proof)
	if !ok {
		w.Header().Set("Proxy-Authenticate", challenge)
		say(w, http.StatusProxyAuthRequired, "stranger", why)
		return
	}
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "shutting-down", "assent is shutting down")
		return
	}
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

// recognise tells who calls, by a proof or, where there is none, by the connection.
func (s *Server) recognise(proof string, local net.Addr, remote string) (actor model.Actor, run string, ok bool) {
	if actor, run, ok = s.cfg.Authenticator.Authenticate(proof); ok || proof != "" || local == nil {
		return actor, run, ok
	}
	by, can := s.cfg.Authenticator.(Beside)
	if !can {
		return actor, run, false
	}
	to, err1 := netip.ParseAddrPort(local.String())
	from, err2 := netip.ParseAddrPort(remote)
	if err1 != nil || err2 != nil {
		return actor, run, false
	}
	return by.AuthenticateConnection(to, from)
}

// connect is goproxy's CONNECT handler: governed tunnels are opened by us,
// others are spliced, nothing is ever decided by goproxy's own defaults.
func (s *Server) connect(host string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
	who, _ := ctx.Req.Context().Value(callerKey{}).(caller)
	t, no := s.admit(ctx.Req.Context(), who, overCONNECT{}, host)
	if no != nil {
		if no.status == http.StatusProxyAuthRequired {
			action := reject(ctx, no.status, no.code, no.message)
			ctx.Resp.Header.Set("Proxy-Authenticate", challenge)
			return action, host
		}
		return reject(ctx, no.status, no.code, no.message), host
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: func(_ *http.Request, c net.Conn, _ *goproxy.ProxyCtx) {
		s.carry(t, c)
	}}, host
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
	if who.stranger && (decoder == nil || !s.admitsStrangers(target.host(scheme))) {
		w.Header().Set("Proxy-Authenticate", challenge)
		say(w, http.StatusProxyAuthRequired, "stranger", unknownCaller)
		return
	}
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
	fw := &flushing{ResponseWriter: w}
	way := &blindWay{s: s, to: target.hostPort()}
	defer func() {
		if way.opened {
			s.passed.add(way.to, 1, max(r.ContentLength, 0), fw.wrote)
		}
	}()
	r = r.WithContext(context.WithValue(r.Context(), blindKey{}, way))
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = nil
	}
	s.proxy.ServeHTTP(fw, r)
}

// blindWay is what became of an ungoverned plain request.
type blindWay struct {
	s      *Server
	to     string
	opened bool
}

type blindKey struct{}

// answer turns what the upstream said, or that there was none, into what the caller
// reads, and tells a refusal from what passed.
func (b *blindWay) answer(r *http.Request, who caller, resp *http.Response, err error) *http.Response {
	if err == nil {
		b.opened = true
		b.s.cfg.OnPassed(b.to)
		return resp
	}
	status, code := b.s.unopened(r.Context(), who, r.Method, b.to, err)
	body := oneLine("assent could not reach "+b.to+": "+err.Error()) + "\n"
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Assent": {code}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
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
	if e, ok := c.(*earlyConn); ok && len(e.early) == 0 {
		c = e.Conn // the kernel joins plain connections by itself
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
