package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/decoders"
)

// opening is how a client asks for a tunnel, and reads what became of it.
type opening interface {
	// word stands for the way in a record: CONNECT, SOCKS.
	word() string
	// opened tells the client that what it sends now goes to the target.
	opened(io.Writer) error
	// failed tells it that there is no tunnel, and why where there is room for it.
	failed(io.Writer, turndown)
}

// turndown is why a tunnel is not opened.
type turndown struct {
	status  int    // as HTTP has it
	code    string // as in X-Assent
	message string // one line
}

// admit decides whether a tunnel may be opened, and whether it will be looked
// into. A tunnel that is admitted MUST be carried.
func (s *Server) admit(ctx context.Context, who caller, way opening, host string) (*tunnel, *turndown) {
	t := &tunnel{caller: who, opening: way, done: make(chan struct{})}
	if no := s.admitTo(t, host); no != nil {
		return nil, no
	}
	return t, s.enterTunnel(ctx, t)
}

// admitTo finds a tunnel's target, and whether it is governed.
func (s *Server) admitTo(t *tunnel, host string) *turndown {
	var err error
	if t.target, err = parseAuthority(host, "443"); err != nil {
		return &turndown{http.StatusBadRequest, "bad-target", oneLine(err.Error())}
	}
	t.decoder, t.governed = s.claimed(t.target)
	return nil
}

// enterTunnel counts a tunnel to a target that it may have. If it does, carry MUST
// follow.
func (s *Server) enterTunnel(ctx context.Context, t *tunnel) *turndown {
	if t.caller.stranger && (t.decoder == nil || !s.admitsStrangers(t.target.host("https"))) {
		return &turndown{http.StatusProxyAuthRequired, "stranger", unknownCaller}
	}
	if !t.governed && s.cfg.Egress == EgressDeny {
		return s.egressDenied(ctx, t)
	}
	if who := t.caller.account(); !s.tunnels.enter(who) {
		return &turndown{http.StatusTooManyRequests, "limit", s.met(boundTunnels, who, fmt.Sprintf("has %d tunnels open", s.cfg.Limits.Tunnels))}
	}
	return nil
}

// claimed finds the decoder of a host. A doubtful host, which two decoders claim,
// is governed and has none: its calls are refused one by one.
func (s *Server) claimed(target authority) (d decoders.Decoder, governed bool) {
	d, _, err := s.find(connectCall(target))
	return d, d != nil || err != nil
}

func (s *Server) egressDenied(ctx context.Context, t *tunnel) *turndown {
	why := "the host is not governed, and egress is denied"
	s.turnedAway(ctx, t.caller, t.opening.word(), t.target.hostPort(), why, http.StatusForbidden)
	return &turndown{http.StatusForbidden, "egress", "assent refused " + t.target.hostPort() + ": " + why + " (egress: deny in assent.yaml); it is policy, not an outage"}
}

// carry serves a tunnel to its end, on a connection that nobody else looks after.
func (s *Server) carry(t *tunnel, c net.Conn) {
	t.Conn = c
	defer s.tunnels.leave(t.caller.account())
	defer func() {
		if p := recover(); p != nil { // net/http does not recover for us here
			s.cfg.Log.Error("a tunnel panicked", zap.Any("panic", p), zap.String("host", t.target.hostPort()))
			_ = c.Close()
		}
	}()
	if t.governed {
		s.openGoverned(t)
	} else {
		s.openBlind(t)
	}
}

func connectCall(target authority) decoders.Call {
	return decoders.Call{Method: http.MethodConnect, Scheme: "https", Host: target.host("https"), URL: &url.URL{}, Header: http.Header{}}
}

// overCONNECT is the opening of RFC 9110 §9.3.6.
type overCONNECT struct{}

func (overCONNECT) word() string { return http.MethodConnect }

func (overCONNECT) opened(w io.Writer) error {
	_, err := io.WriteString(w, "HTTP/1.1 200 Connection established\r\n\r\n")
	return err
}

func (overCONNECT) failed(w io.Writer, no turndown) {
	body := no.message + "\n"
	// A client that has left does not read it.
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n%s: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		no.status, http.StatusText(no.status), headerAssent, no.code, len(body), body)
}
