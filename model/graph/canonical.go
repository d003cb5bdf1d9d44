package graph

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// maxQuick is how deep a document may be for the quick way; deeper ones are rare
// and take the long way round.
const maxQuick = 64

// tidier writes JSON in canonical form in one pass: sorted keys, no space. What
// it is not sure of it leaves to encoding/json, which it MUST agree with byte by
// byte: the digest of a version is over these bytes.
type tidier struct {
	in  []byte
	at  int
	out []byte
}

// tidy returns the canonical form of raw, or false where encoding/json has to
// say: a key that comes twice or is escaped, a syntax that is not JSON's.
// It writes in room.
func tidy(raw, room []byte) ([]byte, bool) {
	t := tidier{in: raw, out: room[:0]}
	if !t.value(0) {
		return nil, false
	}
	t.space()
	return t.out, t.at == len(t.in)
}

func (t *tidier) space() {
	for t.at < len(t.in) && (t.in[t.at] == ' ' || t.in[t.at] == '\n' || t.in[t.at] == '\t' || t.in[t.at] == '\r') {
		t.at++
	}
}

// next skips space and takes c, if that is what comes.
func (t *tidier) next(c byte) bool {
	t.space()
	if t.at >= len(t.in) || t.in[t.at] != c {
		return false
	}
	t.at++
	return true
}

func (t *tidier) value(depth int) bool {
	t.space()
	if t.at >= len(t.in) || depth > maxQuick {
		return false
	}
	switch c := t.in[t.at]; c {
	case '{':
		return t.object(depth)
	case '[':
		t.at++
		t.out = append(t.out, '[')
		for n := 0; ; n++ {
			if n == 0 && t.next(']') {
				break
			}
			if !t.value(depth + 1) {
				return false
			}
			if t.next(']') {
				break
			}
			if !t.next(',') {
				return false
			}
			t.out = append(t.out, ',')
		}
		t.out = append(t.out, ']')
		return true
	case '"':
		return t.text()
	case 't':
		return t.word("true")
	case 'f':
		return t.word("false")
	case 'n':
		return t.word("null")
	default:
		return t.number()
	}
}

// member is one key of an object and where it stands in the output, with its
// value.
type member struct {
	key        []byte
	start, end int
}

func (t *tidier) object(depth int) bool {
	t.at++
	t.out = append(t.out, '{')
	first := len(t.out)
	var few [16]member // most objects are small
	members := few[:0]
	sorted := true
	for n := 0; ; n++ {
		if n == 0 && t.next('}') {
			break
		}
		t.space()
		start := len(t.out)
		key, ok := t.plain()
		if !ok || !t.next(':') {
			return false
		}
		t.out = append(t.out, ':')
		if !t.value(depth + 1) {
			return false
		}
		if n > 0 && bytes.Compare(members[n-1].key, key) >= 0 {
			sorted = false
		}
		members = append(members, member{key, start, len(t.out)})
		if t.next('}') {
			break
		}
		if !t.next(',') {
			return false
		}
		t.out = append(t.out, ',')
	}
	t.out = append(t.out, '}')
	if sorted {
		return true
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	was := bytes.Clone(t.out[first:])
	t.out = t.out[:first]
	for n, m := range members {
		if n > 0 {
			if bytes.Equal(members[n-1].key, m.key) {
				return false
			}
			t.out = append(t.out, ',')
		}
		t.out = append(t.out, was[m.start-first:m.end-first]...)
	}
	t.out = append(t.out, '}')
	return true
}

// plain copies a string of ASCII without escapes, and returns what it says.
func (t *tidier) plain() ([]byte, bool) {
	if t.at >= len(t.in) || t.in[t.at] != '"' {
		return nil, false
	}
	for i := t.at + 1; i < len(t.in); i++ {
		switch c := t.in[i]; {
		case c == '"':
			key := t.in[t.at+1 : i]
			t.out = append(t.out, t.in[t.at:i+1]...)
			t.at = i + 1
			return key, true
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return nil, false
		}
	}
	return nil, false
}

// text copies any string.
func (t *tidier) text() bool {
	if _, ok := t.plain(); ok {
		return true
	}
	end := t.at + 1
	for ; end < len(t.in) && t.in[end] != '"'; end++ {
		if t.in[end] == '\\' {
			end++
		}
	}
	if end >= len(t.in) {
		return false
	}
	var s string
	if json.Unmarshal(t.in[t.at:end+1], &s) != nil {
		return false
	}
	t.out = append(t.out, encode(s)...)
	t.at = end + 1
	return true
}

func (t *tidier) word(w string) bool {
	if !bytes.HasPrefix(t.in[t.at:], []byte(w)) {
		return false
	}
	t.at += len(w)
	t.out = append(t.out, w...)
	return true
}

// number copies a number as it is written.
func (t *tidier) number() bool {
	start := t.at
	digits := func() bool {
		from := t.at
		for t.at < len(t.in) && t.in[t.at] >= '0' && t.in[t.at] <= '9' {
			t.at++
		}
		return t.at > from
	}
	is := func(any string) bool {
		if t.at < len(t.in) && bytes.IndexByte([]byte(any), t.in[t.at]) >= 0 {
			t.at++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() || is(".") && !digits() {
		return false
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return false
		}
	}
	t.out = append(t.out, t.in[start:t.at]...)
	return true
}
