package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync/atomic"
	"time"
)

// backdate is how far before now a certificate becomes valid, for clients whose
// clock is behind (containers and suspended laptops).
const backdate = time.Hour

// defaultLifetime of a CA that nobody saves: longer than any run.
const defaultLifetime = 7 * 24 * time.Hour

// maxLifetime bounds a CA's life to what platforms still accept (two years).
const maxLifetime = 2 * 365 * 24 * time.Hour

// Config is what an Authority is made from.
type Config struct {
	// Now is the clock. It is required.
	Now func() time.Time
	// Rand is the source of keys and serials: crypto/rand.Reader. It is required.
	Rand io.Reader
	// Lifetime of the CA certificate; zero means seven days, the maximum is two
	// years. Leaves never outlive the CA.
	Lifetime time.Duration
	// CommonName is what people see in a certificate viewer; empty means "Assent".
	CommonName string
}

// Authority issues the certificates of hosts. It is safe for concurrent use.
type Authority struct {
	// next takes its place: see Replace.
	next atomic.Pointer[Authority]

	now  func() time.Time
	rand io.Reader

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte

	leaves *leafCache
}

// New makes a CA with a fresh key.
func New(cfg Config) (*Authority, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("making the CA's key: %w", err)
	}
	serial, err := newSerial(cfg.Rand)
	if err != nil {
		return nil, err
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	now := cfg.Now().UTC()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: cfg.CommonName, Organization: []string{"Assent local CA"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(cfg.Lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs hosts, never another CA
		SubjectKeyId:          id,
		AuthorityKeyId:        id,
	}
	der, err := x509.CreateCertificate(cfg.Rand, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("signing the CA: %w", err)
	}
	return newAuthority(cfg, der, key)
}

func (cfg *Config) check() error {
	switch {
	case cfg.Now == nil:
		return errors.New("certs: no clock")
	case cfg.Rand == nil:
		return errors.New("certs: no source of randomness")
	case cfg.Lifetime < 0 || cfg.Lifetime > maxLifetime:
		return fmt.Errorf("certs: a CA lifetime of %s: want at most %s", cfg.Lifetime, maxLifetime)
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = defaultLifetime
	}
	if cfg.CommonName == "" {
		cfg.CommonName = "Assent"
	}
	return nil
}

func newAuthority(cfg Config, der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the CA certificate: %w", err)
	}
	a := &Authority{
		now: cfg.Now, rand: cfg.Rand, cert: cert, key: key,
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}
	a.leaves = newLeafCache(leavesKept)
	return a, nil
}

// PEM returns the CA's certificate. The key is not in it.
func (a *Authority) PEM() []byte { return append([]byte(nil), a.current().pem...) }

// Certificate returns the CA's certificate, parsed. Callers MUST NOT change it.
func (a *Authority) Certificate() *x509.Certificate { return a.current().cert }

// Replace puts another authority in the place of this one, for everybody who holds
// it: a key is exchanged, and no connection dropped. What the old one has signed for
// clients is good no longer.
func (a *Authority) Replace(by *Authority) { a.next.Store(by.current()) }

func (a *Authority) current() *Authority {
	if next := a.next.Load(); next != nil {
		return next
	}
	return a
}

// newSerial returns a random serial of 128 bits (CA/B baseline asks for 64),
// positive and never zero.
func newSerial(rand io.Reader) (*big.Int, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("drawing a serial: %w", err)
	}
	n := new(big.Int).SetBytes(b[:])
	if n.Sign() == 0 {
		n.SetInt64(1)
	}
	return n, nil
}

// keyID is method 1 of RFC 7093: the leftmost 160 bits of the SHA-256 of the key.
func keyID(pub *ecdsa.PublicKey) ([]byte, error) {
	point, err := pub.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding a public key: %w", err)
	}
	sum := sha256.Sum256(point)
	return sum[:20], nil
}
