package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
)

// SystemBundles returns where systems keep their root certificates in one PEM
// file, in the order in which Bundle tries them (the list of Go's crypto/x509).
func SystemBundles() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7 and later
		"/etc/ssl/cert.pem",                                 // Alpine, macOS, OpenBSD
		"/usr/local/etc/ssl/cert.pem",                       // FreeBSD
		"/usr/local/share/certs/ca-root-nss.crt",            // FreeBSD, DragonFly
		"/etc/openssl/certs/ca-certificates.crt",            // NetBSD
		"/etc/certs/ca-certificates.crt",                    // Solaris, illumos
	}
}

// Bundle returns one PEM file with the certificates of the first candidate that
// exists, of every extra file's content, and of ca, each certificate once. A
// machine without any candidate gets a bundle without system roots: governed
// hosts work, others do not.
func Bundle(candidates []string, extra [][]byte, ca []byte) ([]byte, error) {
	var out bytes.Buffer
	seen := map[[sha256.Size]byte]bool{}
	for _, path := range candidates {
		data, err := readBounded(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading system roots: %w", err)
		}
		if addPEM(&out, seen, data) > 0 {
			break
		}
	}
	for i, data := range extra {
		if addPEM(&out, seen, data) == 0 && len(bytes.TrimSpace(data)) > 0 && !hasCertificate(data) {
			return nil, fmt.Errorf("extending trust bundle %d: there is no PEM certificate in it", i+1)
		}
	}
	if !hasCertificate(ca) {
		return nil, errors.New("building a trust bundle: the CA is not a PEM certificate")
	}
	addPEM(&out, seen, ca)
	return out.Bytes(), nil
}

// addPEM copies certificates that were not seen yet and returns how many there
// were. What is not a certificate (comments, keys) is left out; a certificate
// that Go cannot parse is kept, since other clients may.
func addPEM(out *bytes.Buffer, seen map[[sha256.Size]byte]bool, data []byte) int {
	added := 0
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return added
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		sum := sha256.Sum256(block.Bytes)
		if seen[sum] {
			continue
		}
		seen[sum] = true
		added++
		block.Headers = nil
		out.Write(pem.EncodeToMemory(block))
	}
}

func hasCertificate(data []byte) bool {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return false
		}
		if block.Type == "CERTIFICATE" {
			return true
		}
	}
}

// Parse returns the certificates of a bundle that Go can read, and how many it
// cannot.
func Parse(bundle []byte) (certs []*x509.Certificate, skipped int) {
	for {
		var block *pem.Block
		block, bundle = pem.Decode(bundle)
		if block == nil {
			return certs, skipped
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			skipped++
			continue
		}
		certs = append(certs, c)
	}
}
