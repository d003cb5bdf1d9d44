package wire

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// decodeREST reads an input that is spread over URI, query string, headers and body.
func (r *reader) decodeREST(op *table.Operation, protocol string, m message, opts Options, params map[string]any) error {
	pairs, err := parsePairs(m.query)
	if err != nil {
		return fmt.Errorf("query string: %w", err)
	}
	if op.Input == nil {
		r.restQuery(op, pairs, params)
		r.strayHeaders(nil, m.header, params)
		return r.strayBody(m, params)
	}
	r.labels(op.Input, op.Service != nil && op.Service.Name == "s3", opts.Labels, params)
	r.restQuery(op, pairs, params)
	r.headers(op.Input, m.header, params)
	r.strayHeaders(op.Input, m.header, params)
	return r.restBody(op, protocol, m, params)
}

// labels takes the members that travel in the path or in the host name. S3 alone
// takes its keys literally.
func (r *reader) labels(s *table.Shape, literalKeys bool, labels map[string]string, params map[string]any) {
	for i := range s.Members {
		m := &s.Members[i]
		if m.Location != table.InURI {
			continue
		}
		text, ok := labels[m.WireName]
		if !ok {
			text, ok = labels[m.Name]
		}
		if !ok {
			r.note((*path)(nil).child(m.Name)) // a path without its label is not this operation's
			continue
		}
		if !literalKeys && slices.ContainsFunc(strings.Split(text, "/"), func(s string) bool { return s == "." || s == ".." }) {
			r.contradict("%s holds a . or .. segment, which a server may resolve", m.Name)
		}
		params[m.Name] = r.text(m, text, (*path)(nil).child(m.Name))
	}
}

// hostLabels adds the members that stand in the host name; they also travel in
// the body or a header, and must agree.
func (r *reader) hostLabels(s *table.Shape, labels map[string]string, params map[string]any) {
	if s == nil {
		return
	}
	for i := range s.Members {
		m := &s.Members[i]
		text, ok := labels[m.Name]
		if !m.HostLabel || !ok || text == "" {
			continue
		}
		if have, ok := params[m.Name].(string); ok && !strings.EqualFold(have, text) {
			r.contradict("%s is %q in the host name and %q in the call", m.Name, text, have)
		} else if !ok {
			params[m.Name] = text
		}
	}
}

// restQuery takes the members that travel in the query string. What is left
// belongs to the one member that takes all, or is unknown.
func (r *reader) restQuery(op *table.Operation, pairs []pair, params map[string]any) {
	_, literal, _ := strings.Cut(op.URI, "?")
	skip := map[string]bool{"x-id": true, "AWSAccessKeyId": true, "Signature": true, "Expires": true}
	for part := range strings.SplitSeq(literal, "&") {
		name, _, _ := strings.Cut(part, "=")
		skip[name] = true
	}
	values := map[string][]string{}
	for _, p := range pairs {
		values[p.name] = append(values[p.name], p.value)
	}
	var rest *table.Member
	if op.Input != nil {
		for i := range op.Input.Members {
			m := &op.Input.Members[i]
			if m.Location != table.InQuery {
				continue
			}
			if m.Shape.Kind == table.Map {
				rest = m
				continue
			}
			if got, ok := values[m.WireName]; ok {
				delete(values, m.WireName)
				params[m.Name] = r.queryMember(m, got)
			}
		}
	}
	for name, got := range values {
		switch {
		case len(got) > 1 && (skip[name] || isSigning(name)):
			r.contradict("query parameter %q %d times", name, len(got))
		case skip[name] || isSigning(name):
		case rest != nil:
			mapIn(params, rest.Name)[name] = r.queryMember(rest.Shape.Value, got)
		case len(got) > 1: // a list that is newer than the table, as far as one can tell
			list := make([]any, len(got))
			for i, text := range got {
				list[i] = text
			}
			r.keep(params, name, list, nil)
		default:
			r.keep(params, name, got[0], nil)
		}
	}
}

func mapIn(params map[string]any, name string) map[string]any {
	m, ok := params[name].(map[string]any)
	if !ok {
		m = map[string]any{}
		params[name] = m
	}
	return m
}

