// Package anchor has a time-stamping authority (RFC 3161) say when a ledger's signed head
// was there. Like a witness it is somebody else's word; unlike one it says nothing of
// whether the ledger grew, and it needs nobody who knows the ledger.
//
// # What it promises
//
//   - A token is taken only if it is of the very bytes of the head, answers this request
//     (its nonce), and its signature holds.
//   - Check wants, besides, that the authority's certificate is for time-stamping and
//     leads to one of the given roots at the time that it says.
//   - The answer is kept whole, as it came: openssl ts -verify reads it.
package anchor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// The bounds of one request: tokens with their certificates are some kilobytes, and have
// to fit into an entry of a ledger.
const (
	MaxToken  = 24 << 10
	maxNonce  = 64 // bits
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

// Stamp is what an authority says.
type Stamp struct {
	Token []byte    // TimeStampResp, DER
	At    time.Time // when, by the authority's clock
}

// Ask has an authority stamp a signed head.
func Ask(ctx context.Context, client *http.Client, url string, head []byte) (Stamp, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), maxNonce))
	if err != nil {
		return Stamp{}, fmt.Errorf("asking for a time-stamp: %w", err)
	}
	query, err := timestamp.CreateRequest(bytes.NewReader(head), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return Stamp{}, fmt.Errorf("asking for a time-stamp: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(query))
	if err != nil {
		return Stamp{}, fmt.Errorf("asking for a time-stamp: %w", err)
	}
	req.Header.Set("Content-Type", queryType)
	resp, err := client.Do(req)
	if err != nil {
		return Stamp{}, fmt.Errorf("asking for a time-stamp: %w", err)
	}
	defer resp.Body.Close()
	token, err := io.ReadAll(io.LimitReader(resp.Body, MaxToken+1))
	switch {
	case err != nil:
		return Stamp{}, fmt.Errorf("asking for a time-stamp: %w", err)
	case resp.StatusCode != http.StatusOK:
		return Stamp{}, fmt.Errorf("%s answers %s, and no time-stamp", url, resp.Status)
	case len(token) > MaxToken:
		return Stamp{}, fmt.Errorf("%s answers more than %d bytes", url, MaxToken)
	}
	stamp, err := parse(token, head)
	if err != nil {
		return Stamp{}, fmt.Errorf("the answer of %s (%s): %w", url, replyType, err)
	}
	if stamp.Nonce == nil || stamp.Nonce.Cmp(nonce) != 0 {
		return Stamp{}, fmt.Errorf("%s answers another request", url)
	}
	return Stamp{token, stamp.Time.UTC()}, nil
}

// parse reads a token, whose signature holds, of some bytes.
func parse(token, head []byte) (_ *timestamp.Timestamp, err error) {
	defer func() {
		if r := recover(); r != nil { // a reader of ASN.1 that is not ours
			err = fmt.Errorf("it cannot be read: %v", r)
		}
	}()
	if len(token) > MaxToken {
		return nil, fmt.Errorf("it has %d bytes, the limit is %d", len(token), MaxToken)
	}
	stamp, err := timestamp.ParseResponse(token)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(head)
	switch {
	case stamp.HashAlgorithm != crypto.SHA256 || !bytes.Equal(stamp.HashedMessage, sum[:]):
		return nil, errors.New("it is of something else")
	case len(stamp.Certificates) == 0:
		return nil, errors.New("it has no certificate")
	case stamp.Time.IsZero():
		return nil, errors.New("it says no time")
	}
	return stamp, nil
}

// Check verifies a token of a signed head against the roots of authorities, and returns
// the time that it says.
func Check(token, head []byte, roots *x509.CertPool) (time.Time, error) {
	stamp, err := parse(token, head)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time-stamp: %w", err)
	}
	signed, err := pkcs7.Parse(stamp.RawToken)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time-stamp: %w", err)
	}
	by := signed.GetOnlySigner() // a certificate that did not sign is worth nothing
	if by == nil {
		return time.Time{}, errors.New("the time-stamp: it has not one signer whose certificate is there")
	}
	between := x509.NewCertPool()
	for _, c := range signed.Certificates {
		between.AddCert(c)
	}
	if _, err := by.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: stamp.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}}); err != nil {
		return time.Time{}, fmt.Errorf("the time-stamp's authority: %w", err)
	}
	return stamp.Time.UTC(), nil
}
