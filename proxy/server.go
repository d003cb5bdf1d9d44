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

	dial  *dialer
	pools *pools

	tunnels                 *perActor
	requests                *perActor
	bodies                  *shares
	judging                 *turns
	copies                  budget // of answers, to learn from
	passed                  passedTable
	trusted                 hostSet // hosts that a client spoke to through our certificate
	judged, refused, turned atomic.Int64

	buffers sync.Pool // of *[]byte, copyBuffer long

	draining atomic.Bool

	mu        sync.Mutex // guards all below
	listening []netip.AddrPort
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
		inbox:    newInbox(),
		tunnels:  newPerActor(tunnelsPerActor),
		requests: newPerActor(requestsPerActor),
		bodies:   newShares(max(bodiesPerActor, cfg.BodyCap), &budget{bound: max(bodiesHeld, cfg.BodyCap)}),
		judging:  newTurns(judgedAtOnce),
		copies:   budget{bound: copiesHeld},
		passed:   passedTable{byHost: map[string]Passed{}},
		trusted:  hostSet{hosts: map[string]struct{}{}},
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
	s.proxy = s.newGoproxy()
	quiet := log.New(zapWriter{cfg.Log}, "", 0)
	s.outer = &http.Server{
		Handler:           http.HandlerFunc(s.front),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quiet,
	}
	s.inner = &http.Server{
		Handler:           http.HandlerFunc(s.inside),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          quiet,
		ConnContext:       withTunnel,
		// OPTIONS * is ours to refuse.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 250},
	}
	s.entrance = s.newGateway(quiet)
	return s, nil
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
	sorted := s.sort(door)
	if err := s.outer.Serve(sorted); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	door.Wait()
	return inner()
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
	for t := range s.idle {
		if !t.used.Load() {
			_ = t.Close() // it never carried a request: there is nothing to wait for
		}
	}
	s.mu.Unlock()

	errs := make(chan error, 3)
	for _, part := range []*http.Server{s.outer, s.inner, s.entrance} {
		go func() { errs <- part.Shutdown(ctx) }()
	}
	err := errors.Join(<-errs, <-errs, <-errs)

	s.closeStreams(ctx)
	if err != nil {
		err = errors.Join(err, s.outer.Close(), s.inner.Close(), s.entrance.Close())
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
		Tunnels: s.tunnels.total(),
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
}

type zapWriter struct{ log *zap.Logger }

func (w zapWriter) Write(p []byte) (int, error) {
	w.log.Debug("net/http", zap.ByteString("message", p))
	return len(p), nil
}
