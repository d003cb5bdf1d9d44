package actor

import (
	"context"
	"crypto/x509"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/proxy"
)

// Ways are all the ways in which an actor can be known. Those that are nil are not
// used. The zero value knows nobody.
type Ways struct {
	Tokens *Tokens
	Keys   *Keys
	// Anybody lets in who proves nothing, as nobody in particular: good for observing,
	// and denied by default when enforcing.
	Anybody bool
}

var (
	_ proxy.Authenticator = (*Ways)(nil)
	_ proxy.Certified     = (*Ways)(nil)
	_ proxy.Prover        = (*Ways)(nil)
)

// Authenticate knows who opens a connection by what stands in its Proxy-Authorization.
func (w *Ways) Authenticate(proxyAuthorization string) (model.Actor, string, bool) {
	if w.Tokens != nil {
		if a, run, ok := w.Tokens.Authenticate(proxyAuthorization); ok {
			return a, run, true
		}
	}
	return model.Actor{}, "", w.Anybody
}

// AuthenticateCertificate knows whom assent's own authority gave a certificate.
func (w *Ways) AuthenticateCertificate(cert *x509.Certificate) (model.Actor, string, bool) {
	return OfCertificate(cert)
}

// Opens: where a call can prove who makes it, a connection need not.
func (w *Ways) Opens(string) bool { return w.Keys != nil && !w.Keys.empty() }

// Prove knows who makes a call by what it carries.
func (w *Ways) Prove(ctx context.Context, c proxy.Carried) (proxy.Proof, bool, error) {
	if w.Keys == nil {
		return proxy.Proof{}, false, nil
	}
	return w.Keys.Prove(ctx, c)
}
