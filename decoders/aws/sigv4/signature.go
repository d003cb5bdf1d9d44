package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	hmacAlgorithm  = "AWS4-HMAC-SHA256"
	ecdsaPrefix    = "AWS4-ECDSA"
	terminator     = "aws4_request"
	timeFormat     = "20060102T150405Z"
	dateFormat     = "20060102"
	headerDate     = "X-Amz-Date"
	headerToken    = "X-Amz-Security-Token"
	headerPayload  = "X-Amz-Content-Sha256"
	querySignature = "X-Amz-Signature"

	// UnsignedPayload stands in the place of a body's hash where the body is not
	// covered by the signature.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	streaming       = "STREAMING-"
	// The forms of bodies that are sent in chunks, each with a signature of its own;
	// -TRAILER: headers follow the last chunk.
	chunkSigned        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	chunkSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	// chunkUnsignedTrailer: chunks and trailers without signatures.
	chunkUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

	// maxSkew is how far a signature's time may be from ours, as at AWS.
	maxSkew = 15 * time.Minute
	// maxExpires is the longest life of a presigned URL.
	maxExpires = 7 * 24 * time.Hour
	// maxSigned bounds the signed headers of a call.
	maxSigned = 64
)

var (
	// ErrUnsigned: the request carries no AWS signature.
	ErrUnsigned = errors.New("the call is not signed")
	// ErrWrong: the signature is not the one that the key makes of this request.
	ErrWrong = errors.New("the signature does not match the call")
	// ErrSkewed: the signature's time is not now.
	ErrSkewed = errors.New("the signature is from another time")
)

// Request is what arrived, and will be forwarded.
type Request struct {
	Method string
	Host   string // the Host header, as it was sent
	Target string // path and query, byte for byte
	Header http.Header
	// Body is the whole body, unless it is Streamed.
	Body     []byte
	Streamed bool
}

func (r Request) path() string {
	p, _, _ := strings.Cut(r.Target, "?")
	return p
}

func (r Request) query() string {
	_, q, _ := strings.Cut(r.Target, "?")
	return q
}

// Signature is what a request says of how it is signed.
type Signature struct {
	Algorithm string
	Key       string // access key id
	Day       string // of the scope: 20261129
	Region    string // empty for SigV4A, which has a set of them
	Service   string // signing name
	Presigned bool   // in the URL
	At        time.Time
	Expires   time.Duration // of a presigned URL
	Signed    []string      // names of headers, in lower case and in order
	Value     string        // 64 hexadecimal digits
	Payload   string        // the body's hash as the header names it, or a word; empty: not named
}

// Scope is what the key is derived for.
func (s Signature) Scope() string {
	return strings.Join([]string{s.Day, s.Region, s.Service, terminator}, "/")
}

// Unsupported says why a signature of this kind cannot be checked; "" means that it
// can.
func (s Signature) Unsupported() string {
	switch {
	case strings.HasPrefix(s.Algorithm, ecdsaPrefix):
		return "it is signed with SigV4A, which holds in several regions and needs a key of its own kind"
	case s.Algorithm != hmacAlgorithm:
		return "it is signed with " + word(s.Algorithm)
	case strings.HasPrefix(s.Payload, streaming) && s.Payload != chunkSigned && s.Payload != chunkSignedTrailer && s.Payload != chunkUnsignedTrailer:
		return "its body is signed as " + word(s.Payload)
	}
	return ""
}

// word makes what a client wrote fit to be said.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && r != '"' {
			return r
		}
		return -1
	}, s)
	if len(s) > 64 {
		s = s[:64]
	}
	if s == "" {
		return "something unknown"
	}
	return s
}

