package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// decoded checks what MUST hold for any body: reading it takes no more memory than
// its bound; and if it was read, it can be written as JSON (the ledger will), and
// holds no more than a bounded multiple of the body.
func decoded(t *testing.T, protocol string, body []byte, h ...string) {
	if got, bound, _ := costs(protocol, body, header(h...)); got > bound {
		t.Fatalf("%d bytes took %d, more than %d", len(body), got, bound)
	}
	in, err := DecodeInput(operation(), protocol, decoders.Call{Method: "POST", URL: &url.URL{}, Header: header(h...), Body: body}, Options{})
	if err != nil {
		return
	}
	out, err := json.Marshal(in.Params)
	if err != nil {
		t.Fatalf("params cannot be written: %v", err)
	}
	if len(out) > 4096+32*len(body) {
		t.Fatalf("%d bytes became %d", len(body), len(out))
	}
	if len(in.Unknown) > MaxUnknown {
		t.Fatalf("%d unknown paths", len(in.Unknown))
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"Action=Do&Version=2020-01-01&Name=a+b&Count=5&Names.member.1=x&Names.member.2=y",
		"Tags.entry.1.key=a&Tags.entry.1.value=b&Again.Again.On=true&At=2024-01-01T00%3A00%3A00Z",
		"Names=&Data=AAEC&Ratio=NaN&X-Amz-Signature=1", "a=1&a=2", "Again=1&Again.Name=2", "%zz", "&&=&=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		decoded(t, Query, []byte(body))
		decoded(t, EC2, []byte(body))
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"Name":"a","Count":9007199254740993,"Ratio":"NaN","On":true,"At":1.5,"Data":"AAEC","Any":{"x":[1,null]}}`,
		`{"Names":["a",null],"Tags":{"a":"b"},"Again":{"Again":{"Name":"b"}}}`, `{"a":1,"a":2}`, `{"At":1e-999999999}`, `{"Count":1e999}`, `null`, `[`, `{"Name":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, protocol := range []string{JSON, RestJSON, RPCJSON} {
			decoded(t, protocol, body)
		}
		if v, err := parseJSON(body); err == nil && !json.Valid(body) {
			t.Fatalf("%q was read as %v", body, v)
		}
	})
}

func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		`<?xml version="1.0" encoding="UTF-8"?><Do xmlns="urn:x"><Name>a</Name><Names><member>b</member></Names></Do>`,
		`<Do><Tags><entry><key>a</key><value>b</value></entry></Tags><Again><On>true</On></Again></Do>`,
		`<!DOCTYPE a><Do/>`, `<Do><Name>&lt;</Name></Do>`, `<a/><b/>`, `<Do a="1" a="1"/>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		decoded(t, RestXML, body)
		for _, protocol := range []string{Query, EC2, RestXML} {
			_, _ = DecodeOutput(operation(), protocol, &decoders.Response{Body: body})
		}
	})
}

func FuzzCBOR(f *testing.F) {
	for _, seed := range []string{
		"\xa2\x64Name\x61a\x65Count\x1b\x00\x20\x00\x00\x00\x00\x00\x01", "\xbf\x64Name\x61a\xff", "\xa1\x62At\xc1\xfb\x41\xd9\x55\x55\x55\x55\x55\x55",
		"\xa1\x65Names\x82\x61a\xf6", "\xa1\x65Ratio\xf9\x7e\x00", "\xa1\x01\x02", "\xa1\x65Count\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", "\x9f",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) { decoded(t, CBOR, body) })
}

func FuzzChunked(f *testing.F) {
	for _, seed := range []string{
		"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "5;chunk-signature=" + strings.Repeat("ab", 32) + "\r\nhello\r\n0;chunk-signature=" + strings.Repeat("cd", 32) + "\r\n\r\n", "0\r\n\r\n", "ffffffff\r\n", "0\r\na:b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var payload []byte
		var trailer http.Header
		var err error
		if got := allocated(func() { payload, trailer, err = dechunk(body, maySign) }); got > MaxGrowth*len(body)+1<<20 {
			t.Fatalf("%d bytes took %d", len(body), got)
		}
		if err == nil && (len(payload) > len(body) || len(trailer) > maxTrailers) {
			t.Fatalf("%d bytes and %d trailers out of %d bytes", len(payload), len(trailer), len(body))
		}
	})
}

func FuzzGzip(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		decoded(t, JSON, body, "Content-Encoding", "gzip")
		if out, err := inflate(body); err == nil && len(out) > max(MinInflated, len(body)*MaxRatio) {
			t.Fatalf("%d bytes became %d", len(body), len(out))
		}
	})
}

func FuzzHeaderList(f *testing.F) {
	f.Add(`a, "b,c", "d\"e"`)
	f.Add(`Thu, 29 Feb 2024 00:00:00 GMT, Fri, 01 Mar 2024 00:00:00 GMT`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, part := range splitHeader(text, names.Elem) {
			if len(part) > len(text) || !strings.Contains(text, "\\") && !strings.Contains(text, part) {
				t.Fatalf("%q is not in %q", part, text)
			}
		}
	})
}

func FuzzScrub(f *testing.F) {
	f.Add(pem)
	f.Add("AKIAIOSFODNN7EXAMPLE " + key)
	f.Fuzz(func(t *testing.T, text string) {
		clean, found := Scrub(text)
		if found == (clean == text) {
			t.Fatalf("%q became %q", text, clean)
		}
		for _, p := range patterns {
			if p.re.MatchString(clean) {
				t.Fatalf("%q still holds %s", clean, p.re)
			}
		}
	})
}
