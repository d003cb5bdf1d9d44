package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseJSON reads a JSON text that stands inside of a call, as strictly as a body.
func ParseJSON(text []byte) (any, error) { return parseJSON(text) }

// parseJSON reads one JSON text strictly: RFC 8259, no duplicate name, nothing
// after it, bounded. Numbers are json.Number.
func parseJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errUTF8
	}
	if !json.Valid(body) { // Token alone is more lenient than the grammar
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return nil, err
		}
		return nil, errors.New("invalid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	p := jsonParser{d: d, budget: newBudget(len(body))}
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the JSON text")
	}
	return v, nil
}

type jsonParser struct {
	d *json.Decoder
	budget
}

func (p *jsonParser) value(depth int) (any, error) {
	if err := p.take(depth, costValue); err != nil {
		return nil, err
	}
	t, err := p.d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if delim == '[' {
		list := []any{}
		for p.d.More() {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := p.d.Token()
		return list, err
	}
	return p.object(depth)
}

func (p *jsonParser) object(depth int) (any, error) {
	object := map[string]any{}
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("a name is not text")
		}
		if err := checkKey(name); err != nil {
			return nil, err
		}
		if err := p.pay(costMember); err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("name %q twice in one object", name)
		}
		if object[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := p.d.Token()
	return object, err
}

// checkKey refuses names that parsers disagree on. U+FFFD stands for half a
// surrogate pair after decoding.
func checkKey(name string) error {
	if strings.ContainsRune(name, 0) || strings.ContainsRune(name, utf8.RuneError) || !utf8.ValidString(name) {
		return fmt.Errorf("name %q holds NUL or invalid Unicode", name)
	}
	return nil
}
