// Package truststore writes trust bundles in the one shape that Java reads: a
// PKCS #12 store of trusted certificates, for -Djavax.net.ssl.trustStore.
package truststore

import (
	"errors"
	"fmt"
	"io"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/assent-iom/assent/certs"
)

// Password is what stores are written with when there is nothing to protect:
// the certificates in them are public, and "changeit" is what Java tools expect.
const Password = "changeit"

// Encode turns a PEM bundle (certs.Bundle) into a PKCS #12 trust store (AES-256,
// HMAC-SHA-256: Java 8u301, 11.0.12 and later). A certificate that Go cannot
// parse is left out.
func Encode(rand io.Reader, bundle []byte, password string) ([]byte, error) {
	roots, _ := certs.Parse(bundle)
	if len(roots) == 0 {
		return nil, errors.New("building a Java trust store: there is no certificate in the bundle")
	}
	entries := make([]pkcs12.TrustStoreEntry, len(roots))
	for i, c := range roots {
		// Java keys entries by alias: two roots with one name must not collide.
		entries[i] = pkcs12.TrustStoreEntry{Cert: c, FriendlyName: fmt.Sprintf("%04d %s", i, c.Subject.CommonName)}
	}
	store, err := pkcs12.Modern.WithRand(rand).EncodeTrustStoreEntries(entries, password)
	if err != nil {
		return nil, fmt.Errorf("building a Java trust store: %w", err)
	}
	return store, nil
}
