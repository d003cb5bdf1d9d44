package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// A transparent listener takes in connections that their clients opened to
// somebody else and that a firewall's redirect brought here: nobody has to know
// that there is a proxy, and nobody can decide to go without.
//
// Whom a connection is for is its original destination, which the kernel knows. A
// name that the client says (the server name of its ClientHello) never moves it
// elsewhere: what is judged under the name of a governed host is sent to the
// original destination and nowhere else, and only after that has proved, by its
// certificate, to be that host. So no resolver has to give the same answer twice.
// Without a name the address decides.

// Redirected says what is known of whoever comes through one transparent listener.
type Redirected struct {
	// Authenticator tells who it is; Authenticate is called without a proof, since
	// there is none: one listener is one actor's. Nil means Config.Authenticator: of
	// whom it wants a proof, the calls have to bring one, or nobody is let in.
	Authenticator Authenticator
	// Names tells which name an address was handed out for, where assent itself
	// answers the client's DNS: the client meant that name. It may be nil.
	Names func(netip.Addr) (name string, ok bool)
}

// overRedirect is the opening of a redirected connection: its client knows of none.
type overRedirect struct{ t *tunnel }

func (overRedirect) word() string           { return "REDIRECT" }
func (overRedirect) opened(io.Writer) error { return nil }

// The fatal alerts of RFC 8446 §6 with which a TLS client is turned down.
const (
	alertAccessDenied  = "\x15\x03\x03\x00\x02\x02\x31"
	alertInternalError = "\x15\x03\x03\x00\x02\x02\x50"
)

// failed answers in the protocol that the client begins with, if it begins.
func (o overRedirect) failed(w io.Writer, no turndown) {
	t := o.t
	if len(t.head) == 0 {
		_ = t.SetReadDeadline(time.Now().Add(firstWord))
		if _, err := t.peek(make([]byte, 8)); err != nil {
			return
		}
	}
	switch {
	case t.head[0] == recordHandshake && no.status == http.StatusForbidden:
		_, _ = io.WriteString(w, alertAccessDenied)
	case t.head[0] == recordHandshake:
		_, _ = io.WriteString(w, alertInternalError)
	case mayBeRequest(t.head):
		overCONNECT{}.failed(w, no)
	}
}

// firstWord is how long the client of a connection that is turned down is given to
// say in which protocol it would like to be told.
const firstWord = time.Second

// ServeTransparent accepts redirected connections until Shutdown, and then returns
// nil.
func (s *Server) ServeTransparent(l net.Listener, from Redirected) error {
	if from.Authenticator == nil {
		from.Authenticator = s.cfg.Authenticator
	}
	s.listens(l)
	inner := s.serveTunnels()
	d := newDoor(l)
	if !s.opens(d) {
		_ = d.Close()
		return inner()
	}
	defer s.shuts(d)
	defer d.Close()
	var pause time.Duration
	for {
		c, err := d.Listener.Accept()
		if err == nil {
			pause = 0
			d.going.Go(func() { s.redirected(d, c, from) })
			continue
		}
		select {
		case <-d.done:
			d.Wait()
			return inner()
		default:
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() { // out of files, as net/http waits too
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(pause):
		case <-d.done:
		}
	}
}

// redirected serves one connection.
func (s *Server) redirected(d *door, c net.Conn, from Redirected) {
	said := d.wait(c, s.cfg.Limits.Header)
	t := &tunnel{Conn: c, done: make(chan struct{})}
	t.opening = overRedirect{t}
	t.caller.from = c.RemoteAddr().String()
	var ok bool
	if t.caller.actor, t.caller.run, ok = from.Authenticator.Authenticate(""); !ok {
		t.caller.stranger = true // its calls may prove who they are from
		if s.prover() == nil {
			said()
			s.cfg.Log.Warn("a transparent listener that is nobody's: nobody is let in")
			_ = c.Close()
			return
		}
	}
	no := s.whither(t, from)
	if open := said(); no == nil && (!open || s.draining.Load()) {
		no = &turndown{http.StatusServiceUnavailable, "shutting-down", "assent is shutting down"}
	}
	if no != nil {
		t.opening.failed(c, *no)
		_ = c.Close()
		return
	}
	s.carry(t, c)
}

// whither finds out whom a redirected connection is for, and admits it or not.
func (s *Server) whither(t *tunnel, from Redirected) *turndown {
	to, err := s.original(t.Conn)
	if err != nil {
		s.turnedAway(context.Background(), t.caller, t.opening.word(), t.LocalAddr().String(), err.Error(), http.StatusBadRequest)
		return &turndown{http.StatusBadRequest, "not-redirected", oneLine("assent's transparent listener serves redirected connections alone: " + err.Error())}
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	host := to.String()
	if from.Names != nil {
		if name, ok := from.Names(to.Addr()); ok {
			host = fmt.Sprintf("%s:%d", name, to.Port())
		}
	}
	if no := s.admitTo(t, host); no != nil {
		return no
	}
	if t.governed || host != to.String() || !s.speaksTLS(t.target.port) {
		return s.enterTunnel(context.Background(), t)
	}
	// An address that nothing claims, at a port where governed APIs are: what the
	// client says decides whether it has to prove to be one.
	if _, err := t.peek(make([]byte, 1)); err != nil {
		return &turndown{http.StatusRequestTimeout, "silent", "nothing was said"}
	}
	if t.head[0] != recordHandshake {
		return s.turnDown(t, "port "+t.target.port+" is for TLS, and this is not: assent cannot tell what it is", http.StatusForbidden)
	}
	name, ok := t.helloName(make([]byte, 4<<10))
	if !ok {
		return s.turnDown(t, "a TLS ClientHello that cannot be read", http.StatusForbidden)
	}
	if said, err := parseAuthority(net.JoinHostPort(name, t.target.port), ""); err == nil {
		if decoder, governed := s.claimed(said); governed {
			t.target, t.decoder, t.governed, t.pin = said, decoder, true, to
		}
	}
	return s.enterTunnel(context.Background(), t)
}

// turnDown refuses a tunnel at the door and records it.
func (s *Server) turnDown(t *tunnel, why string, status int) *turndown {
	s.turnedAway(context.Background(), t.caller, t.opening.word(), t.target.hostPort(), why, status)
	return &turndown{status, "turned-away", oneLine("assent refused this at the door: " + why + "; it is policy, not an outage")}
}

// speaksTLS reports whether what is governed at a port is TLS: that of HTTPS, and
// those of the API servers.
func (s *Server) speaksTLS(port string) bool {
	if port == "443" {
		return true
	}
	for _, m := range s.cfg.Mounts {
		if a, err := parseAuthority(m.To.Host, defaultPort(m.To.Scheme)); err == nil && a.port == port && m.To.Scheme == "https" {
			return true
		}
	}
	return false
}

// errNotRedirected is what the kernel knows no original destination of.
var errNotRedirected = errors.New("no redirect brought this connection here")

// originalOf asks the kernel, and takes a connection that somebody opened to the
// listener itself for what it is.
func originalOf(c net.Conn) (netip.AddrPort, error) {
	to, err := originalDestination(c)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w (%w)", errNotRedirected, err)
	}
	if own, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil &&
		own.Port() == to.Port() && own.Addr().Unmap() == to.Addr().Unmap() {
		return netip.AddrPort{}, errNotRedirected
	}
	return to, nil
}
