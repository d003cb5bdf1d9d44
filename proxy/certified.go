package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
)

// Certified may be implemented by an Authenticator that knows actors by their
// client certificates too. The proxy has verified what it hands over.
type Certified interface {
	AuthenticateCertificate(*x509.Certificate) (actor model.Actor, run string, ok bool)
}

// Attested may be implemented by an Authenticator that knows actors by certificates
// of other authorities than ours. It MUST verify the chain itself, the client's own
// certificate first; an error says why it is nobody's.
type Attested interface {
	AuthenticateChain(chain []*x509.Certificate) (actor model.Actor, run string, err error)
}

// asksForCertificate is how assent itself is spoken to over TLS. Any certificate may
// be shown: one that is nobody's gets an answer that says so, and not an alert.
func (s *Server) asksForCertificate(protos ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protos, ClientAuth: tls.RequestClientCert, GetCertificate: s.cfg.Authority.Own}
}

// certified tells who showed a certificate, if somebody did.
func (s *Server) certified(state *tls.ConnectionState) (who caller, shown bool, err error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return who, false, nil
	}
	chain := state.PeerCertificates
	by, ours := s.cfg.Authenticator.(Certified)
	others, theirs := s.cfg.Authenticator.(Attested)
	if !ours && !theirs {
		return who, false, nil // nobody here knows anybody by one
	}
	err = errors.New("it is not of assent's authority")
	if ours {
		if err = s.ours(chain[0]); err == nil {
			var ok bool
			if who.actor, who.run, ok = by.AuthenticateCertificate(chain[0]); ok {
				return who, true, nil
			}
			err = errors.New("it names no actor")
		}
	}
	if theirs {
		actor, run, other := others.AuthenticateChain(chain)
		if other == nil && actor.ID != "" {
			return caller{actor: actor, run: run}, true, nil
		}
		err = errors.Join(err, other)
	}
	return caller{}, true, err
}

// certificatesKept bounds what is remembered of certificates, at some hundred bytes each.
const certificatesKept = 4096

// certificates are those of our own authority that were verified, each until its end:
// a signature costs as much as the rest of what a gateway does with a call.
type certificates struct {
	mu    sync.Mutex // guards until
	until map[[sha256.Size]byte]time.Time
}

// ours verifies that a client's certificate is our authority's, and still good.
func (s *Server) ours(cert *x509.Certificate) error {
	// One that was verified counts for as long as the authority that signed it is ours.
	key, c := sha256.Sum256(slices.Concat(s.cfg.Authority.Certificate().Raw, cert.Raw)), &s.certificates
	c.mu.Lock()
	end, known := c.until[key]
	c.mu.Unlock()
	if known && s.cfg.Now().Before(end) {
		return nil
	}
	if err := s.cfg.Authority.VerifyClient(cert); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil || len(c.until) >= certificatesKept {
		c.until = map[[sha256.Size]byte]time.Time{}
	}
	c.until[key] = cert.NotAfter
	return nil
}

// announced tells who opens a connection to the proxy: by a certificate, or by
// Proxy-Authorization. Whoever brings neither is a stranger, who may prove itself by
// its calls where that is possible.
func (s *Server) announced(r *http.Request, proof string) (who caller, ok bool, why string) {
	who, shown, err := s.certified(r.TLS)
	if shown && err == nil {
		who.from = r.RemoteAddr
		return who, true, ""
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if who.actor, who.run, ok = s.recognise(proof, local, r.RemoteAddr); ok {
		return who, true, ""
	}
	if shown && proof == "" {
		return who, false, "assent does not know who this is: it does not believe the client certificate (" + oneLine(err.Error()) + ")"
	}
	return caller{stranger: true, from: r.RemoteAddr}, proof == "" && s.prover() != nil, unknownCaller
}
