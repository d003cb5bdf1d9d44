package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// maxClientLifetime bounds a client certificate: nothing takes it back before
// its end.
const maxClientLifetime = 30 * 24 * time.Hour

// Client signs a certificate that is good for one thing: to show, as a client,
// that one is who. It comes with its key, both in PEM; neither is kept.
func (a *Authority) Client(who *url.URL, lifetime time.Duration) (certPEM, keyPEM []byte, err error) {
	a = a.current()
	if who == nil || who.Scheme == "" {
		return nil, nil, errors.New("signing a client certificate: for nobody")
	}
	if lifetime <= 0 || lifetime > maxClientLifetime {
		return nil, nil, fmt.Errorf("signing a client certificate: a lifetime of %s: want at most %s", lifetime, maxClientLifetime)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), a.rand)
	if err != nil {
		return nil, nil, fmt.Errorf("making a client's key: %w", err)
	}
	serial, err := newSerial(a.rand)
	if err != nil {
		return nil, nil, err
	}
	now := a.now().UTC()
	template := &x509.Certificate{
		SerialNumber: serial,
		URIs:         []*url.URL{who},
		NotBefore:    later(now.Add(-backdate), a.cert.NotBefore),
		NotAfter:     earlier(now.Add(lifetime), a.cert.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		// Not for servers: a leaf of a host is no actor, and an actor is no host.
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(a.rand, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a client certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("writing a client's key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// VerifyClient checks that a client's certificate is one that this authority
// signed with Client, and still good.
func (a *Authority) VerifyClient(cert *x509.Certificate) error {
	a = a.current()
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: a.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return fmt.Errorf("verifying a client's certificate: %w", err)
	}
	return nil
}
