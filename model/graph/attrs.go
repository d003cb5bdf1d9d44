package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"sort"
	"strings"
)

const (
	// MaxAttrs bounds the attributes of one resource: the largest answers that
	// name relations (a load balancer's, a big IAM role's) are far below it; a
	// ConfigMap of a megabyte would cost more memory than it says.
	MaxAttrs = 64 << 10
	// maxNames bounds the identifiers kept from a value that was cut.
	maxNames = 512
	// maxNesting bounds documents inside strings (a policy inside a template) and
	// the depth of one document.
	maxNesting = 64
)

// canonical rewrites JSON with sorted keys and no space, cut to MaxAttrs. What is
// not JSON becomes a JSON string of itself: nothing is lost, and nothing fails.
// room is what the quick way writes in, to be given again.
func canonical(raw, room []byte) (string, []byte) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return "", room
	}
	data, ok := tidy(raw, room)
	if ok && len(data) <= MaxAttrs {
		return string(data), data[:0]
	}
	value, err := decode(raw)
	if err != nil {
		value = strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	return string(fit(value)), room
}

func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading attributes: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("reading attributes: more than one value")
	}
	return value, nil
}

func encode(value any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil {
		return nil // values from decode always encode
	}
	return bytes.Clone(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

// fit encodes a value, and while it is too long replaces the longest top-level
// value by a marker and the identifiers that it held.
func fit(value any) []byte {
	data := encode(value)
	if len(data) <= MaxAttrs {
		return data
	}
	object, ok := value.(map[string]any)
	if !ok {
		return encode(cut(data))
	}
	type part struct {
		key  string
		data []byte
	}
	parts := make([]part, 0, len(object))
	for key, v := range object {
		parts = append(parts, part{key, encode(v)})
	}
	sort.Slice(parts, func(i, j int) bool {
		if len(parts[i].data) != len(parts[j].data) {
			return len(parts[i].data) > len(parts[j].data)
		}
		return parts[i].key < parts[j].key
	})
	for _, p := range parts {
		object[p.key] = cut(p.data)
		if short := encode(object); len(short) <= MaxAttrs {
			return short
		}
	}
	return encode(cut(data)) // keys alone are too long
}

// cut returns what stands for a value that is too long.
func cut(data []byte) []any {
	out := []any{fmt.Sprintf("(cut: %d bytes)", len(data))}
	size := 0
	seen := map[string]bool{}
	walk(string(data), func(_ []byte, s string) {
		mentions(s, func(key string) {
			if size += len(key) + 3; !seen[key] && len(seen) < maxNames && size < MaxAttrs/4 {
				seen[key] = true
				out = append(out, key)
			}
		})
	})
	return out
}

// merge lays the top-level keys of newer over older, both canonical.
func merge(older, newer string) string {
	if older == "" || newer == "" {
		return older + newer
	}
	a, errA := decode([]byte(older))
	b, errB := decode([]byte(newer))
	base, okA := a.(map[string]any)
	over, okB := b.(map[string]any)
	if errA != nil || errB != nil || !okA || !okB {
		return newer
	}
	for key, v := range over {
		base[key] = v
	}
	return string(fit(base))
}

// walk calls f with the path and value of every string in JSON made by encode.
// Array positions are not part of a path, so that a new order is no new relation.
// A string that itself holds a JSON document is walked too. The path MUST NOT be
// kept: its bytes are those of the next one.
func walk(data string, f func(path []byte, value string)) {
	w := walker{data: data, visit: f}
	w.value(0)
}

type walker struct {
	data  string
	at    int
	path  []byte
	visit func(path []byte, value string)
}

func (w *walker) peek() byte {
	if w.at < len(w.data) {
		return w.data[w.at]
	}
	return 0
}

func (w *walker) value(depth int) {
	if depth > maxNesting {
		w.at = len(w.data)
		return
	}
	switch w.peek() {
	case '{':
		w.at++
		outer := len(w.path)
		for w.peek() == '"' {
			key := w.text()
			w.at++ // the colon
			if outer > 0 {
				w.path = append(w.path, '.')
			}
			w.path = append(w.path, key...)
			w.value(depth + 1)
			w.path = w.path[:outer]
			if w.peek() == ',' {
				w.at++
			}
		}
		w.at++
	case '[':
		w.at++
		for w.at < len(w.data) && w.peek() != ']' {
			w.value(depth + 1)
			if w.peek() == ',' {
				w.at++
			}
		}
		w.at++
	case '"':
		s := w.text()
		w.visit(w.path, s)
		if inner := document(s); inner != nil && depth < maxNesting {
			nested := walker{data: string(inner), visit: w.visit, path: w.path}
			nested.value(depth + 8) // so that documents in documents end soon
		}
	default: // a number, true, false, null
		start := w.at
		for w.at < len(w.data) && w.data[w.at] != ',' && w.data[w.at] != ']' && w.data[w.at] != '}' {
			w.at++
		}
		if w.at == start {
			w.at++ // not ours; always move on
		}
	}
}

// text reads the string that starts here.
func (w *walker) text() string {
	start := w.at
	escaped := false
	for w.at++; w.at < len(w.data) && w.data[w.at] != '"'; w.at++ {
		if w.data[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	end := min(w.at, len(w.data))
	if !escaped {
		if end-start < 2 {
			return ""
		}
		return w.data[start+1 : end-1]
	}
	var s string
	if json.Unmarshal([]byte(w.data[start:end]), &s) != nil {
		return ""
	}
	return s
}

// document returns the canonical form of a JSON object or array held in a
// string, plain or percent-encoded as IAM writes policies.
func document(s string) []byte {
	if strings.HasPrefix(s, "%7B") || strings.HasPrefix(s, "%5B") {
		if plain, err := url.QueryUnescape(s); err == nil {
			s = plain
		}
	}
	if len(s) < 2 || s[0] != '{' && s[0] != '[' {
		return nil
	}
	value, err := decode([]byte(s))
	if err != nil {
		return nil
	}
	return encode(value)
}
