package identify

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

var labels = regexp.MustCompile(`\{[^}]*\}`)

// sent is a call as a client of an older API version writes it, with what is
// required of it.
func sent(t *testing.T, s *table.Service, op *table.Operation, b table.Binding, host string) decoders.Call {
	t.Helper()
	u, err := url.Parse("https://" + host + labels.ReplaceAllString(b.URI, "x"))
	if err != nil {
		t.Fatal(err)
	}
	c := decoders.Call{Method: b.Method, Scheme: "https", Host: host, URL: u, Header: http.Header{}}
	c.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20240101/us-east-1/"+s.SigningName+"/aws4_request, SignedHeaders=host, Signature=00")
	switch s.Protocols[0] {
	case "json", "smithy-rpc-v2-cbor":
		c.Header.Set("X-Amz-Target", s.TargetPrefix+"."+op.Name)
		c.Header.Set("Content-Type", "application/x-amz-json-1.1")
		c.Body = []byte("{}")
	case "query":
		c.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c.Body = []byte("Action=" + op.Name + "&Version=" + b.Version)
	}
	q := u.Query()
	if op.Input != nil {
		for _, m := range op.Input.Members {
			if m.Required && m.Location == table.InQuery {
				q.Set(m.WireName, "x")
			}
			if m.Required && m.Location == table.InHeader {
				c.Header.Set(m.WireName, "x")
			}
		}
	}
	u.RawQuery = q.Encode()
	return c
}

// What a client of other years sends is the operation of today where AWS still
// has it, under the version that the client was written for; what AWS has ended
// is known as that, and never taken for an operation that is alive.
func TestOlderBindingsAreKnown(t *testing.T) {
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	id := New(tbl)
	older, gone := 0, 0
	check := func(op *table.Operation, c decoders.Call, version string, ambiguousToo bool) {
		t.Helper()
		got, err := id.Identify(c)
		switch {
		case err != nil:
			t.Errorf("%s:%s at %s: %v", op.Service.Name, op.Name, c.URL, err)
		case got.Operation == nil && ambiguousToo && strings.HasPrefix(got.Why, "may be any of"):
		case got.Operation == nil:
			t.Errorf("%s:%s at %s %s is unknown: %s", op.Service.Name, op.Name, c.Method, c.URL, got.Why)
		case got.Operation != op && retired(op) && !retired(got.Operation) && (got.Name == op.Name || ambiguousToo && got.Operation.Access == op.Access):
			// chime:CreateChannel has moved to chime-sdk-messaging, at the same host and
			// path; without a host, three have got another name there too
		case got.Operation != op:
			t.Errorf("%s:%s at %s is taken for %s:%s", op.Service.Name, op.Name, c.URL, got.Service.Name, got.Name)
		case version != "" && got.APIVersion != version:
			t.Errorf("%s:%s at %s has version %q, want %q", op.Service.Name, op.Name, c.URL, got.APIVersion, version)
		}
	}
	for _, info := range tbl.Services() {
		s, err := info.Load()
		if err != nil {
			t.Fatal(err)
		}
		host := s.EndpointPrefix + ".us-east-1.amazonaws.com"
		for _, op := range s.Operations {
			for _, b := range op.Older {
				older++
				check(op, sent(t, s, op, b, host), b.Version, false)
				check(op, sent(t, s, op, b, "localhost:4566"), b.Version, true)
			}
			if retired(op) {
				gone++
				b := table.Binding{Version: s.APIVersions[len(s.APIVersions)-1], Method: op.Method, URI: op.URI}
				check(op, sent(t, s, op, b, op.HostPrefix+host), "", false)
				check(op, sent(t, s, op, b, "localhost:4566"), "", true)
			}
		}
	}
	if older < 500 || gone < 700 {
		t.Errorf("only %d older bindings and %d retired operations were looked at", older, gone)
	}
}
