package sigv4

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// canonical is one reading of what a request says, as it goes into the signature.
type canonical struct {
	path, query string
}

// readings returns the canonical forms that a client may have signed. AWS has one
// rule for each service; clients differ where a request is not written in its
// canonical form already, and AWS takes them: raw characters in the path of S3,
// dots and double slashes elsewhere, a plus sign in the query.
func readings(r Request, service string, presigned bool) []canonical {
	raw := r.path()
	var paths []string
	if ofS3(service) {
		paths = []string{raw, encodeOnce(raw)}
	} else {
		paths = []string{encode(clean(raw), true), encode(raw, true), raw}
	}
	var out []canonical
	for _, plus := range []bool{true, false} {
		q, changed := canonicalQuery(r.query(), presigned, plus)
		for _, p := range paths {
			if c := (canonical{p, q}); !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
		if !changed {
			break
		}
	}
	return out
}

// ofS3 reports whether a service signs paths as they are: an object's key is no path.
func ofS3(service string) bool {
	return service == "s3" || strings.HasPrefix(service, "s3-") || service == "s3express"
}

// encode writes each byte that is not unreserved (RFC 3986) as %XX.
func encode(s string, slash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~', slash && c == '/':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

// encodeOnce is the path decoded and encoded again; a path that cannot be decoded
// is left as it is.
func encodeOnce(p string) string {
	plain, err := url.PathUnescape(p)
	if err != nil {
		return p
	}
	return encode(plain, true)
}

// clean takes out dots and double slashes, and keeps a slash at the end.
func clean(p string) string {
	c := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}

// canonicalQuery decodes, encodes and sorts. hasPlus reports whether the meaning of a
// plus sign made a difference.
func canonicalQuery(raw string, presigned, plusIsSpace bool) (out string, hasPlus bool) {
	type pair struct{ k, v string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		hasPlus = hasPlus || strings.Contains(part, "+")
		k, v, _ := strings.Cut(part, "=")
		k, v = again(k, plusIsSpace), again(v, plusIsSpace)
		if presigned && k == querySignature {
			continue
		}
		pairs = append(pairs, pair{k, v})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.k, b.k); c != 0 {
			return c
		}
		return strings.Compare(a.v, b.v)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.k)
		b.WriteByte('=')
		b.WriteString(p.v)
	}
	return b.String(), hasPlus
}

// again decodes a part of a query and encodes it strictly. What is no escape is
// taken as it is.
func again(s string, plusIsSpace bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		case s[i] == '+' && plusIsSpace:
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return encode(b.String(), false)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// canonicalHeaders are the signed headers, each value trimmed and with single
// spaces. A signed header that the request does not have is empty: so signs AWS.
func canonicalHeaders(r Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(':')
		if name == "host" {
			b.WriteString(r.Host)
		} else {
			for i, v := range r.Header[canonicalKey(name)] {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(single(v))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func single(v string) string {
	v = strings.Trim(v, " \t")
	for strings.Contains(v, "  ") {
		v = strings.ReplaceAll(v, "  ", " ")
	}
	return v
}
