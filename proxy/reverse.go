package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"golang.org/x/net/netutil"

	"github.com/assent-iom/assent/model"
)

// Reverse says which server a listener stands for, and for whom: whatever is sent
// to it is a call to that server, and judged as one. It is for clients that can be
// given an endpoint (--endpoint-url, AWS_ENDPOINT_URL) and nothing else. A signature
// over the Host header is one over the listener's name: a cloud that checks it has
// to be reached with calls that are signed anew; emulators do not check.
type Reverse struct {
	// To is the server: an http or https URL without a path. A decoder MUST claim its
	// host.
	To *url.URL
	// Actor is who calls, where a client can prove nothing; without an ID the
	// Proxy-Authorization header tells, as everywhere.
	Actor model.Actor
}

// reverseConnections bounds what one reverse listener has open: who they are is
// known only after the head of a request. At 64 KiB each this is 64 MiB.
const reverseConnections = 1024

// Check says why a listener cannot stand for a server.
func (s *Server) Check(r Reverse) error {
	_, err := s.reverseTarget(r)
	return err
}

func (s *Server) reverseTarget(r Reverse) (authority, error) {
	if err := (Upstream{Hosts: "*", To: r.To}).Check(); err != nil {
		return authority{}, err
	}
	target, err := parseAuthority(r.To.Host, defaultPort(r.To.Scheme))
	if err != nil {
		return authority{}, fmt.Errorf("proxy: reverse to %s: %w", r.To.Redacted(), err)
	}
	switch d, governed := s.claimed(target); {
	case d == nil && governed:
		return authority{}, fmt.Errorf("proxy: reverse to %s: more than one platform claims it", r.To.Host)
	case d == nil:
		return authority{}, fmt.Errorf("proxy: reverse to %s: no platform claims it, so nothing could be judged", r.To.Host)
	}
	return target, nil
}

// ServeReverse answers in the place of a server until Shutdown, and then returns
// nil. It speaks TLS, with a certificate for its own address, and to clients on
// this machine plain HTTP too.
func (s *Server) ServeReverse(l net.Listener, r Reverse) error {
	target, err := s.reverseTarget(r)
	if err != nil {
		return err
	}
	s.listens(l)
	secured := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: s.cfg.Authority.Own}
	server := s.plainServer(func(w http.ResponseWriter, req *http.Request) { s.reverse(w, req, r, target) })
	if !s.starts(server) {
		return nil
	}
	defer s.stops(server)
	d := newDoor(netutil.LimitListener(l, reverseConnections))
	defer d.Close()
	err = server.Serve(s.sort(d, func(c *earlyConn, said func() bool) net.Conn {
		if !said() {
			_ = c.Close()
			return nil
		}
		if c.early[0] == recordHandshake {
			return tls.Server(c, secured)
		}
		return c
	}))
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	d.Wait()
	return nil
}

// reverse is the handler: every request that comes to a reverse listener.
func (s *Server) reverse(w http.ResponseWriter, r *http.Request, from Reverse, target authority) {
	who := caller{actor: from.Actor}
	if from.Actor.ID == "" {
		var ok bool
		if who.actor, who.run, ok = s.cfg.Authenticator.Authenticate(r.Header.Get("Proxy-Authorization")); !ok {
			say(w, http.StatusUnauthorized, "stranger", "assent does not know who this is: send the token in Proxy-Authorization, or name the listener's actor in assent.yaml")
			return
		}
	}
	r.Header.Del("Proxy-Authorization")
	if s.draining.Load() {
		say(w, http.StatusServiceUnavailable, "shutting-down", "assent is shutting down")
		return
	}
	scheme, sni := "http", ""
	if r.TLS != nil {
		scheme, sni = "https", r.TLS.ServerName
	} else if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		say(w, http.StatusForbidden, "plain", "assent answers plain HTTP on this machine alone: use https")
		return
	}
	own, err := parseAuthority(r.Host, defaultPort(scheme))
	if err != nil {
		s.turnAway(w, r, who, cut(r.Host, 255), err.Error(), http.StatusBadRequest)
		return
	}
	if why, status := disagreement(r, own, scheme, sni); why != "" {
		s.turnAway(w, r, who, own.hostPort(), why, status)
		return
	}
	raw := r.RequestURI
	if r, err = retarget(r, raw, target.host(from.To.Scheme)); err != nil {
		s.turnAway(w, r, who, own.hostPort(), "a request target that cannot be read", http.StatusBadRequest)
		return
	}
	decoder, _ := s.claimed(target)
	s.judge(w, r, incoming{caller: who, target: target, scheme: from.To.Scheme, decoder: decoder, rawTarget: raw})
}
