package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// ErrNotWritten is the error of EncodeInput for a call that it reads and does not
// write: an XML body, CBOR, a stream.
var ErrNotWritten = errors.New("such a call is not written, only read")

// EncodeInput writes the call of an operation to a host: what DecodeInput reads,
// the other way round. It is unsigned. S3's buckets are named in the path.
//
// A parameter that the model does not know, or whose value does not fit its shape,
// is an error, as is a required one that is missing: nothing is guessed.
func EncodeInput(op *table.Operation, protocol, host string, params map[string]any) (decoders.Call, error) {
	w := &writer{op: op, protocol: protocol, query: url.Values{},
		call: decoders.Call{Method: op.Method, Scheme: "https", Host: host, Header: http.Header{}, URL: &url.URL{Scheme: "https", Host: host, Path: "/"}}}
	if err := w.write(params); err != nil {
		return decoders.Call{}, fmt.Errorf("writing %s: %w", op.Name, err)
	}
	return w.call, nil
}

// writer makes one call.
type writer struct {
	op       *table.Operation
	protocol string
	query    url.Values // the form, for the query protocols
	call     decoders.Call
}

func (w *writer) write(params map[string]any) error {
	if w.op.HostPrefix != "" || eventStream(w.op.Input) != nil {
		return ErrNotWritten
	}
	if err := known(w.op.Input, params, true); err != nil {
		return err
	}
	switch w.protocol {
	case Query, EC2:
		return w.form(params)
	case JSON:
		w.call.Method = http.MethodPost
		w.call.Header.Set("X-Amz-Target", w.op.Service.TargetPrefix+"."+w.op.Name)
		w.call.Header.Set("Content-Type", "application/x-amz-json-"+w.op.Service.JSONVersion)
		return w.json(w.op.Input, params)
	case RestJSON, RestXML:
		return w.rest(params)
	}
	return ErrNotWritten
}

// known wants every parameter to be a member, and every required member a
// parameter.
func known(s *table.Shape, params map[string]any, whole bool) error {
	members := map[string]bool{}
	if s != nil {
		for i := range s.Members {
			m := &s.Members[i]
			members[m.Name] = true
			if _, ok := params[m.Name]; m.Required && whole && !ok && !m.Idempotency {
				return fmt.Errorf("%s is required", m.Name)
			}
		}
	}
	for name := range params {
		if !members[name] {
			return fmt.Errorf("%s has no member %s", shapeName(s), name)
		}
	}
	return nil
}

func shapeName(s *table.Shape) string {
	if s == nil {
		return "an operation without input"
	}
	return s.Name
}

func (w *writer) form(params map[string]any) error {
	if len(w.op.Service.APIVersions) == 0 {
		return errors.New("its service has no API version")
	}
	w.query.Set("Action", w.op.Name)
	w.query.Set("Version", w.op.Service.APIVersions[0])
	if w.op.Input != nil {
		f := &formReader{ec2: w.protocol == EC2, aliases: queryAliases(w.op)}
		if err := w.formMembers(f, w.op.Input, params, ""); err != nil {
			return err
		}
	}
	w.call.Method = http.MethodPost
	w.call.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	w.call.Body = []byte(w.query.Encode())
	return nil
}

