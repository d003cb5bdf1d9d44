package proxy

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/model"
)

// attesting knows tokens, certificates of assent's authority, and those of a foreign
// one, as whom their URI names.
type attesting struct {
	namedTokens
	foreign *certs.Authority
}

func (attesting) AuthenticateCertificate(c *x509.Certificate) (model.Actor, string, bool) {
	return model.Actor{ID: "own:" + c.URIs[0].Host, Authn: "own"}, "run_c", true
}

func (a attesting) AuthenticateChain(chain []*x509.Certificate) (model.Actor, string, error) {
	if err := a.foreign.VerifyClient(chain[0]); err != nil {
		return model.Actor{}, "", err
	}
	if chain[0].URIs[0].Host == "nobody" {
		return model.Actor{}, "", errors.New("it names nobody")
	}
	return model.Actor{ID: "foreign:" + chain[0].URIs[0].Host, Authn: "foreign"}, "", nil
}

// A client that speaks TLS to the proxy is known by its certificate; one that is
// nobody's opens nothing, and a token still counts.
func TestAClientOfTheProxyIsKnownByItsCertificate(t *testing.T) {
	newAuthority := func() *certs.Authority {
		a, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	foreign, evil := newAuthority(), newAuthority()
	b := newBench(t, func(c *Config) { c.Authenticator = attesting{foreign: foreign} })
	up := b.upstream("open.governed.test", true, func(http.ResponseWriter, *http.Request) {})
	client := func(by *certs.Authority, name, token string) *http.Client {
		u := &url.URL{Scheme: "https", Host: b.addr}
		if token != "" {
			u.User = url.UserPassword("run", token)
		}
		conf := &tls.Config{RootCAs: b.ca}
		if by != nil {
			certPEM, key, err := by.Client(&url.URL{Scheme: "spiffe", Host: name}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair(certPEM, key)
			if err != nil {
				t.Fatal(err)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		tr := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: conf}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr, Timeout: 30 * time.Second}
	}
	for name, c := range map[string]struct {
		client *http.Client
		actor  string // empty: no tunnel
	}{
		"assent's authority":     {client(b.srv.cfg.Authority, "alice", ""), "own:alice"},
		"another that is known":  {client(foreign, "bob", ""), "foreign:bob"},
		"one that is not":        {client(evil, "bob", ""), ""},
		"one that names nobody":  {client(foreign, "nobody", ""), ""},
		"none, and a token":      {client(nil, "", "carol"), "carol"},
		"none, and no token":     {client(nil, "", ""), ""},
		"not known, and a token": {client(evil, "bob", "carol"), "carol"},
	} {
		before := len(b.gate.calls())
		status, text, err := send(t, c.client, "POST", "https://"+up+"/x", "")
		calls := b.gate.calls()
		switch {
		case c.actor == "" && (err == nil || !strings.Contains(err.Error(), "Proxy Authentication Required") || len(calls) != before):
			t.Errorf("%s: %d %s %v", name, status, text, err)
		case c.actor != "" && (err != nil || status != http.StatusOK || calls[len(calls)-1].Actor.ID != c.actor):
			t.Errorf("%s: %d %s %v", name, status, text, err)
		}
	}
}

// What an authority has signed for clients is good no longer once another is in its
// place: also a certificate that was seen, and believed, before.
func TestACertificateOfAnAuthorityThatWasReplacedIsNobodys(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Authenticator = attesting{foreign: c.Authority} })
	certPEM, _, err := b.srv.cfg.Authority.Client(&url.URL{Scheme: "assent", Host: "alice"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.srv.ours(cert); err != nil {
		t.Fatal(err)
	}
	next, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.srv.cfg.Authority.Replace(next)
	if err := b.srv.ours(cert); err == nil {
		t.Error("a certificate of the authority that was replaced is still believed")
	}
}
