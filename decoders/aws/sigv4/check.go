package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"
)

func canonicalKey(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// Checked is a request whose signature was checked.
type Checked struct {
	Signature
	request Request
	reading canonical
	payload string
	secret  string // what it was checked with: its chunks are too
}

// Check recomputes the signature of a request. The request MUST be the one that s was
// parsed from. It fails with ErrSkewed, ErrWrong, or what cannot be checked.
func Check(r Request, s Signature, secret string, now time.Time) (Checked, error) {
	if why := s.Unsupported(); why != "" {
		return Checked{}, errors.New(why)
	}
	if err := s.timely(now); err != nil {
		return Checked{}, err
	}
	payload, err := s.payloadOf(r)
	if err != nil {
		return Checked{}, err
	}
	want, err := hex.DecodeString(s.Value)
	if err != nil || len(want) != sha256.Size {
		return Checked{}, ErrWrong
	}
	key := derive(secret, s.Day, s.Region, s.Service)
	headers := canonicalHeaders(r, s.Signed)
	for _, c := range readings(r, s.Service, s.Presigned) {
		text := strings.Join([]string{r.Method, c.path, c.query, headers, strings.Join(s.Signed, ";"), payload}, "\n")
		got := mac(key, strings.Join([]string{s.Algorithm, s.At.Format(timeFormat), s.Scope(), hashHex([]byte(text))}, "\n"))
		if subtle.ConstantTimeCompare(got, want) == 1 {
			return Checked{Signature: s, request: r, reading: c, payload: payload, secret: secret}, nil
		}
	}
	return Checked{}, ErrWrong
}

// timely: a signature is good for some minutes, a presigned URL as long as it says.
func (s Signature) timely(now time.Time) error {
	if s.At.Format(dateFormat) != s.Day {
		return fmt.Errorf("%w: its date and its scope differ", ErrSkewed)
	}
	if s.At.After(now.Add(maxSkew)) {
		return fmt.Errorf("%w: %s ahead of this machine's clock", ErrSkewed, s.At.Sub(now).Round(time.Second))
	}
	if !s.Presigned {
		if s.At.Before(now.Add(-maxSkew)) {
			return fmt.Errorf("%w: %s behind this machine's clock", ErrSkewed, now.Sub(s.At).Round(time.Second))
		}
		return nil
	}
	switch {
	case s.Expires <= 0 || s.Expires > maxExpires:
		return fmt.Errorf("%w: a presigned URL holds from 1 second to 7 days", ErrSkewed)
	case now.After(s.At.Add(s.Expires)):
		return fmt.Errorf("%w: the presigned URL has expired", ErrSkewed)
	}
	return nil
}

// payloadOf is what stands in the signature for the body. A hash that is named has
// to be the body's, where the body is at hand; of a streamed body the upstream
// checks it, as the header that names it is signed.
func (s Signature) payloadOf(r Request) (string, error) {
	named := s.Payload
	if named == "" {
		switch {
		case s.Presigned && ofS3(s.Service):
			return UnsignedPayload, nil
		case r.Streamed:
			return "", errors.New("the body is streamed, and its hash is not named (X-Amz-Content-Sha256)")
		}
		return hashHex(r.Body), nil
	}
	if named == UnsignedPayload || strings.HasPrefix(named, streaming) || r.Streamed {
		return named, nil
	}
	if named != hashHex(r.Body) {
		return "", fmt.Errorf("%w: X-Amz-Content-Sha256 is not the body's hash", ErrWrong)
	}
	return named, nil
}

func derive(secret, day, region, service string) []byte {
	return mac(mac(mac(mac([]byte("AWS4"+secret), day), region), service), terminator)
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
