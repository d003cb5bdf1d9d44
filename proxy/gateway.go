package proxy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// The gateway is the door for clients that are given an address instead of a
// proxy: some ignore proxies, and all skip them for a server on this machine. It
// speaks TLS; what comes below a mount's prefix goes through the same judge to
// the mount's target, with the prefix replaced and nothing else.

// gatewayConnections bounds what the gateway has open, over all clients: who
// they are is known only after the handshake. At 64 KiB each this is 256 MiB.
const gatewayConnections = 4096

// Mount is one API server behind the gateway.
type Mount struct {
	// Prefix is the path that stands for it: /k8s/NAME.
	Prefix string
	// To is its URL. A path in it takes the place of the prefix.
	To *url.URL
}

func (m Mount) check() error {
	switch {
	case len(m.Prefix) < 2 || m.Prefix[0] != '/' || strings.HasSuffix(m.Prefix, "/") || strings.ContainsAny(m.Prefix, "%?# ") || strings.Contains(m.Prefix, "//"):
		return fmt.Errorf("proxy: mount %q: want a plain path such as /k8s/name", m.Prefix)
	case m.To == nil || (m.To.Scheme != "https" && m.To.Scheme != "http") || m.To.Host == "" || m.To.User != nil || m.To.RawQuery != "":
		return fmt.Errorf("proxy: mount %s: want the http or https URL of a server", m.Prefix)
	}
	_, err := parseAuthority(m.To.Host, defaultPort(m.To.Scheme))
	return err
}

// newGateway makes the server of the gateway. It is started by ServeGateway.
func (s *Server) newGateway() *http.Server {
	server := s.plainServer(s.gateway)
	server.ConnContext = withTunnel
	server.TLSConfig = s.asksForCertificate("h2", "http/1.1")
	return server
}

// ServeGateway accepts connections to the gateway until Shutdown, and then
// returns nil.
func (s *Server) ServeGateway(l net.Listener) error {
	s.listens(l)
	door := newDoor(netutil.LimitListener(l, gatewayConnections))
	defer door.Close()
	greet := func(c *earlyConn, said func() bool) net.Conn { return s.greet(door, c, said) }
	if err := s.entrance.Serve(s.sort(door, greet)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	door.Wait()
	return nil
}

// greet shakes hands with a client of the gateway: not left to net/http, to see what
// the client thinks of our certificate.
func (s *Server) greet(d *door, c *earlyConn, said func() bool) net.Conn {
	own, _ := parseAuthority(c.LocalAddr().String(), "443") // an address with a port always reads
	t := &tunnel{Conn: c, target: own, watching: true, done: make(chan struct{})}
	if c.early[0] != recordHandshake {
		_, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nassent's gateway speaks TLS: use https://\n")
		said()
		_ = t.Close()
		return nil
	}
	secure := tls.Server(t, s.entrance.TLSConfig)
	err := secure.HandshakeContext(context.Background())
	t.watching = false
	open := said()
	if err != nil {
		s.distrusted(t, err)
	}
	if err != nil || !open {
		_ = t.Close()
		return nil
	}
	opened := time.Now()
	d.going.Go(func() {
		<-t.done
		s.leftUnused(t, secure, opened)
	})
	return secure
}

// gateway is the handler: every request that comes to the gateway.
func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	if t, ok := r.Context().Value(tunnelKey{}).(*tunnel); ok && !t.used.Swap(true) {
		s.trusted.add(t.target.hostPort())
	}
	who, why := s.known(r)
	if why != "" {
		sayStatus(w, http.StatusUnauthorized, "Unauthorized", "stranger", why)
		return
	}
	if s.draining.Load() {
		sayStatus(w, http.StatusServiceUnavailable, "ServiceUnavailable", "shutting-down", "assent is shutting down")
		return
	}
	own, err := parseAuthority(r.Host, "443")
	if err != nil {
		s.turnAway(w, r, who, r.Host, err.Error(), http.StatusBadRequest)
		return
	}
	if why, status := disagreement(r, own, "https", r.TLS.ServerName); why != "" {
		s.turnAway(w, r, who, own.hostPort(), why, status)
		return
	}
	mount, raw, ok := s.mounted(r.RequestURI)
	if !ok { // not 404, of which kubectl shows no message
		sayStatus(w, http.StatusForbidden, "Forbidden", "no-such-cluster", "assent's gateway serves no cluster at this path; it serves "+s.mounts())
		return
	}
	target, err := parseAuthority(mount.To.Host, defaultPort(mount.To.Scheme))
	if err == nil {
		r, err = retarget(r, raw, target.host(mount.To.Scheme))
	}
	if err != nil {
		s.turnAway(w, r, who, own.hostPort(), "a request target that cannot be read", http.StatusBadRequest)
		return
	}
	if who.stranger && !s.admitsStrangers(target.host(mount.To.Scheme)) {
		sayStatus(w, http.StatusUnauthorized, "Unauthorized", "stranger", "assent does not know who this is; use a kubeconfig that `assent kubeconfig` wrote")
		return
	}
	decoder, _, err := s.find(connectCall(target))
	if err != nil {
		decoder = nil // judge says so
	}
	s.judge(w, r, incoming{caller: who, target: target, scheme: mount.To.Scheme, decoder: decoder, rawTarget: raw})
}

// known tells who calls: by a certificate that our authority signed, or by
// Proxy-Authorization as everywhere. Authorization is the cluster's.
func (s *Server) known(r *http.Request) (who caller, why string) {
	const repair = "use a kubeconfig that `assent kubeconfig` wrote"
	proof := r.Header.Get("Proxy-Authorization")
	r.Header.Del("Proxy-Authorization")
	who, shown, err := s.certified(r.TLS)
	switch {
	case shown && err == nil:
		return who, ""
	case shown && proof == "":
		return who, "assent does not know who this is: a client certificate that is not of assent's authority cannot pass through a gateway (" + err.Error() + "); " + repair
	}
	var ok bool
	if who.actor, who.run, ok = s.cfg.Authenticator.Authenticate(proof); !ok {
		if proof == "" && s.prover() != nil {
			return caller{stranger: true, from: r.RemoteAddr}, "" // the call may carry a proof
		}
		return who, "assent does not know who this is; " + repair
	}
	return who, ""
}

// mounted finds the mount of a request target and writes the target that the
// upstream is to get: the mount's own path, and the rest byte for byte.
func (s *Server) mounted(target string) (m Mount, raw string, ok bool) {
	for _, m := range s.cfg.Mounts {
		rest, below := strings.CutPrefix(target, m.Prefix)
		if !below || rest != "" && rest[0] != '/' && rest[0] != '?' {
			continue
		}
		raw = strings.TrimSuffix(m.To.EscapedPath(), "/") + rest
		if raw == "" || raw[0] == '?' {
			raw = "/" + raw
		}
		return m, raw, true
	}
	return Mount{}, "", false
}

func (s *Server) mounts() string {
	var all []string
	for _, m := range s.cfg.Mounts {
		all = append(all, m.Prefix)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// retarget is the request as the upstream will see it. Everything that judges or
// forwards reads these fields, so there is one truth.
func retarget(r *http.Request, raw, host string) (*http.Request, error) {
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		return r, err
	}
	out := *r
	out.URL, out.RequestURI, out.Host = u, raw, host
	return &out, nil
}

// sayStatus answers as an API server does: kubectl prints nothing else.
func sayStatus(w http.ResponseWriter, code int, reason, word, message string) {
	body, err := json.Marshal(status{"Status", "v1", "Failure", oneLine(message), reason, code})
	if err != nil {
		say(w, code, word, message)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set(headerAssent, word)
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
