package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// recordHandshake is the first byte of every TLS connection, recordMajor the second.
const (
	recordHandshake = 0x16
	recordMajor     = 0x03
)

// tunnel is the client's side of one tunnel.
type tunnel struct {
	net.Conn
	target   authority
	caller   caller
	opening  opening
	governed bool             // a decoder claims the host, or two do
	decoder  decoders.Decoder // that of the host; nil for an ungoverned or doubtful one
	pin      netip.AddrPort   // where the target has to be, if the client said so

	head []byte // what was read to see what is spoken; read again first
	sni  string // set before any request is served

	watching bool   // keep last: true until the handshake is over
	last     []byte // the last bytes that were read during the handshake

	used   atomic.Bool // a request came
	closed sync.Once
	done   chan struct{} // closed with the connection
}

func (t *tunnel) Read(p []byte) (int, error) {
	if len(t.head) > 0 {
		n := copy(p, t.head)
		t.head = t.head[n:]
		return n, nil
	}
	n, err := t.Conn.Read(p)
	if t.watching {
		t.last = append(t.last, p[:n]...)
		t.last = t.last[max(0, len(t.last)-plainAlert):]
	}
	return n, err
}

func (t *tunnel) Close() error {
	err := t.Conn.Close()
	t.closed.Do(func() { close(t.done) })
	return err
}

func (t *tunnel) CloseWrite() error { return closeWrite(t.Conn) }

// peek reads the first bytes without consuming them.
func (t *tunnel) peek(p []byte) ([]byte, error) {
	n, err := t.Conn.Read(p)
	t.head = append(t.head, p[:n]...)
	if n > 0 {
		err = nil
	}
	return t.head, err
}

// openGoverned ends the client's TLS and hands the connection to the inner
// server. It returns when the connection is closed.
func (s *Server) openGoverned(t *tunnel) {
	defer t.Close()
	s.mu.Lock()
	s.idle[t] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.idle, t)
		s.mu.Unlock()
	}()

	if err := t.SetDeadline(time.Now().Add(s.cfg.Limits.Header)); err != nil {
		return
	}
	if err := t.opening.opened(t.Conn); err != nil {
		return
	}
	if len(t.head) == 0 {
		if _, err := t.peek(make([]byte, 1)); err != nil {
			return
		}
	}
	var conn net.Conn = t
	if t.head[0] == recordHandshake {
		t.watching = true
		secure := tls.Server(t, s.tls)
		if err := secure.HandshakeContext(context.Background()); err != nil {
			s.distrusted(t, err)
			return
		}
		t.watching = false
		defer s.leftUnused(t, secure, time.Now())
		t.sni = secure.ConnectionState().ServerName
		conn = secure
	}
	if err := t.SetDeadline(time.Time{}); err != nil {
		return
	}
	if s.inbox.deliver(conn) {
		<-t.done
	}
}

// certificate picks the leaf of a tunnel: that of its target, unless the client
// asks for another name. That one gets its leaf too, so that the client can read
// why every request in the tunnel is refused.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != "" {
		return s.cfg.Authority.Leaf(hello.ServerName)
	}
	t, ok := hello.Conn.(*tunnel)
	if !ok {
		return nil, errors.New("a TLS connection outside any tunnel")
	}
	return s.cfg.Authority.Leaf(t.target.name)
}

type tunnelKey struct{}

// withTunnel lets handlers find the tunnel that a request came through.
func withTunnel(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, tunnelKey{}, c)
}

// inside is the inner handler: every request of every governed tunnel.
func (s *Server) inside(w http.ResponseWriter, r *http.Request) {
	t, ok := r.Context().Value(tunnelKey{}).(*tunnel)
	if !ok {
		panic("proxy: a request outside any tunnel")
	}
	if !t.used.Swap(true) {
		s.trusted.add(t.target.hostPort())
	}
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	if why, status := disagreement(r, t.target, scheme, t.sni); why != "" {
		s.turnAway(w, r, t.caller, t.target.hostPort(), why, status)
		return
	}
	s.judge(w, r, incoming{caller: t.caller, target: t.target, scheme: scheme, decoder: t.decoder, pin: t.pin, rawTarget: r.RequestURI})
}

// inbox is the listener of the inner server: tunnels arrive in it one by one.
type inbox struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newInbox() *inbox { return &inbox{conns: make(chan net.Conn), done: make(chan struct{})} }

// deliver hands over a connection; false means that the server has shut down.
func (b *inbox) deliver(c net.Conn) bool {
	select {
	case b.conns <- c:
		return true
	case <-b.done:
		return false
	}
}

func (b *inbox) listener() net.Listener { return b }

// Accept implements net.Listener.
func (b *inbox) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (b *inbox) Close() error {
	b.once.Do(func() { close(b.done) })
	return nil
}

// Addr implements net.Listener.
func (b *inbox) Addr() net.Addr { return inboxAddr{} }

type inboxAddr struct{}

func (inboxAddr) Network() string { return "tunnel" }
func (inboxAddr) String() string  { return "tunnel" }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
