package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	// leafLifetime from now on; with backdate a leaf is valid for under seven days.
	leafLifetime = 6 * 24 * time.Hour
	// leafMargin is how long before its end a cached leaf is replaced, so that no
	// connection is opened with a certificate that is about to expire.
	leafMargin = 12 * time.Hour
	// leavesKept bounds the cache: a leaf is about 3 KiB, and no run talks to more
	// hosts than this in a while. A miss costs under a millisecond.
	leavesKept = 1024
	// maxDNSName is RFC 1035's limit for a whole name.
	maxDNSName = 253
)

// Leaf returns the certificate of a host: a DNS name or an IP address, without
// a port. The result is shared and MUST NOT be changed.
func (a *Authority) Leaf(host string) (*tls.Certificate, error) {
	a = a.current()
	name, ip, err := subject(host)
	if err != nil {
		return nil, err
	}
	return a.leaves.get(name, a.now(), func() (*tls.Certificate, error) { return a.issue(name, ip) })
}

// GetCertificate is Leaf for tls.Config: it answers with a leaf for the name
// that the client asks for. A client that names none is refused; whoever knows
// the address that it meant calls Leaf instead.
func (a *Authority) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		return nil, errors.New("the client named no host (no SNI)")
	}
	return a.Leaf(hello.ServerName)
}

// Own is GetCertificate for a server that answers by itself: a client that names
// no host gets a leaf for the address that it has reached.
func (a *Authority) Own(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != "" {
		return a.Leaf(hello.ServerName)
	}
	host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("a connection to no address: %w", err)
	}
	return a.Leaf(host)
}

// issue signs a new leaf.
func (a *Authority) issue(name string, ip netip.Addr) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), a.rand)
	if err != nil {
		return nil, fmt.Errorf("making a key for %s: %w", name, err)
	}
	serial, err := newSerial(a.rand)
	if err != nil {
		return nil, err
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	if !now.Before(a.cert.NotAfter) {
		return nil, fmt.Errorf("issuing a certificate for %s: the CA expired at %s", name, a.cert.NotAfter.Format(time.RFC3339))
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             later(now.Add(-backdate), a.cert.NotBefore),
		NotAfter:              earlier(now.Add(leafLifetime), a.cert.NotAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		SubjectKeyId:          id,
	}
	if ip.IsValid() {
		template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(a.rand, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate for %s: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading back the certificate of %s: %w", name, err)
	}
	// The CA is not sent: a client that trusts it has it, one that does not gains
	// nothing from it.
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// subject normalises a host and tells names from addresses.
func subject(host string) (string, netip.Addr, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(bare); err == nil {
		ip = ip.WithZone("").Unmap()
		return ip.String(), ip, nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "" || len(name) > maxDNSName {
		return "", netip.Addr{}, fmt.Errorf("host %.60q: a name has 1 to %d characters", host, maxDNSName)
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" || len(label) > 63 {
			return "", netip.Addr{}, fmt.Errorf("host %.60q: a label has 1 to 63 characters", host)
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", netip.Addr{}, fmt.Errorf("host %.60q: %q cannot be in a name", host, c)
			}
		}
	}
	return name, netip.Addr{}, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
