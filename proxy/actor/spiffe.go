package actor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/assent-iom/assent/model"
)

// AuthnMTLS is the evidence of a client certificate: the actor's id is its SPIFFE id.
const AuthnMTLS = "mtls"

const (
	// lookAgain is how soon a changed bundle is noticed.
	lookAgain = 2 * time.Second
	// maxChainCerts bounds what a client may show.
	maxChainCerts = 8
	// maxTrustDomains bounds the bundles.
	maxTrustDomains = 64
)

// SPIFFE knows actors by client certificates with a SPIFFE id (an X.509-SVID), under
// the bundle of its trust domain. The bundles are files, which whoever runs the trust
// domain renews; one that cannot be read leaves the one before it in force. It is
// safe for concurrent use.
type SPIFFE struct {
	now     func() time.Time
	trouble func(error)

	mu      sync.Mutex // guards all below
	domains map[spiffeid.TrustDomain]*trust
	looked  time.Time
}

type trust struct {
	path   string
	seen   stamp
	bundle *x509bundle.Bundle
}

// stamp tells a file from what it was.
type stamp struct {
	size int64
	at   time.Time
}

// NewSPIFFE reads the bundles: trust domain → file in PEM. trouble is told of one that
// can no longer be read.
func NewSPIFFE(bundles map[string]string, now func() time.Time, trouble func(error)) (*SPIFFE, error) {
	if now == nil || trouble == nil || len(bundles) > maxTrustDomains {
		return nil, fmt.Errorf("spiffe: no clock, nobody to tell of trouble, or more than %d trust domains", maxTrustDomains)
	}
	s := &SPIFFE{now: now, trouble: trouble, domains: map[spiffeid.TrustDomain]*trust{}, looked: now()}
	for name, path := range bundles {
		domain, err := spiffeid.TrustDomainFromString(name)
		if err != nil {
			return nil, fmt.Errorf("spiffe: trust domain %q: %w", name, err)
		}
		t := &trust{path: path}
		if err := t.read(domain); err != nil {
			return nil, err
		}
		s.domains[domain] = t
	}
	return s, nil
}

// read takes a bundle from its file, if that is another than before.
func (t *trust) read(domain spiffeid.TrustDomain) error {
	info, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("reading the bundle of %s: %w", domain, err)
	}
	if seen := (stamp{info.Size(), info.ModTime()}); seen != t.seen {
		bundle, err := x509bundle.Load(domain, t.path)
		if err != nil {
			return fmt.Errorf("reading the bundle of %s: %w", domain, err)
		}
		if bundle.Empty() {
			return fmt.Errorf("reading the bundle of %s: %s holds no certificate", domain, t.path)
		}
		t.bundle, t.seen = bundle, seen
	}
	return nil
}

// GetX509BundleForTrustDomain implements x509bundle.Source.
func (s *SPIFFE) GetX509BundleForTrustDomain(domain spiffeid.TrustDomain) (*x509bundle.Bundle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.looked) >= lookAgain {
		s.looked = now
		for d, t := range s.domains {
			if err := t.read(d); err != nil {
				s.trouble(err)
			}
		}
	}
	t, ok := s.domains[domain]
	if !ok {
		return nil, fmt.Errorf("the trust domain %s is not declared here", domain)
	}
	return t.bundle, nil
}

// AuthenticateChain knows whoever shows an X.509-SVID of a declared trust domain.
func (s *SPIFFE) AuthenticateChain(chain []*x509.Certificate) (model.Actor, error) {
	if len(chain) == 0 || len(chain) > maxChainCerts {
		return model.Actor{}, errors.New("no certificate, or more than a chain has")
	}
	if !mayBeClient(chain[0]) {
		return model.Actor{}, errors.New("the certificate is not for clients")
	}
	id, _, err := x509svid.Verify(chain, s, x509svid.WithTime(s.now()))
	if err != nil {
		return model.Actor{}, err
	}
	return model.Actor{ID: id.String(), Authn: AuthnMTLS}, nil
}

// mayBeClient: go-spiffe takes a certificate for any use, and a server's is no proof
// of who calls.
func mayBeClient(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	for _, use := range c.ExtKeyUsage {
		if use == x509.ExtKeyUsageClientAuth || use == x509.ExtKeyUsageAny {
			return true
		}
	}
	return false
}