func (w *writer) formMembers(f *formReader, s *table.Shape, params map[string]any, prefix string) error {
	for i := range s.Members {
		m := &s.Members[i]
		if v, ok := params[m.Name]; ok {
			if err := w.formValue(f, m, v, prefix+f.name(m)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) formValue(f *formReader, m *table.Member, v any, name string) error {
	switch s := m.Shape; s.Kind {
	case table.Structure:
		fields, ok := v.(map[string]any)
		if !ok {
			return unfit(m, v)
		}
		if err := known(s, fields, false); err != nil {
			return err
		}
		return w.formMembers(f, s, fields, name+".")
	case table.List:
		items, ok := v.([]any)
		if !ok {
			return unfit(m, v)
		}
		if len(items) == 0 && !f.ec2 {
			w.query.Set(name, "")
		}
		if !f.ec2 && !flattened(m) {
			name += "." + elemName(s.Elem, "member")
		}
		for i, item := range items {
			if err := w.formValue(f, s.Elem, item, name+"."+strconv.Itoa(i+1)); err != nil {
				return err
			}
		}
		return nil
	case table.Map:
		entries, ok := v.(map[string]any)
		if !ok {
			return unfit(m, v)
		}
		if !flattened(m) {
			name += ".entry"
		}
		keyName, valueName := elemName(s.Key, "key"), elemName(s.Value, "value")
		if a, ok := f.aliases[m.Name]; ok {
			keyName, valueName = a.key, a.value
		}
		for i, key := range slices.Sorted(maps.Keys(entries)) {
			at := name + "." + strconv.Itoa(i+1) + "."
			w.query.Set(at+keyName, key)
			if err := w.formValue(f, s.Value, entries[key], at+valueName); err != nil {
				return err
			}
		}
		return nil
	default:
		text, err := scalarText(m, v, iso8601)
		w.query.Set(name, text)
		return err
	}
}

// json writes the members that travel in the body.
func (w *writer) json(s *table.Shape, params map[string]any) error {
	body := map[string]any{}
	if s != nil {
		var err error
		if body, err = object(s, params); err != nil {
			return err
		}
	}
	data, err := json.Marshal(body)
	w.call.Body = data
	return err
}

// object gives a structure its names on the wire.
func object(s *table.Shape, fields map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for i := range s.Members {
		m := &s.Members[i]
		v, ok := fields[m.Name]
		if !ok || m.Location != table.InBody {
			continue
		}
		made, err := node(m, v)
		if err != nil {
			return nil, err
		}
		out[m.WireName] = made
	}
	return out, nil
}

func node(m *table.Member, v any) (any, error) {
	switch s := m.Shape; s.Kind {
	case table.Structure:
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, unfit(m, v)
		}
		if err := known(s, fields, false); err != nil {
			return nil, err
		}
		return object(s, fields)
	case table.List:
		items, ok := v.([]any)
		if !ok {
			return nil, unfit(m, v)
		}
		out := make([]any, len(items))
		for i, item := range items {
			var err error
			if out[i], err = node(s.Elem, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case table.Map:
		entries, ok := v.(map[string]any)
		if !ok {
			return nil, unfit(m, v)
		}
		out := make(map[string]any, len(entries))
		for key, item := range entries {
			var err error
			if out[key], err = node(s.Value, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case table.Document, table.Boolean:
		return v, nil
	case table.String, table.Blob:
		if _, ok := v.(string); !ok {
			return nil, unfit(m, v)
		}
		return v, nil
	default:
		text, err := scalarText(m, v, epoch)
		if err != nil || !json.Valid([]byte(text)) || strings.HasPrefix(text, `"`) {
			return text, err // a time as text, NaN
		}
		return json.Number(text), nil
	}
}

// scalarText writes a leaf as text. format is the protocol's for timestamps.
func scalarText(m *table.Member, v any, format string) (string, error) {
	switch v := v.(type) {
	case bool:
		if m.Shape.Kind == table.Boolean {
			return strconv.FormatBool(v), nil
		}
	case string:
		if m.Shape.Kind != table.Timestamp {
			return v, nil
		}
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return "", unfit(m, v)
		}
		switch timestampFormat(m, format) {
		case epoch:
			seconds := strconv.FormatInt(t.Unix(), 10)
			if ns := t.Nanosecond(); ns != 0 {
				seconds += strings.TrimRight(fmt.Sprintf(".%09d", ns), "0")
			}
			return seconds, nil
		case rfc822:
			return t.UTC().Format(http.TimeFormat), nil
		}
		return stamp(t), nil
	default:
		if text, ok := number(v); ok {
			return text, nil
		}
		if n, ok := v.(int); ok {
			return strconv.Itoa(n), nil
		}
	}
	return "", unfit(m, v)
}

func unfit(m *table.Member, v any) error {
	return fmt.Errorf("%s does not take a %T", m.Name, v)
}

// rest spreads an input over URI, query string, headers and body.
func (w *writer) rest(params map[string]any) error {
	path, literal, _ := strings.Cut(w.op.URI, "?")
	if w.op.Input == nil {
		w.setURL(path, literal)
		return nil
	}
	left := false
	for i := range w.op.Input.Members {
		m := &w.op.Input.Members[i]
		v, ok := params[m.Name]
		if !ok {
			continue
		}
		var err error
		switch m.Location {
		case table.InURI:
			path, err = label(path, m, v)
		case table.InQuery:
			err = w.inQuery(m, v)
		case table.InHeader:
			err = w.inHeader(m, v)
		case table.InHeaders:
			entries, _ := v.(map[string]any)
			for key, item := range entries {
				var text string
				if text, err = scalarText(m.Shape.Value, item, rfc822); err != nil {
					break
				}
				w.call.Header.Set(m.WireName+key, text)
			}
		default:
			left = true
		}
		if err != nil {
			return err
		}
	}
	if strings.Contains(path, "{") {
		return fmt.Errorf("a label of %s is missing", w.op.URI)
	}
	w.setURL(path, literal)
	if !left {
		return nil
	}
	return w.restBody(params)
}

func (w *writer) restBody(params map[string]any) error {
	payload, _ := payloadOf(w.op.Input)
	switch {
	case payload != nil && payload.Shape.Kind == table.String:
		text, _ := params[payload.Name].(string)
		w.call.Body = []byte(text)
		return nil
	case payload != nil && payload.Shape.Kind == table.Blob:
		text, _ := params[payload.Name].(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		w.call.Body = raw
		return err
	case w.protocol == RestXML:
		return ErrNotWritten
	}
	w.call.Header.Set("Content-Type", "application/json")
	if payload == nil {
		return w.json(w.op.Input, params)
	}
	made, err := node(payload, params[payload.Name])
	if err != nil {
		return err
	}
	w.call.Body, err = json.Marshal(made)
	return err
}

// setURL joins the literal query of the operation's URI with the call's own.
func (w *writer) setURL(path, literal string) {
	u := w.call.URL
	u.RawPath = path
	u.Path, _ = url.PathUnescape(path)
	u.RawQuery = strings.Trim(literal+"&"+w.query.Encode(), "&")
}

// label fills {Name} or {Name+} of a path. A greedy label keeps its slashes.
func label(path string, m *table.Member, v any) (string, error) {
	text, err := scalarText(m, v, iso8601)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", fmt.Errorf("%s is empty, and stands in the path", m.Name)
	}
	for _, segment := range strings.Split(text, "/") {
		if segment == "." || segment == ".." {
			return "", fmt.Errorf("%s holds a . or .. segment", m.Name)
		}
	}
	greedy := "{" + m.WireName + "+}"
	if strings.Contains(path, greedy) {
		segments := strings.Split(text, "/")
		for i, s := range segments {
			segments[i] = escape(s)
		}
		return strings.Replace(path, greedy, strings.Join(segments, "/"), 1), nil
	}
	return strings.Replace(path, "{"+m.WireName+"}", escape(text), 1), nil
}

// escape writes everything that is not unreserved (RFC 3986) as %XX, as SigV4
// wants it.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func (w *writer) inQuery(m *table.Member, v any) error {
	switch s := m.Shape; s.Kind {
	case table.List:
		items, _ := v.([]any)
		for _, item := range items {
			text, err := scalarText(s.Elem, item, iso8601)
			if err != nil {
				return err
			}
			w.query.Add(m.WireName, text)
		}
		return nil
	case table.Map:
		entries, _ := v.(map[string]any)
		for key, item := range entries {
			items, many := item.([]any)
			elem := s.Value
			if many {
				elem = s.Value.Shape.Elem
			} else {
				items = []any{item}
			}
			for _, one := range items {
				text, err := scalarText(elem, one, iso8601)
				if err != nil {
					return err
				}
				w.query.Add(key, text)
			}
		}
		return nil
	}
	text, err := scalarText(m, v, iso8601)
	w.query.Set(m.WireName, text)
	return err
}

func (w *writer) inHeader(m *table.Member, v any) error {
	if m.JSONValue {
		data, err := json.Marshal(v)
		w.call.Header.Set(m.WireName, base64.StdEncoding.EncodeToString(data))
		return err
	}
	if m.Shape.Kind != table.List {
		text, err := scalarText(m, v, rfc822)
		w.call.Header.Set(m.WireName, text)
		return err
	}
	items, _ := v.([]any)
	parts := make([]string, len(items))
	for i, item := range items {
		var err error
		if parts[i], err = scalarText(m.Shape.Elem, item, rfc822); err != nil {
			return err
		}
		if strings.ContainsAny(parts[i], `,"`) && m.Shape.Elem.Shape.Kind == table.String {
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(parts[i]) + `"`
		}
	}
	w.call.Header.Set(m.WireName, strings.Join(parts, ","))
	return nil
}
