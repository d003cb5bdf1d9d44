package actor

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// Ways are all the ways in which an actor can be known. Those that are nil are not
// used. The zero value knows nobody but by a certificate of assent's own authority.
type Ways struct {
	Tokens     *Tokens
	Sessions   *Sessions
	SPIFFE     *SPIFFE
	Keys       *Keys
	Kubernetes *Kubernetes
	// Anybody lets in who proves nothing, as nobody in particular: good for observing,
	// and denied by default when enforcing.
	Anybody bool
}

var (
	_ proxy.Authenticator = (*Ways)(nil)
	_ proxy.Certified     = (*Ways)(nil)
	_ proxy.Attested      = (*Ways)(nil)
	_ proxy.Prover        = (*Ways)(nil)
)

// Authenticate knows who opens a connection by what stands in its Proxy-Authorization.
func (w *Ways) Authenticate(proxyAuthorization string) (model.Actor, string, bool) {
	if w.Tokens != nil {
		if a, run, ok := w.Tokens.Authenticate(proxyAuthorization); ok {
			return a, run, true
		}
	}
	if w.Sessions != nil {
		if a, run, ok := w.Sessions.Authenticate(proxyAuthorization); ok {
			return a, run, true
		}
	}
	return model.Actor{}, "", w.Anybody
}

// AuthenticateCertificate knows whom assent's own authority gave a certificate.
func (w *Ways) AuthenticateCertificate(cert *x509.Certificate) (model.Actor, string, bool) {
	return OfCertificate(cert)
}

// AuthenticateChain knows whom another authority that is declared gave a certificate.
func (w *Ways) AuthenticateChain(chain []*x509.Certificate) (model.Actor, string, error) {
	if w.SPIFFE == nil {
		return model.Actor{}, "", errors.New("no other authority is declared")
	}
	a, err := w.SPIFFE.AuthenticateChain(chain)
	return a, "", err
}

// Opens: where a call can prove who makes it, a connection need not.
func (w *Ways) Opens(host string) bool {
	if w.Kubernetes != nil && w.Kubernetes.knows(host) {
		return w.Kubernetes.opens(host)
	}
	return w.Keys != nil && !w.Keys.empty()
}

// Prove knows who makes a call by what it carries.
func (w *Ways) Prove(ctx context.Context, c proxy.Carried) (proxy.Proof, bool, error) {
	if w.Kubernetes != nil && w.Kubernetes.knows(c.Host) {
		return w.Kubernetes.Prove(ctx, c)
	}
	if w.Keys != nil {
		return w.Keys.Prove(ctx, c)
	}
	return proxy.Proof{}, false, nil
}
