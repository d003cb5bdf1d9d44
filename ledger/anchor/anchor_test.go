package anchor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// noon is now: authorities sign by the real clock.
var noon = time.Now().UTC().Truncate(time.Second)

// authority is a root, and what it has certified.
type authority struct {
	root *x509.Certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string, usage ...x509.ExtKeyUsage) *authority {
	t.Helper()
	make := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, by = template, key
		}
		template.NotBefore, template.NotAfter = noon.Add(-time.Hour), noon.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	a := &authority{}
	var key *ecdsa.PrivateKey
	a.root, key = make(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	a.cert, a.key = make(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usage}, a.root, key)
	return a
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	return pool
}

// stamp signs a token of some bytes; change makes it otherwise.
func (a *authority) stamp(t testing.TB, head string, change func(*timestamp.Timestamp)) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(head))
	s := &timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: noon, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
	if change != nil {
		change(s)
	}
	token, err := s.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// borrowing is a token that one authority signs, with the certificate of another in it.
func borrowing(t *testing.T, by, from *authority) []byte {
	t.Helper()
	own, err := timestamp.ParseResponse(by.stamp(t, "head", nil))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pkcs7.Parse(own.RawToken)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pkcs7.NewSignedData(signed.Content)
	if err != nil {
		t.Fatal(err)
	}
	again.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	again.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
	if err := again.AddSigner(by.cert, by.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	again.AddCertificate(from.cert)
	token, err := again.Finish()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(answer, []byte("head"), by.roots()); err != nil {
		t.Fatalf("to whoever trusts its signer it is good: %v", err)
	}
	return answer
}

// A token is worth what its signer is: the very bytes, one signer, whose certificate is
// for time-stamping, valid then, and leads to a root that is given.
func TestATokenIsWorthWhatItsSignerIs(t *testing.T) {
	good := newAuthority(t, "good", x509.ExtKeyUsageTimeStamping)
	other := newAuthority(t, "other", x509.ExtKeyUsageTimeStamping)
	web := newAuthority(t, "web", x509.ExtKeyUsageServerAuth)
	if at, err := Check(good.stamp(t, "head", nil), []byte("head"), good.roots()); err != nil || !at.Equal(noon) {
		t.Fatalf("%s %v", at, err)
	}
	flipped := good.stamp(t, "head", nil)
	flipped[len(flipped)-10] ^= 1
	for name, c := range map[string]struct {
		token []byte
		roots *x509.CertPool
	}{
		"of other bytes":                              {good.stamp(t, "heap", nil), good.roots()},
		"of another authority":                        {other.stamp(t, "head", nil), good.roots()},
		"another's, with the right one's certificate": {borrowing(t, other, good), good.roots()},
		"by a certificate for something else":         {web.stamp(t, "head", nil), web.roots()},
		"when its certificate was not valid":          {good.stamp(t, "head", func(s *timestamp.Timestamp) { s.Time = noon.Add(2 * time.Hour) }), good.roots()},
		"without a certificate":                       {good.stamp(t, "head", func(s *timestamp.Timestamp) { s.AddTSACertificate = false }), good.roots()},
		"with a bit changed":                          {flipped, good.roots()},
		"cut":                                         {flipped[:len(flipped)/2], good.roots()},
		"too long":                                    {make([]byte, MaxToken+1), good.roots()},
		"nothing":                                     {nil, good.roots()},
	} {
		if at, err := Check(c.token, []byte("head"), c.roots); err == nil {
			t.Errorf("%s: %s", name, at)
		}
	}
}

// What an authority answers is held against what it was asked.
func TestAnAnswerIsToThisRequest(t *testing.T) {
	a := newAuthority(t, "a", x509.ExtKeyUsageTimeStamping)
	answers := map[string]func(*timestamp.Request) []byte{
		"": func(q *timestamp.Request) []byte {
			return a.stamp(t, "head", func(s *timestamp.Timestamp) { s.Nonce = q.Nonce })
		},
		"another request": func(q *timestamp.Request) []byte {
			return a.stamp(t, "head", func(s *timestamp.Timestamp) { s.Nonce = new(big.Int).Add(q.Nonce, big.NewInt(1)) })
		},
		"no nonce": func(*timestamp.Request) []byte { return a.stamp(t, "head", nil) },
		"other bytes": func(q *timestamp.Request) []byte {
			return a.stamp(t, "heap", func(s *timestamp.Timestamp) { s.Nonce = q.Nonce })
		},
		"a page":      func(*timestamp.Request) []byte { return []byte("<html>") },
		"without end": func(*timestamp.Request) []byte { return make([]byte, MaxToken+1) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		q, err := timestamp.ParseRequest(body)
		if err != nil || q.HashAlgorithm != crypto.SHA256 || !q.Certificates {
			t.Errorf("%+v %v", q, err)
			return
		}
		w.Write(answers[strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/"), "_", " ")](q))
	}))
	defer server.Close()
	for name := range answers {
		s, err := Ask(t.Context(), server.Client(), server.URL+"/"+strings.ReplaceAll(name, " ", "_"), []byte("head"))
		if (err == nil) != (name == "") || err == nil && !s.At.Equal(noon) {
			t.Errorf("%q: %+v %v", name, s.At, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	a := newAuthority(f, "a", x509.ExtKeyUsageTimeStamping)
	f.Add(a.stamp(f, "head", nil))
	f.Add([]byte{0x30, 0})
	roots, other := a.roots(), newAuthority(f, "b", x509.ExtKeyUsageTimeStamping).roots()
	f.Fuzz(func(t *testing.T, token []byte) {
		if _, err := Check(token, []byte("head"), other); err == nil {
			t.Error("a token that nobody signed")
		}
		_, _ = Check(token, []byte("head"), roots)
	})
}
