package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/assent-iom/assent/model"
)

// maxDepth bounds how deep statements nest: far beyond any request that a
// platform takes, and small enough for any reader's stack.
const maxDepth = 256

// CheckJSON accepts exactly one JSON value in UTF-8 without repeated keys,
// without bytes after it, and of bounded depth: text that every parser reads in
// the same way. Verifying a log is for the most part this and its signatures, so
// it goes through the bytes once.
func CheckJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	c := checker{data: data}
	end, err := c.value(space(data, 0), 0)
	if err != nil {
		return err
	}
	if space(data, end) != len(data) {
		return errors.New("bytes after the end of the JSON value")
	}
	return nil
}

// checker goes through one JSON text. Its methods take the index of a first byte
// and return the one after the last.
type checker struct {
	data []byte
	keys [][]byte // of the objects that are open, one after the other
}

func (c *checker) value(i, depth int) (int, error) {
	if depth > maxDepth {
		return i, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if i >= len(c.data) {
		return i, io.ErrUnexpectedEOF
	}
	switch b := c.data[i]; {
	case b == '{':
		return c.object(i, depth)
	case b == '[':
		return c.array(i, depth)
	case b == '"':
		return c.text(i)
	case b == '-' || digit(b):
		return c.number(i)
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(c.data[i:], []byte(word)) {
			return i + len(word), nil
		}
	}
	return i, c.wrong(i)
}

func (c *checker) object(i, depth int) (int, error) {
	mine := len(c.keys)
	defer func() { c.keys = c.keys[:mine] }()
	var seen map[string]bool // of an object with too many keys to compare each with each
	if i = space(c.data, i+1); c.at(i) == '}' {
		return i + 1, nil
	}
	for {
		if c.at(i) != '"' {
			return i, c.wrong(i)
		}
		end, err := c.text(i)
		if err != nil {
			return end, err
		}
		key := c.data[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = []byte(model.TextOf(c.data[i:end]))
		}
		const few = 32
		if len(c.keys)-mine == few && seen == nil {
			seen = map[string]bool{}
			for _, other := range c.keys[mine:] {
				seen[string(other)] = true
			}
		}
		twice := seen[string(key)]
		if seen == nil {
			twice = slices.ContainsFunc(c.keys[mine:], func(other []byte) bool { return bytes.Equal(other, key) })
		} else {
			seen[string(key)] = true
		}
		if twice {
			return i, fmt.Errorf("key %q appears twice", key)
		}
		c.keys = append(c.keys, key)
		if i = space(c.data, end); c.at(i) != ':' {
			return i, c.wrong(i)
		}
		if i, err = c.value(space(c.data, i+1), depth+1); err != nil {
			return i, err
		}
		switch i = space(c.data, i); c.at(i) {
		case '}':
			return i + 1, nil
		case ',':
			i = space(c.data, i+1)
		default:
			return i, c.wrong(i)
		}
	}
}

func (c *checker) array(i, depth int) (int, error) {
	if i = space(c.data, i+1); c.at(i) == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = c.value(i, depth+1); err != nil {
			return i, err
		}
		switch i = space(c.data, i); c.at(i) {
		case ']':
			return i + 1, nil
		case ',':
			i = space(c.data, i+1)
		default:
			return i, c.wrong(i)
		}
	}
}

// text is a string, which is UTF-8 already.
func (c *checker) text(i int) (int, error) {
	for i++; i < len(c.data); i++ {
		switch b := c.data[i]; {
		case b == '"':
			return i + 1, nil
		case b < ' ':
			return i, c.wrong(i)
		case b == '\\':
			i++
			if c.at(i) == 'u' {
				for range 4 {
					if i++; !bytes.ContainsRune([]byte("0123456789abcdefABCDEF"), rune(c.at(i))) {
						return i, c.wrong(i)
					}
				}
			} else if c.at(i) == 0 || bytes.IndexByte([]byte(`"\/bfnrt`), c.at(i)) < 0 {
				return i, c.wrong(i)
			}
		}
	}
	return i, io.ErrUnexpectedEOF
}

func (c *checker) number(i int) (int, error) {
	if c.at(i) == '-' {
		i++
	}
	whole := i
	i = c.digits(i)
	if i == whole || c.data[whole] == '0' && i > whole+1 {
		return i, c.wrong(whole)
	}
	for _, part := range []string{".", "eE"} {
		if i >= len(c.data) || bytes.IndexByte([]byte(part), c.data[i]) < 0 {
			continue
		}
		if i++; part == "eE" && (c.at(i) == '+' || c.at(i) == '-') {
			i++
		}
		from := i
		if i = c.digits(i); i == from {
			return i, c.wrong(i)
		}
	}
	return i, nil
}

func (c *checker) digits(i int) int {
	for i < len(c.data) && digit(c.data[i]) {
		i++
	}
	return i
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// at is the byte there, zero behind the end.
func (c *checker) at(i int) byte {
	if i < len(c.data) {
		return c.data[i]
	}
	return 0
}

func (c *checker) wrong(i int) error {
	if i >= len(c.data) {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("not JSON: %q at byte %d", c.data[i], i)
}

// encodeJSON writes a value compactly, without the HTML escapes that make
// records hard to read and to compare.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// decodeJSON reads a value, keeping numbers as they were written.
func decodeJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// normal returns a JSON value in one spelling: keys sorted and unique, valid
// UTF-8. Something that is not JSON, or nests deeper than CheckJSON accepts
// inside a statement, is replaced by a sentence that says so.
func normal(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	if json.Valid(raw) {
		if data, ok := model.Ordered(raw); ok && depthOf(data) < maxDepth/2 {
			return data
		}
		var v any
		err := decodeJSON(raw, &v)
		if data, encErr := encodeJSON(v); err == nil && encErr == nil && depthOf(data) < maxDepth/2 {
			return data
		}
	}
	data, _ := encodeJSON(fmt.Sprintf("(%d bytes that are not usable JSON)", len(raw))) // a string always encodes
	return data
}

// depthOf returns how deep valid JSON nests.
func depthOf(data []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
