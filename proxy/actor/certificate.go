package actor

import (
	"crypto/x509"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/model"
)

const (
	uriScheme = "assent"
	uriHost   = "actor"
)

// URI is how a client certificate names its actor, and the run that it belongs
// to: assent://actor/deploy-agent?run=run_….
func URI(actor model.Actor, run string) *url.URL {
	q := url.Values{}
	if run != "" {
		q.Set("run", run)
	}
	if actor.Kind != "" {
		q.Set("kind", string(actor.Kind))
	}
	for _, f := range actor.For {
		q.Add("for", f)
	}
	return &url.URL{Scheme: uriScheme, Host: uriHost, Path: "/" + actor.ID, RawPath: "/" + url.PathEscape(actor.ID), RawQuery: q.Encode()}
}

// OfCertificate reads what URI wrote. Whoever calls it MUST have verified the
// certificate.
func OfCertificate(cert *x509.Certificate) (model.Actor, string, bool) {
	if len(cert.URIs) != 1 {
		return model.Actor{}, "", false
	}
	u := cert.URIs[0]
	id := strings.TrimPrefix(u.Path, "/")
	if u.Scheme != uriScheme || u.Host != uriHost || id == "" {
		return model.Actor{}, "", false
	}
	q := u.Query()
	return model.Actor{ID: id, Kind: model.ActorKind(q.Get("kind")), For: q["for"], Authn: "run-certificate"}, q.Get("run"), true
}

// AuthenticateCertificate knows an actor by a certificate that our own authority
// signed: whoever has the authority's key may name anybody.
func (*Tokens) AuthenticateCertificate(cert *x509.Certificate) (model.Actor, string, bool) {
	return OfCertificate(cert)
}