func (r *reader) queryMember(m *table.Member, got []string) any {
	p := (*path)(nil).child(m.Name)
	if m.Shape.Kind == table.List {
		list := make([]any, len(got))
		for i, text := range got {
			list[i] = r.text(m.Shape.Elem, text, p.item(i))
		}
		return list
	}
	if len(got) > 1 {
		r.contradict("query parameter %q %d times", m.WireName, len(got))
	}
	return r.text(m, got[0], p)
}

// restBody reads the payload, or the members that travel in the body.
func (r *reader) restBody(op *table.Operation, protocol string, m message, params map[string]any) error {
	payload, inBody := payloadOf(op.Input)
	switch {
	case payload != nil && payload.Shape.EventStream:
		r.note((*path)(nil).child(payload.Name)) // the frames are not read
		return nil
	case payload != nil && rawPayload(payload):
		if m.streamed || len(m.body) == 0 {
			return nil
		}
		if payload.Shape.Kind == table.String {
			if !utf8.Valid(m.body) {
				return fmt.Errorf("body: %w", errUTF8)
			}
			params[payload.Name] = string(m.body)
			return nil
		}
		params[payload.Name] = base64.StdEncoding.EncodeToString(m.body)
		return nil
	case payload == nil && !inBody:
		return r.strayBody(m, params)
	case m.streamed:
		r.more = true
		return nil
	case len(m.body) == 0:
		return nil
	}
	if err := agrees(protocol, m.header); err != nil {
		return err
	}
	if protocol == RestXML {
		return r.xmlBody(op, payload, m.body, params)
	}
	v, err := parseJSON(m.body)
	if err != nil {
		return fmt.Errorf("JSON body: %w", err)
	}
	if payload != nil {
		if v != nil {
			params[payload.Name] = r.tree(payload, v, (*path)(nil).child(payload.Name))
		}
		return nil
	}
	return r.topLevel(op.Input, v, params)
}

func (r *reader) xmlBody(op *table.Operation, payload *table.Member, body []byte, params map[string]any) error {
	root, err := parseXML(body)
	if err != nil {
		return fmt.Errorf("XML body: %w", err)
	}
	if f := root.foreign(root.name.Space); f != nil {
		return fmt.Errorf("XML body: <%s> is in another namespace than <%s>", f.name.Local, root.name.Local)
	}
	want := op.InputRoot
	if payload != nil {
		want = payload.WireName
		params[payload.Name] = r.element(payload, []*xmlNode{root}, (*path)(nil).child(payload.Name))
	} else {
		r.elements(op.Input, root, params, nil)
	}
	if want != "" && root.name.Local != want {
		r.note((*path)(nil).child(root.name.Local))
	}
	return nil
}

// topLevel reads a JSON or CBOR body whose members are the input's own.
func (r *reader) topLevel(s *table.Shape, v any, params map[string]any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("the body is not an object")
	}
	if s == nil {
		s = &table.Shape{}
	}
	body := map[string]any{}
	r.treeMembers(s, object, body, nil)
	for name, v := range body {
		params[name] = v
	}
	return nil
}

// strayBody is a body where the model has none: harmless if empty, else unknown.
func (r *reader) strayBody(m message, params map[string]any) error {
	if m.streamed {
		r.more = true
		return nil
	}
	if text := strings.TrimSpace(string(m.body)); text != "" && text != "{}" {
		if !utf8.ValidString(text) {
			text = base64.StdEncoding.EncodeToString(m.body)
		}
		r.keep(params, "body", text, nil)
	}
	return nil
}

// payloadOf finds the member that is the whole body, and whether any member
// travels in it.
func payloadOf(s *table.Shape) (payload *table.Member, inBody bool) {
	for i := range s.Members {
		m := &s.Members[i]
		if m.Payload {
			return m, true
		}
		if m.Shape.EventStream {
			return m, true
		}
		inBody = inBody || m.Location == table.InBody
	}
	return nil, inBody
}

// rawPayload reports whether a payload travels as it is.
func rawPayload(m *table.Member) bool {
	return m.Shape.Kind == table.Blob || m.Shape.Kind == table.String
}

func mediaType(h http.Header) string {
	ct := h.Get("Content-Type")
	if ct == "" {
		return ""
	}
	media, _, err := mime.ParseMediaType(ct)
	if err != nil {
		media, _, _ = strings.Cut(ct, ";")
	}
	return strings.ToLower(strings.TrimSpace(media))
}
