package proxy

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzTarget: a target that passes as faithful is written again byte for byte.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "//a//b", "/?", "/%zz?%zz", "//[x]{y}", "/a#b", "/ü", "//ü?q", "/x?a=b;c", "///", "/:80", "//@", "http://h/x", "http://h?x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, err := url.ParseRequestURI(raw) // as net/http does
		if err != nil {
			return
		}
		target := pathOf(raw)
		if !faithful(target, parsed) {
			return
		}
		u := &url.URL{Scheme: "https", Host: "h"}
		setTarget(u, target, parsed)
		if got := u.RequestURI(); got != target {
			t.Fatalf("%q is written as %q", target, got)
		}
	})
}

// FuzzEndToEnd: no header that ends at this hop gets through, whatever Connection
// says, and nothing else is lost but what it names.
func FuzzEndToEnd(f *testing.F) {
	f.Add("close, X-A", "x-a", "1")
	f.Add("keep-alive,,Upgrade", "Transfer-Encoding", "chunked")
	f.Fuzz(func(t *testing.T, connection, name, value string) {
		h := http.Header{"Connection": {connection}}
		h.Add(name, value)
		out := endToEnd(h)
		for k := range out {
			if k != "Te" && hopByHop(k) {
				t.Fatalf("%q got through", k)
			}
		}
		upgradeOf(&http.Request{ProtoMajor: 1, Header: h})
	})
}
