package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// plainAlert is the length of an unencrypted TLS alert record.
const plainAlert = 7

// distrusted reports a failed handshake if the client says that our certificate
// is why. Other failures (a client that was stopped, a scanner) are none of the
// user's business.
func (s *Server) distrusted(t *tunnel, err error) {
	if alert, ok := plainDistrust(t.last); ok {
		err = fmt.Errorf("remote error: %w", alert)
	} else if !saysDistrust(err) {
		return
	}
	s.cfg.OnDistrust(t.target.hostPort(), err)
}

// errLeft is what is reported of a client that leaves without saying why.
var errLeft = errors.New("the client closed the connection as soon as it had seen the certificate")

// leftUnused looks at a tunnel that ended without a request: some clients
// (GnuTLS, thus git on Debian) finish the handshake first and judge our
// certificate after it. An alert that ended the tunnel is what every later read
// returns; without one, leaving at once a host that nobody talked to yet is
// telling enough. (A host that was talked to is trusted: connections that are
// opened ahead and never used belong to those.)
func (s *Server) leftUnused(t *tunnel, secure *tls.Conn, opened time.Time) {
	if t.used.Load() || s.draining.Load() {
		return
	}
	_, err := secure.Read(make([]byte, 1))
	if !saysDistrust(err) {
		if time.Since(opened) > leftAtOnce || s.trusted.has(t.target.hostPort()) {
			return
		}
		err = errLeft
	}
	s.cfg.OnDistrust(t.target.hostPort(), err)
}

// leftAtOnce is how soon a client leaves that does not like what it has seen.
const leftAtOnce = time.Second

// hostSet is a bounded set of hosts. When it is full it has every host: those
// that it forgets are the ones that nothing is said about.
type hostSet struct {
	mu    sync.Mutex // guards hosts
	hosts map[string]struct{}
}

func (h *hostSet) add(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hosts) < hostsCounted {
		h.hosts[host] = struct{}{}
	}
}

func (h *hostSet) has(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.hosts[host]
	return ok || len(h.hosts) >= hostsCounted
}

// plainDistrust reads an alert about a certificate that was sent in the clear:
// OpenSSL does so when it gives up before it has its keys for TLS 1.3, and
// crypto/tls, which expects it encrypted, reports a bad record instead.
func plainDistrust(record []byte) (tls.AlertError, bool) {
	if len(record) != plainAlert || record[0] != 0x15 || record[1] != 3 || record[3] != 0 || record[4] != 2 {
		return 0, false
	}
	switch alert := record[6]; alert { // RFC 8446 §6
	case 42, 43, 44, 45, 46, 48: // bad, unsupported, revoked, expired, unknown certificate; unknown CA
		return tls.AlertError(alert), true
	}
	return 0, false
}

// saysDistrust tells whether an error is the client's alert about a certificate.
// crypto/tls keeps the alert's type to itself; its text is all there is.
func saysDistrust(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Error(), "certificate")
}
