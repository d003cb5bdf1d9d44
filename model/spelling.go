package model

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// oneSpelling puts members in order: an action that was written down and read again
// is the same action.
func oneSpelling(data []byte) []byte {
	if out, ok := Ordered(data); ok {
		return out
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&tree) != nil {
		return data
	}
	if again, err := json.Marshal(tree); err == nil {
		return again
	}
	return data
}

// Ordered puts the members of JSON's objects in the order of their keys, as reading
// it into maps and writing these does, at a tenth of the cost. data MUST be valid.
// It returns false for whatever that could spell in another way: white space,
// escapes, members that are there twice.
func Ordered(data []byte) ([]byte, bool) {
	if bytes.IndexByte(data, '\\') >= 0 || bytes.Contains(data, lineSeparators) || !utf8.Valid(data) {
		return nil, false
	}
	o := orderer{in: data, out: make([]byte, 0, len(data))}
	end, ok := o.value(0, 0)
	return o.out, ok && end == len(data)
}

// lineSeparators are the first bytes of U+2028 and U+2029, which encoding/json escapes.
var lineSeparators = []byte("\u2028")[:2]

// maxOrdered bounds how deep Ordered goes.
const maxOrdered = 256

type orderer struct {
	in, out, spare []byte
	members        []member // of the objects that are open, one after the other
}

// member is a member of an object: its key, and where in out all of it is.
type member struct {
	key      []byte
	from, to int
}

// value copies the value at i and returns the index after it.
func (o *orderer) value(i, depth int) (int, bool) {
	if i >= len(o.in) || depth > maxOrdered {
		return i, false
	}
	switch o.in[i] {
	case '{':
		return o.object(i, depth)
	case '[':
		return o.array(i, depth)
	case '"':
		return o.text(i)
	}
	n := bytes.IndexAny(o.in[i:], ",]} \t\r\n")
	if n < 0 {
		n = len(o.in) - i
	}
	o.out = append(o.out, o.in[i:i+n]...)
	return i + n, n > 0
}

func (o *orderer) text(i int) (int, bool) {
	if i >= len(o.in) || o.in[i] != '"' {
		return i, false
	}
	n := bytes.IndexByte(o.in[i+1:], '"')
	if n < 0 {
		return i, false
	}
	end := i + n + 2
	o.out = append(o.out, o.in[i:end]...)
	return end, true
}

func (o *orderer) array(i, depth int) (int, bool) {
	o.out = append(o.out, '[')
	if i++; i < len(o.in) && o.in[i] == ']' {
		o.out = append(o.out, ']')
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = o.value(i, depth+1); !ok || i >= len(o.in) {
			return i, false
		}
		o.out = append(o.out, o.in[i])
		switch o.in[i] {
		case ',':
			i++
		case ']':
			return i + 1, true
		default:
			return i, false
		}
	}
}

func (o *orderer) object(i, depth int) (int, bool) {
	first := len(o.members)
	defer func() { o.members = o.members[:first] }()
	o.out = append(o.out, '{')
	begin := len(o.out)
	if i++; i < len(o.in) && o.in[i] == '}' {
		o.out = append(o.out, '}')
		return i + 1, true
	}
	sorted := true
	for {
		m := member{from: len(o.out)}
		end, ok := o.text(i)
		if !ok || end >= len(o.in) || o.in[end] != ':' {
			return end, false
		}
		m.key = o.in[i+1 : end-1]
		o.out = append(o.out, ':')
		if i, ok = o.value(end+1, depth+1); !ok || i >= len(o.in) {
			return i, false
		}
		m.to = len(o.out)
		if len(o.members) > first {
			sorted = sorted && bytes.Compare(o.members[len(o.members)-1].key, m.key) < 0
		}
		o.members = append(o.members, m)
		o.out = append(o.out, ',')
		if o.in[i] == '}' {
			break
		}
		if o.in[i] != ',' {
			return i, false
		}
		i++
	}
	if mine := o.members[first:]; !sorted {
		slices.SortFunc(mine, func(a, b member) int { return bytes.Compare(a.key, b.key) })
		o.spare = append(o.spare[:0], o.out[begin:]...)
		o.out = o.out[:begin]
		for n, m := range mine {
			if n > 0 && bytes.Equal(mine[n-1].key, m.key) {
				return i, false
			}
			o.out = append(append(o.out, o.spare[m.from-begin:m.to-begin]...), ',')
		}
	}
	o.out[len(o.out)-1] = '}'
	return i + 1, true
}