// Parse reads the signature of a request. A request that is signed twice, or in a
// way that cannot be read, is an error; one without any is ErrUnsigned.
func Parse(r Request) (Signature, error) {
	if len(r.Header["Authorization"]) > 1 || len(r.Header[headerDate]) > 1 || len(r.Header[headerPayload]) > 1 {
		return Signature{}, errors.New("the call has one of the headers of its signature twice")
	}
	auth := r.Header.Get("Authorization")
	params, err := queryOf(r.query())
	if err != nil {
		return Signature{}, err
	}
	_, presigned := params["X-Amz-Algorithm"]
	inHeader := strings.HasPrefix(auth, "AWS4-")
	switch {
	case inHeader && presigned:
		return Signature{}, errors.New("the call is signed both in its header and in its URL")
	case inHeader:
		return ofHeader(auth, r.Header)
	case presigned:
		return ofQuery(params, r.Header)
	}
	return Signature{}, ErrUnsigned
}

func ofHeader(auth string, h http.Header) (Signature, error) {
	s := Signature{Payload: h.Get(headerPayload)}
	var rest string
	s.Algorithm, rest, _ = strings.Cut(auth, " ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[k]; !ok || twice {
			return s, errors.New("the Authorization header cannot be read")
		}
		fields[k] = v
	}
	if len(fields) != 3 {
		return s, errors.New("the Authorization header is not Credential, SignedHeaders and Signature")
	}
	return s.complete(fields["Credential"], h.Get(headerDate), fields["SignedHeaders"], fields["Signature"])
}

// queryOf returns the decoded values of the parameters that sign a URL. One that is
// there twice is an error.
func queryOf(raw string) (map[string]string, error) {
	out := map[string]string{}
	for part := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(k)
		if err != nil || !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		value, err := url.QueryUnescape(v)
		if _, twice := out[name]; twice || err != nil {
			return nil, fmt.Errorf("the parameter %s of the URL cannot be read", word(name))
		}
		out[name] = value
	}
	return out, nil
}

func ofQuery(params map[string]string, h http.Header) (Signature, error) {
	s := Signature{Algorithm: params["X-Amz-Algorithm"], Presigned: true, Payload: params[headerPayload]}
	if s.Payload == "" {
		s.Payload = h.Get(headerPayload)
	}
	seconds, err := strconv.ParseUint(params["X-Amz-Expires"], 10, 32)
	if err != nil && params["X-Amz-Expires"] != "" {
		return s, errors.New("X-Amz-Expires of the URL is no number of seconds")
	}
	s.Expires = time.Duration(seconds) * time.Second
	return s.complete(params["X-Amz-Credential"], params[headerDate], params["X-Amz-SignedHeaders"], params[querySignature])
}

// complete reads the four parts that both forms have.
func (s Signature) complete(credential, at, signed, value string) (Signature, error) {
	p := strings.Split(credential, "/")
	n := len(p)
	parts := 5 // KEY/DAY/REGION/SERVICE/aws4_request
	if strings.HasPrefix(s.Algorithm, ecdsaPrefix) {
		parts = 4 // no region
	}
	if n < parts || p[n-1] != terminator {
		return s, errors.New("the credential's scope cannot be read")
	}
	s.Key, s.Day, s.Service = strings.Join(p[:n-parts+1], "/"), p[n-parts+1], p[n-2]
	if parts == 5 {
		s.Region = p[n-3]
	}
	var err error
	if s.At, err = time.Parse(timeFormat, at); err != nil {
		return s, errors.New("X-Amz-Date is missing, or no time")
	}
	s.Signed = strings.Split(signed, ";")
	if len(s.Signed) > maxSigned || !slices.IsSorted(s.Signed) || !slices.Contains(s.Signed, "host") {
		return s, errors.New("SignedHeaders is not a sorted list with host in it")
	}
	for i, name := range s.Signed {
		if name == "" || strings.ToLower(name) != name || i > 0 && s.Signed[i-1] == name {
			return s, errors.New("SignedHeaders is not a list of names in lower case, each once")
		}
	}
	s.Value = value
	return s, nil
}

func hashHex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
