package wire

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// headers takes the members that travel in headers.
func (r *reader) headers(s *table.Shape, h http.Header, params map[string]any) {
	for i := range s.Members {
		m := &s.Members[i]
		switch m.Location {
		case table.InHeader:
			if got := h[textproto.CanonicalMIMEHeaderKey(m.WireName)]; len(got) > 0 {
				params[m.Name] = r.header(m, got)
			}
		case table.InHeaders:
			if all := r.prefixed(m, h); len(all) > 0 {
				params[m.Name] = all
			}
		}
	}
}

func (r *reader) header(m *table.Member, got []string) any {
	p := (*path)(nil).child(m.Name)
	if m.Shape.Kind == table.List {
		var list []any
		for _, text := range splitHeader(strings.Join(got, ","), m.Shape.Elem) {
			list = append(list, r.headerText(m.Shape.Elem, text, p.item(len(list))))
		}
		return list
	}
	if len(got) > 1 && !r.tolerant {
		r.contradict("header %s %d times", m.WireName, len(got))
	}
	return r.headerText(m, got[0], p)
}

func (r *reader) headerText(m *table.Member, text string, p *path) any {
	if m.JSONValue {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			if v, err := parseJSON(raw); err == nil {
				return v
			}
		}
		r.note(p)
		return text
	}
	if m.Shape.Kind == table.Timestamp {
		v, ok := scalar(table.Timestamp, timestampFormat(m, rfc822), text)
		if !ok && !r.tolerant {
			r.note(p)
		}
		return v
	}
	return r.text(m, text, p)
}

// prefixed gathers the headers of one prefix. net/http does not keep the case of
// header names, and the services lower it too.
func (r *reader) prefixed(m *table.Member, h http.Header) map[string]any {
	all := map[string]any{}
	prefix := strings.ToLower(m.WireName)
	if m.WireName == m.Name {
		prefix = "" // the model's prefix is empty: all headers
	}
	for name, got := range h {
		rest, ok := strings.CutPrefix(strings.ToLower(name), prefix)
		if !ok || rest == "" {
			continue
		}
		if len(got) > 1 && !r.tolerant {
			r.contradict("header %s %d times", name, len(got))
		}
		all[rest] = r.text(m.Shape.Value, got[0], (*path)(nil).child(m.Name).child(rest))
	}
	return all
}

// splitHeader splits a list at its commas: those outside quotes, and every second
// one for HTTP dates, which hold a comma themselves.
func splitHeader(text string, elem *table.Member) []string {
	var parts []string
	dates := elem.Shape.Kind == table.Timestamp && timestampFormat(elem, rfc822) == rfc822
	quoted, start, commas := false, 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			if commas++; dates && commas%2 == 1 {
				continue
			}
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	parts = append(parts, text[start:])
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
			part = strings.ReplaceAll(strings.ReplaceAll(part[1:len(part)-1], `\"`, `"`), `\\`, `\`)
		}
		parts[i] = part
	}
	return parts
}

// framing are the x-amz headers that sign or frame a call: they ask for nothing.
var framing = map[string]bool{
	"X-Amz-Date": true, "X-Amz-Security-Token": true, "X-Amz-Content-Sha256": true, "X-Amz-Target": true,
	"X-Amz-User-Agent": true, "X-Amz-Trailer": true, "X-Amz-Decoded-Content-Length": true, "X-Amz-Te": true,
	"X-Amz-Region-Set": true, "X-Amz-Sdk-Checksum-Algorithm": true, "X-Amz-Api-Version": true,
	"X-Amz-Trailer-Signature": true, "X-Amz-S3session-Token": true, "X-Amz-Glacier-Version": true,
}

// ordinary are headers of HTTP, of proxies, of tracing and of SDKs: no operation
// takes one for a parameter that its model does not have. Those that end in - are
// prefixes.
var ordinary = []string{
	"Accept", "Accept-", "Amz-Sdk-", "Authorization", "B3", "Baggage", "Cache-Control", "Connection", "Content-", "Cookie", "Date", "Expect",
	"Forwarded", "From", "Host", "If-", "Keep-Alive", "Origin", "Pragma", "Priority", "Proxy-", "Range", "Referer", "Sec-", "Smithy-Protocol",
	"Te", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Uber-Trace-Id", "Upgrade", "Upgrade-", "User-Agent", "Via", "Warning",
	"X-Amzn-Query-Mode", "X-Amzn-Trace-Id", "X-B3-", "X-Client-", "X-Cloud-Trace-Context", "X-Datadog-", "X-Forwarded-", "X-Real-Ip", "X-Request-Id",
}

func isOrdinary(name string) bool {
	for _, o := range ordinary {
		if name == o || strings.HasSuffix(o, "-") && strings.HasPrefix(name, o) {
			return true
		}
	}
	return false
}

// strayHeaders names the headers that the model does not know: to S3, and to an
// operation that is newer than its model, they are parameters.
func (r *reader) strayHeaders(s *table.Shape, h http.Header, params map[string]any) {
	for name, got := range h {
		if framing[name] || isOrdinary(name) || inModel(s, name) {
			continue
		}
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-checksum-") {
			continue // a digest of the body, also where the model lists only some of them
		}
		r.keep(params, lower, strings.Join(got, ","), nil)
	}
}

func inModel(s *table.Shape, name string) bool {
	if s == nil {
		return false
	}
	for i := range s.Members {
		m := &s.Members[i]
		switch m.Location {
		case table.InHeader:
			if strings.EqualFold(m.WireName, name) {
				return true
			}
		case table.InHeaders:
			if len(name) > len(m.WireName) && strings.EqualFold(m.WireName, name[:len(m.WireName)]) {
				return true
			}
		}
	}
	return false
}
