package patch

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/schema"
)

// fieldSet is a set of fields of an object, as managedFields writes it: f:NAME, an
// element k:{KEYS} of a list that is a map, v:VALUE of one that is a set.
type fieldSet struct {
	member   bool
	children map[string]*fieldSet
}

// child is nil-safe.
func (s *fieldSet) child(key string) *fieldSet {
	if s == nil {
		return nil
	}
	return s.children[key]
}

func (s *fieldSet) make(key string) *fieldSet {
	if s.children == nil {
		s.children = map[string]*fieldSet{}
	}
	if s.children[key] == nil {
		s.children[key] = &fieldSet{}
	}
	return s.children[key]
}

// union adds what is in other.
func (s *fieldSet) union(other *fieldSet) {
	if other == nil {
		return
	}
	s.member = s.member || other.member
	for key, inner := range other.children {
		s.make(key).union(inner)
	}
}

// readFields reads fieldsV1. What it cannot spell in one way it leaves as it is
// written: such an element is then nobody's.
func readFields(v any, depth int) *fieldSet {
	s := &fieldSet{}
	object, _ := v.(map[string]any)
	s.member = len(object) == 0
	if depth > maxDepth {
		return s
	}
	for key, inner := range object {
		if key == "." {
			s.member = true
			continue
		}
		kind, text, _ := strings.Cut(key, ":")
		if kind == "k" || kind == "v" {
			dec := json.NewDecoder(strings.NewReader(text))
			dec.UseNumber()
			var value any
			if dec.Decode(&value) == nil {
				key = kind + ":" + spell(value)
			}
		}
		s.make(key).union(readFields(inner, depth+1))
	}
	return s
}

// spell writes a value one way: keys sorted, numbers as they came.
func spell(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shape is how server-side apply sees a value of a field.
type shape uint8

const (
	leaf    shape = iota // a scalar, or taken whole
	object               // a struct: its fields are known by name
	mapping              // a map from text: its keys are items
	setList
	mapList
)

func shapeOf(f schema.Field, v any) shape {
	switch v := v.(type) {
	case map[string]any:
		m := schema.Named(f.Type)
		switch {
		case f.Atomic || len(v) == 0:
			return leaf
		case f.Map():
			return mapping
		case m == nil || m.Atomic || len(m.JSON) == 0:
			return leaf
		}
		return object
	case []any:
		switch {
		case len(v) == 0:
			return leaf
		case f.ListType == "set":
			return setList
		case f.ListType == "map":
			return mapList
		}
	}
	return leaf
}

// inner is the field below a struct's key, a map's key or a list's element.
func inner(f schema.Field, s shape, key string) schema.Field {
	if s == object {
		if m := schema.Named(f.Type); m != nil {
			return m.JSON[key]
		}
		return schema.Field{}
	}
	return schema.Field{Type: f.Element()}
}

// elementKey spells the path element of a list's item.
func elementKey(f schema.Field, s shape, item any) string {
	if s == setList {
		return "v:" + spell(item)
	}
	values := map[string]any{}
	o, _ := item.(map[string]any)
	m := schema.Named(f.Element())
	for _, key := range f.MapKeys {
		if v, ok := o[key]; ok {
			values[key] = v
		} else if m != nil && m.JSON[key].Default != "" {
			values[key] = m.JSON[key].Default
		}
	}
	return "k:" + spell(values)
}

// fieldsOf is the set of what a value sets.
func fieldsOf(f schema.Field, v any, item bool) *fieldSet {
	s := shapeOf(f, v)
	out := &fieldSet{member: item || s == leaf}
	switch s {
	case object, mapping:
		for key, value := range v.(map[string]any) {
			out.make("f:" + key).union(fieldsOf(inner(f, s, key), value, s == mapping))
		}
	case setList, mapList:
		for _, value := range v.([]any) {
			out.make(elementKey(f, s, value)).union(fieldsOf(inner(f, s, ""), value, true))
		}
	}
	return out
}
