package proxy

import (
	"net/http"
	"reflect"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// hopByHop are the headers that end at each hop (RFC 9110 §7.6.1), and those
// that are addressed to a proxy.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Authentication-Info", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Http2-Settings":
		return true
	}
	return false
}

// endToEnd returns a copy of a header without what ends at this hop, including
// what Connection names. It is applied before a call is judged: a header that
// was judged and then dropped would be a hole.
func endToEnd(h http.Header) http.Header {
	named := map[string]bool{}
	for _, v := range h["Connection"] {
		for _, name := range strings.Split(v, ",") {
			named[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	out := make(http.Header, len(h)+2)
	for k, v := range h {
		if !hopByHop(k) && !named[k] {
			out[k] = append([]string(nil), v...)
		}
	}
	if httpguts.HeaderValuesContainsToken(h["Te"], "trailers") {
		out["Te"] = []string{"trailers"} // gRPC needs it
	}
	return out
}

// asksFirst reports whether a client waits to be told that its body is wanted.
// net/http takes the Expect of an h2 request out of its header and keeps it with
// the body alone, in a field that is not exported; what it holds is what was sent.
func asksFirst(r *http.Request) bool {
	if r.ProtoMajor != 2 || r.Body == nil {
		return strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	}
	body := reflect.Indirect(reflect.ValueOf(r.Body))
	if body.Kind() != reflect.Struct {
		return false
	}
	waits := body.FieldByName("needsContinue")
	return waits.Kind() == reflect.Bool && waits.Bool()
}

// upgradeOf returns the protocol that a request asks to switch to, if it is one
// whose stream belongs to the judged call: a WebSocket, or kubectl's SPDY. Any
// other (h2c, TLS) would carry requests that nobody judges: it is not passed on,
// which RFC 9110 allows, and the request is served without.
func upgradeOf(r *http.Request) string {
	if r.ProtoMajor != 1 || !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "Upgrade") {
		return ""
	}
	values := r.Header["Upgrade"]
	if len(values) != 1 {
		return ""
	}
	switch p := strings.TrimSpace(values[0]); strings.ToLower(p) {
	case "websocket", "spdy/3.1":
		return p
	}
	return ""
}

// asIs keeps net/http from adding what the answer did not have.
func asIs(h http.Header) {
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil
		}
	}
}

// requestID is the upstream's own id of a call.
func requestID(h http.Header) string {
	for _, name := range []string{
		"X-Amzn-Requestid", "X-Amz-Request-Id", "Audit-Id", "X-Goog-Request-Id", "X-Ms-Request-Id", "X-Guploader-Uploadid", "X-Request-Id",
	} {
		if id := h.Get(name); id != "" {
			return cut(id, 128)
		}
	}
	return ""
}
