package sigv4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// ErrDiffers: the signer and this package do not agree on what the request says.
var ErrDiffers = errors.New("the call cannot be signed anew as it is written")

// Signed is what signing anew has to change.
type Signed struct {
	// Header holds the new values of Authorization, X-Amz-Date and X-Amz-Security-Token.
	// What it does not have is taken out of the request; nil for a presigned URL.
	Header http.Header
	// Target is the new path and query: another one for a presigned URL alone.
	Target string
	// chunks is how the signatures inside of the body go on; nil: there are none.
	chunks *chunkKeys
}

// Again signs a checked request with other credentials, as of now; a presigned URL
// keeps its time and its end. Nothing but the signature changes.
func (c Checked) Again(ctx context.Context, creds aws.Credentials, now time.Time) (Signed, error) {
	if c.Presigned {
		return c.presign(ctx, creds)
	}
	now = now.UTC().Truncate(time.Second)
	out := c.bare()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // the path is canonical already
	if err := signer.SignHTTP(ctx, creds, out, c.payload, c.Service, c.Region, now); err != nil {
		return Signed{}, fmt.Errorf("signing anew: %w", err)
	}
	s := Signed{Target: c.request.Target, Header: http.Header{}}
	for _, name := range []string{"Authorization", headerDate, headerToken} {
		if v := out.Header.Get(name); v != "" {
			s.Header.Set(name, v)
		}
	}
	r := c.request
	r.Header = r.Header.Clone()
	s.Apply(r.Header)
	again, err := c.compare(r, creds, now)
	if err != nil {
		return Signed{}, err
	}
	if c.payload == chunkSigned || c.payload == chunkSignedTrailer {
		s.chunks = &chunkKeys{from: newChain(c.Signature, c.secret), to: newChain(again, creds.SecretAccessKey), trailer: c.payload == chunkSignedTrailer}
	}
	return s, nil
}

// Apply writes the new values into the header that is forwarded.
func (s Signed) Apply(h http.Header) {
	if s.Header == nil {
		return
	}
	for _, name := range []string{"Authorization", headerDate, headerToken} {
		h.Del(name)
		if v := s.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
}

// Changed names what is not as it came.
func (s Signed) Changed() []string {
	var out []string
	for _, name := range []string{"Authorization", headerDate, headerToken} {
		if s.Header != nil && (s.Header.Get(name) != "" || name != headerToken) {
			out = append(out, name)
		}
	}
	if s.Header == nil {
		out = append(out, "X-Amz-Credential", headerToken, querySignature)
	}
	if s.chunks != nil {
		out = append(out, "chunk-signature")
	}
	return out
}

// bare is the request with the headers that the caller signed and no others: which
// of them are covered is the caller's statement, not ours.
func (c Checked) bare() *http.Request {
	h := http.Header{}
	length := int64(0)
	for _, name := range c.Signed {
		key := canonicalKey(name)
		switch key {
		case "Host", headerDate, headerToken, "Authorization":
		case "Content-Length": // the signer takes it from elsewhere
			length, _ = strconv.ParseInt(c.request.Header.Get(key), 10, 64)
			if length <= 0 {
				h["Content-Length"] = c.request.Header[key]
			}
		default:
			if values, ok := c.request.Header[key]; ok {
				h[key] = append([]string(nil), values...)
			} else {
				h[key] = []string{""}
			}
		}
	}
	return &http.Request{
		Method: c.request.Method, Host: c.request.Host, Header: h, ContentLength: length,
		URL: &url.URL{Scheme: "https", Host: c.request.Host, Opaque: "//host" + c.reading.path, RawQuery: c.reading.query},
	}
}

// compare checks what was signed anew with our own eyes.
func (c Checked) compare(r Request, creds aws.Credentials, now time.Time) (Signature, error) {
	s, err := Parse(r)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrDiffers, err)
	}
	again, err := Check(r, s, creds.SecretAccessKey, now)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrDiffers, err)
	}
	if again.reading.path != c.reading.path || again.payload != c.payload {
		return s, ErrDiffers
	}
	return s, nil
}

// presign makes the signature of a URL anew, in its place.
func (c Checked) presign(ctx context.Context, creds aws.Credentials) (Signed, error) {
	out := c.bare()
	query, err := url.ParseQuery(c.reading.query)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrDiffers, err)
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", headerDate, "X-Amz-SignedHeaders", headerToken} {
		query.Del(name) // the signer writes them
	}
	out.URL.RawQuery = query.Encode()
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping, o.DisableHeaderHoisting = true, true })
	signed, _, err := signer.PresignHTTP(ctx, creds, out, c.payload, c.Service, c.Region, c.At)
	if err != nil {
		return Signed{}, fmt.Errorf("signing a URL anew: %w", err)
	}
	_, raw, _ := strings.Cut(signed, "?")
	values, err := queryOf(raw)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrDiffers, err)
	}
	r := c.request
	r.Target = r.path() + "?" + replaced(r.query(), values)
	if _, err := c.compare(r, creds, c.At); err != nil {
		return Signed{}, err
	}
	return Signed{Target: r.Target}, nil
}

// replaced puts new values into the parts of a query that sign it, and leaves every
// other byte of it where it is.
func replaced(raw string, values map[string]string) string {
	var parts []string
	for part := range strings.SplitSeq(raw, "&") {
		k, _, _ := strings.Cut(part, "=")
		switch name, _ := url.QueryUnescape(k); name {
		case "X-Amz-Credential", querySignature:
			part = k + "=" + encode(values[name], false)
		case headerToken:
			continue
		}
		parts = append(parts, part)
	}
	if token := values[headerToken]; token != "" {
		parts = append(parts, headerToken+"="+encode(token, false))
	}
	return strings.Join(parts, "&")
}
