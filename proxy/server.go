package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elazarl/goproxy"
	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// Server is the engine. Outside, one net/http.Server hands requests to goproxy,
// which dispatches CONNECT; inside, one more serves every governed tunnel, so
// that each has the limits, the recovery and the shutdown of net/http.
type Server struct {
	cfg      Config
	proxy    *goproxy.ProxyHttpServer
	outer    *http.Server
	inner    *http.Server
	entrance *http.Server // the gateway
	inbox    *inbox       // where opened tunnels wait for inner
	tls      *tls.Config  // shared by all tunnels, so that sessions resume
	frontTLS *tls.Config  // of clients that speak TLS to the proxy itself

	dial  *dialer
	pools *pools

	tunnels                 *perActor
	requests                *perActor
	bodies                  *shares
	judging                 *turns
	copies                  budget // of answers, to learn from
	passed                  passedTable
	bounds                  tally
	live                    live
	trusted                 hostSet // hosts that a client spoke to through our certificate
	certificates            certificates
	judged, refused, turned atomic.Int64

	buffers  sync.Pool     // of *[]byte, copyBuffer long
	patience time.Duration // transferPatience, but in tests

	draining atomic.Bool

	original func(net.Conn) (netip.AddrPort, error) // where a redirected connection was going

	mu        sync.Mutex // guards all below
	listening []netip.AddrPort
	doors     map[*door]struct{} // those that no http.Server closes
	reverses  map[*http.Server]struct{}
	streams   map[io.Closer]struct{} // blind tunnels and upgraded connections
	idle      map[*tunnel]struct{}   // governed tunnels, open
	ended     sync.WaitGroup         // one for each of streams
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		patience: transferPatience,
		inbox:    newInbox(),
		tunnels:  newPerActor(cfg.Limits.Tunnels),
		requests: newPerActor(cfg.Limits.Requests),
		bodies:   newShares(cfg.Limits.Bodies, &budget{bound: bodiesHeld}),
		judging:  newTurns(judgedAtOnce),
		copies:   budget{bound: copiesHeld},
		passed:   passedTable{byHost: map[string]Passed{}},
		trusted:  hostSet{hosts: map[string]struct{}{}},
		original: originalOf,
		doors:    map[*door]struct{}{},
		reverses: map[*http.Server]struct{}{},
		streams:  map[io.Closer]struct{}{},
		idle:     map[*tunnel]struct{}{},
	}
	s.dial = &dialer{cfg: &s.cfg, own: s.isOwn}
	s.pools = newPools(&s.cfg, s.dial)
	s.tls = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: s.certificate,
	}
	s.frontTLS = s.asksForCertificate("http/1.1")
	s.proxy = s.newGoproxy()
	s.outer = s.plainServer(s.front)
	s.outer.DisableGeneralOptionsHandler = false
	s.inner = s.plainServer(s.inside)
	s.inner.ConnContext = withTunnel
	s.entrance = s.newGateway()
	return s, nil
}

// plainServer has the limits that every server of ours has.
func (s *Server) plainServer(h http.HandlerFunc) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.Limits.Header, // a handshake's too
		IdleTimeout:       s.cfg.Limits.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(zapWriter{s.cfg.Log}, "", 0),
		// OPTIONS * is ours to refuse.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: streamsPerTunnel, WriteByteTimeout: transferPatience},
	}
}

// newGoproxy keeps what goproxy is here for, accepting and dispatching, and
// turns off what would break signatures or make it proxy itself.
func (s *Server) newGoproxy() *goproxy.ProxyHttpServer {
	p := goproxy.NewProxyHttpServer()
	p.Logger = log.New(io.Discard, "", 0)
	p.KeepAcceptEncoding = true
	p.ConnectDial = nil // it read the proxy environment, and would lead back to us
	p.Tr = nil          // each request brings its own: see passing
	p.OnRequest().DoFunc(s.passing)
	p.OnRequest().HandleConnect(goproxy.FuncHttpsHandler(s.connect))
	p.NonproxyHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusBadRequest, "not-a-proxy-request", "this is assent, a proxy: it serves no pages; send requests through it (HTTPS_PROXY)")
	})
	return p
}

