package actor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// domain is the authority of a trust domain.
type domain struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newDomain(t *testing.T, name string) *domain {
	t.Helper()
	d := &domain{t: t}
	d.cert, d.key = d.issue(nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		URIs: []*url.URL{{Scheme: "spiffe", Host: name}},
	})
	return d
}

// issue signs a certificate, or makes one that signs itself.
func (d *domain) issue(by *domain, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = noon.Add(-time.Hour), noon.Add(time.Hour)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		d.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		d.t.Fatal(err)
	}
	return cert, key
}

// svid is a certificate of somebody in the domain, with a change.
func (d *domain) svid(id string, change func(*x509.Certificate)) *x509.Certificate {
	u, err := url.Parse(id)
	if err != nil {
		d.t.Fatal(err)
	}
	c := &x509.Certificate{URIs: []*url.URL{u}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(c)
	}
	cert, _ := d.issue(d, c)
	return cert
}

func (d *domain) bundle(path string) string {
	d.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.cert.Raw}), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func TestASPIFFEIdIsKnownUnderItsOwnTrustDomain(t *testing.T) {
	shop, bank := newDomain(t, "shop.example"), newDomain(t, "bank.example")
	dir := t.TempDir()
	s, err := NewSPIFFE(map[string]string{"shop.example": shop.bundle(filepath.Join(dir, "shop")), "bank.example": bank.bundle(filepath.Join(dir, "bank"))},
		func() time.Time { return noon }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	const id = "spiffe://shop.example/ns/ci/sa/deployer"
	if a, err := s.AuthenticateChain([]*x509.Certificate{shop.svid(id, nil)}); err != nil || a.ID != id || a.Authn != AuthnMTLS {
		t.Errorf("%+v, %v", a, err)
	}
	for name, cert := range map[string]*x509.Certificate{
		"signed by another domain's authority": bank.svid(id, nil),
		"of a domain that is not declared":     newDomain(t, "evil.example").svid("spiffe://evil.example/x", nil),
		"expired":                              shop.svid(id, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(-2*time.Hour), noon.Add(-time.Hour) }),
		"of a server alone":                    shop.svid(id, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"an authority's": shop.svid(id, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		}),
		"that may sign": shop.svid(id, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }),
		"with two ids": shop.svid(id, func(c *x509.Certificate) {
			c.URIs = append(c.URIs, &url.URL{Scheme: "spiffe", Host: "shop.example", Path: "/root"})
		}),
		"without an id":        shop.svid(id, func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"deployer"} }),
		"with a domain's id":   shop.svid("spiffe://shop.example", nil),
		"of assent's own kind": shop.svid("assent://actor/root", nil),
	} {
		if a, err := s.AuthenticateChain([]*x509.Certificate{cert}); err == nil && !strings.HasSuffix(name, "domain's id") {
			t.Errorf("a certificate %s is taken for %+v", name, a)
		} else if err == nil && a.ID != "spiffe://shop.example" {
			t.Errorf("a certificate %s is taken for %+v", name, a)
		}
	}
	if _, err := s.AuthenticateChain(nil); err == nil {
		t.Error("no certificate is taken for somebody")
	}
	if _, err := s.AuthenticateChain(make([]*x509.Certificate, maxChainCerts+1)); err == nil {
		t.Error("a chain without end is looked at")
	}
}

// A bundle that is renewed is in force soon; one that cannot be read changes nothing.
func TestABundleIsReadAgainWhenItChanges(t *testing.T) {
	before, after := newDomain(t, "shop.example"), newDomain(t, "shop.example")
	path := before.bundle(filepath.Join(t.TempDir(), "shop"))
	now, troubles := noon, 0
	s, err := NewSPIFFE(map[string]string{"shop.example": path}, func() time.Time { return now }, func(error) { troubles++ })
	if err != nil {
		t.Fatal(err)
	}
	knows := func(d *domain) bool {
		_, err := s.AuthenticateChain([]*x509.Certificate{d.svid("spiffe://shop.example/a", nil)})
		return err == nil
	}
	if !knows(before) || knows(after) {
		t.Fatal("the bundle is not the first one")
	}
	if err := os.WriteFile(path, []byte("half a bundle that is being written"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookAgain)
	if !knows(before) || troubles != 1 {
		t.Errorf("a bundle that cannot be read has ended the one before, or is not said (%d)", troubles)
	}
	after.bundle(path)
	if err := os.Chtimes(path, now.Add(time.Hour), now.Add(time.Hour)); err != nil { // clocks of file systems are coarse
		t.Fatal(err)
	}
	now = now.Add(lookAgain)
	if knows(before) || !knows(after) {
		t.Error("the renewed bundle is not in force")
	}
	for name, bundles := range map[string]map[string]string{"absent": {"shop.example": path + "x"}, "no domain": {"not a domain!": path}} {
		if _, err := NewSPIFFE(bundles, time.Now, func(error) {}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
