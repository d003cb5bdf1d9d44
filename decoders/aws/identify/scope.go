package identify

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

// scope is what a call's signature says: who, where and to which service. It is
// read, not verified.
type scope struct {
	Kind    string // sigv4, sigv4a, sigv2, presigned, presigned-v2, bearer; empty: unsigned
	Key     string // access key id
	Region  string
	Service string // signing name
	Set     bool   // Region may be several, and patterns: version 4A
}

// parseScope reads the Authorization header or the presigned query. Two of them
// are a contradiction: AWS refuses them too.
func parseScope(c decoders.Call, q query) (scope, error) {
	auth := c.Header.Values("Authorization")
	if len(auth) > 1 {
		return scope{}, errors.New("the call carries two Authorization headers")
	}
	credential, presigned := q.get("X-Amz-Credential")
	key, v2 := q.get("AWSAccessKeyId")
	if len(auth) == 1 {
		if presigned {
			return scope{}, errors.New("the call is signed both in its header and in its URL")
		}
		return parseAuthorization(auth[0], strings.Join(c.Header.Values("X-Amz-Region-Set"), ","))
	}
	if presigned {
		if q.count("X-Amz-Credential") > 1 {
			return scope{}, errors.New("the URL carries two X-Amz-Credential")
		}
		s, err := parseCredential(credential, "presigned")
		algorithm, _ := q.get("X-Amz-Algorithm")
		if strings.HasPrefix(algorithm, "AWS4-ECDSA") {
			s, err = parseCredentialV4A(credential, "presigned")
			s.Region, _ = q.get("X-Amz-Region-Set")
			s.Set = true
		}
		return s, err
	}
	if v2 {
		s := scope{Kind: "presigned-v2", Key: key}
		if !q.has("SignatureVersion") { // with it, a query API such as SimpleDB
			s.Service = "s3"
		}
		return s, nil
	}
	return scope{}, nil
}

func parseAuthorization(h, regionSet string) (scope, error) {
	kind, rest, _ := strings.Cut(h, " ")
	switch {
	case strings.HasPrefix(kind, "AWS4-"):
		credential, ok := parameter(rest, "Credential")
		if !ok {
			return scope{}, errors.New("the Authorization header carries no Credential")
		}
		if strings.HasPrefix(kind, "AWS4-ECDSA") {
			s, err := parseCredentialV4A(credential, "sigv4a")
			s.Region, s.Set = regionSet, true
			return s, err
		}
		return parseCredential(credential, "sigv4")
	case kind == "AWS":
		key, _, _ := strings.Cut(rest, ":")
		return scope{Kind: "sigv2", Key: key, Service: "s3"}, nil
	case strings.EqualFold(kind, "Bearer"):
		return scope{Kind: "bearer"}, nil
	}
	return scope{Kind: "other"}, nil
}

// signsWhatDecides refuses a signed S3 call with an x-amz- header that decides
// which operation it is and that its signature does not cover: S3 wants them all
// signed, and what stands between may have added it.
func (c *call) signsWhatDecides(r *router) error {
	var signed string
	switch c.scope.Kind {
	case "sigv4", "sigv4a":
		_, rest, _ := strings.Cut(c.Header.Get("Authorization"), " ")
		signed, _ = parameter(rest, "SignedHeaders")
	case "presigned":
		signed, _ = c.q.get("X-Amz-SignedHeaders")
	default:
		return nil // version 2 covers them all, and an unsigned call none
	}
	for name := range r.headers {
		if !strings.HasPrefix(name, "x-amz-") || c.Header.Get(name) == "" {
			continue
		}
		if !strings.Contains(";"+strings.ToLower(signed)+";", ";"+name+";") {
			return fmt.Errorf("header %s decides which call this is, and is not signed", name)
		}
	}
	return nil
}

func parameter(s, name string) (string, bool) {
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, ",")
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// parseCredential reads KEY/DATE/REGION/SERVICE/aws4_request from the right: an
// access key id might hold a slash.
func parseCredential(credential, kind string) (scope, error) {
	p := strings.Split(credential, "/")
	n := len(p)
	if n < 5 || p[n-1] != "aws4_request" {
		return scope{}, fmt.Errorf("credential scope is not KEY/DATE/REGION/SERVICE/aws4_request")
	}
	return scope{Kind: kind, Key: strings.Join(p[:n-4], "/"), Region: p[n-3], Service: p[n-2]}, nil
}

func parseCredentialV4A(credential, kind string) (scope, error) {
	p := strings.Split(credential, "/")
	n := len(p)
	if n < 4 || p[n-1] != "aws4_request" {
		return scope{}, fmt.Errorf("credential scope is not KEY/DATE/SERVICE/aws4_request")
	}
	return scope{Kind: kind, Key: strings.Join(p[:n-3], "/"), Service: p[n-2]}, nil
}

// Account reads the account id that access key ids made since about 2019 carry
// in their first characters. Older keys give none.
func Account(key string) (string, bool) {
	if len(key) < 20 || (key[:4] != "AKIA" && key[:4] != "ASIA") {
		return "", false
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key[4:20])
	if err != nil || len(raw) < 6 {
		return "", false
	}
	var n uint64
	for _, b := range raw[:6] {
		n = n<<8 | uint64(b)
	}
	if n>>47 == 0 { // the old form: these keys do not carry an account
		return "", false
	}
	return fmt.Sprintf("%012d", (n&0x7fffffffff80)>>7), true
}

// query is a raw query string, scanned without building a map.
type query string

// each calls f with every decoded pair until it returns false.
func (q query) each(f func(key, value string, bare bool) bool) {
	rest := string(q)
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "&")
		if part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !f(unescape(k), unescape(v), !ok || v == "") {
			return
		}
	}
}

func (q query) get(name string) (value string, ok bool) {
	q.each(func(k, v string, _ bool) bool {
		if k == name {
			value, ok = v, true
		}
		return !ok
	})
	return value, ok
}

func (q query) has(name string) bool { _, ok := q.get(name); return ok }

func (q query) count(name string) (n int) {
	q.each(func(k, _ string, _ bool) bool {
		if k == name {
			n++
		}
		return true
	})
	return n
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