// Serve accepts connections, of HTTP and of SOCKS 5, until Shutdown, and then
// returns nil. It may be called for several listeners, one after the other or at
// once.
func (s *Server) Serve(l net.Listener) error {
	s.listens(l)
	inner := s.serveTunnels()
	door := newDoor(l)
	defer door.Close()
	if err := s.outer.Serve(s.sort(door, s.sortFront)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	door.Wait()
	return inner()
}

// sortFront tells SOCKS from HTTP, and from a client that speaks TLS to its proxy
// (HTTPS_PROXY=https://…), to keep its token to itself or to show a certificate.
func (s *Server) sortFront(c *earlyConn, said func() bool) net.Conn {
	if version := c.early[0]; version == socks5 || version == socks4 {
		s.socks(c.Conn, version, said)
		return nil
	}
	if !said() {
		_ = c.Close()
		return nil
	}
	if c.early[0] == recordHandshake {
		return tls.Server(c, s.frontTLS)
	}
	return c
}

// serveTunnels answers in governed tunnels until Shutdown, which ends wait.
func (s *Server) serveTunnels() (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- s.inner.Serve(s.inbox.listener()) }()
	return func() error {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// listens notes an address as our own, which is never dialled.
func (s *Server) listens(l net.Listener) {
	if ap, err := netip.ParseAddrPort(l.Addr().String()); err == nil {
		s.mu.Lock()
		s.listening = append(s.listening, ap)
		s.mu.Unlock()
	}
}

// Shutdown stops accepting, lets requests in flight finish, gives streams a
// moment, and closes what is left when ctx ends. No mutation that was forwarded
// is abandoned while ctx lives.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	s.mu.Lock()
	for d := range s.doors {
		_ = d.Close()
	}
	for t := range s.idle {
		if !t.used.Load() {
			_ = t.Close() // it never carried a request: there is nothing to wait for
		}
	}
	parts := []*http.Server{s.outer, s.inner, s.entrance}
	for part := range s.reverses {
		parts = append(parts, part)
	}
	s.mu.Unlock()

	errs := make(chan error, len(parts))
	for _, part := range parts {
		go func() { errs <- part.Shutdown(ctx) }()
	}
	var err error
	for range parts {
		err = errors.Join(err, <-errs)
	}

	s.closeStreams(ctx)
	if err != nil {
		for _, part := range parts {
			err = errors.Join(err, part.Close())
		}
	}
	s.pools.close()
	return err
}

// closeStreams gives blind tunnels and upgraded connections their grace.
func (s *Server) closeStreams(ctx context.Context) {
	gone := make(chan struct{})
	go func() { s.ended.Wait(); close(gone) }()
	grace, cancel := context.WithTimeout(ctx, streamGrace)
	defer cancel()
	select {
	case <-gone:
		return
	case <-grace.Done():
	}
	s.mu.Lock()
	for c := range s.streams {
		_ = c.Close()
	}
	s.mu.Unlock()
	<-gone
}

// Stats returns what the server saw so far.
func (s *Server) Stats() Stats {
	return Stats{
		Passed: s.passed.copy(),
		Judged: s.judged.Load(), Refused: s.refused.Load(), TurnedAway: s.turned.Load(),
		Tunnels: s.tunnels.total(), Requests: s.requests.total(), Bodies: s.bodies.all.held.Load(), Bounds: s.bounds.copy(),
	}
}

// isOwn reports whether an address is one that this server listens on.
func (s *Server) isOwn(ap netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listening {
		same := l.Addr().Unmap() == ap.Addr() || (l.Addr().IsUnspecified() && ap.Addr().IsLoopback())
		if same && l.Port() == ap.Port() {
			return true
		}
	}
	return false
}

// opens registers a door that no http.Server closes; false means that the server
// has shut down.
func (s *Server) opens(d *door) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.doors[d] = struct{}{}
	return true
}

// starts and stops are the same for the server of a reverse listener.
func (s *Server) starts(server *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.reverses[server] = struct{}{}
	return true
}

func (s *Server) stops(server *http.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reverses, server)
}

func (s *Server) shuts(d *door) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doors, d)
}

// stream registers a connection that no http.Server looks after. The result
// MUST be called when it ended.
func (s *Server) stream(c io.Closer) (ended func()) {
	s.mu.Lock()
	s.streams[c] = struct{}{}
	s.ended.Add(1)
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		delete(s.streams, c)
		s.mu.Unlock()
		s.ended.Done()
	}
}

// find asks the registry; a panic in a decoder's Claims is an error.
func (s *Server) find(c decoders.Call) (d decoders.Decoder, claim decoders.Claim, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.cfg.Log.Error("a decoder panicked while claiming", zap.Any("panic", r), zap.String("host", c.Host))
			d, err = nil, errors.New("a fault inside assent: a decoder panicked")
		}
	}()
	return s.cfg.Registry.Find(c)
}

// caller is who opened a connection.
type caller struct {
	actor model.Actor
	run   string
	// stranger: the connection has proved nothing. Each call has to, or is refused.
	stranger bool
	from     string // the address of the connection
}

type zapWriter struct{ log *zap.Logger }

func (w zapWriter) Write(p []byte) (int, error) {
	w.log.Debug("net/http", zap.ByteString("message", p))
	return len(p), nil
}
