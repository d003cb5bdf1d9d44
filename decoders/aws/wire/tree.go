package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// tree turns a parsed JSON or CBOR value into Params, guided by its shape. It
// takes the value over, and writes into its lists and maps.
func (r *reader) tree(m *table.Member, v any, p *path) any {
	s := m.Shape
	switch s.Kind {
	case table.Structure:
		if object, ok := v.(map[string]any); ok {
			into := make(map[string]any, len(object))
			r.treeMembers(s, object, into, p)
			return into
		}
	case table.List:
		if list, ok := v.([]any); ok {
			for i, item := range list {
				if item != nil {
					list[i] = r.tree(s.Elem, item, p.item(i))
				}
			}
			return list
		}
	case table.Map:
		if object, ok := v.(map[string]any); ok {
			for name, item := range object {
				if item != nil {
					object[name] = r.tree(s.Value, item, p.child(name))
				}
			}
			return object
		}
	case table.Document:
		return plain(v)
	default:
		if leaf, ok := treeScalar(s.Kind, timestampFormat(m, epoch), v); ok {
			return leaf
		}
	}
	if !r.tolerant {
		r.note(p)
	}
	return plain(v)
}

// treeMembers reads the body members of a structure. A null member is the same
// as none, and __type is a server's own mark, not a parameter.
func (r *reader) treeMembers(s *table.Shape, object, into map[string]any, p *path) {
	known := 0
	for i := range s.Members {
		m := &s.Members[i]
		v, ok := object[m.WireName]
		if !ok || m.Location != table.InBody {
			continue
		}
		known++
		if v != nil {
			into[m.Name] = r.tree(m, v, p.child(m.Name))
		}
	}
	if s.Union && len(into) > 1 && !r.tolerant {
		r.note(p) // which of them the service takes is not ours to guess
	}
	if known == len(object) {
		return
	}
	isKnown := memberNames(s, len(object)-known, wireName)
	for name, v := range object {
		if _, text := v.(string); isKnown(name) || name == "__type" && text {
			continue
		}
		r.keep(into, name, plain(v), p)
	}
}

// treeScalar reads a leaf that has a type of its own on the wire.
func treeScalar(kind table.Kind, format string, v any) (any, bool) {
	if n, ok := number(v); ok {
		switch kind {
		case table.Integer, table.Long:
			return integer(n)
		case table.Float, table.Double:
			return float(n)
		case table.Timestamp:
			t, ok := parseEpoch(n)
			return stamp(t), ok
		}
		return nil, false
	}
	switch v := v.(type) {
	case string:
		switch kind {
		case table.String:
			return v, true
		case table.Blob:
			return blob(v)
		case table.Timestamp:
			t, ok := parseTime(v, format)
			return stamp(t), ok
		case table.Float, table.Double:
			if v == "NaN" || v == "Infinity" || v == "-Infinity" {
				return v, true
			}
		}
	case bool:
		return v, kind == table.Boolean
	case []byte:
		return base64.StdEncoding.EncodeToString(v), kind == table.Blob
	case time.Time:
		return stamp(v), kind == table.Timestamp && plausible(v)
	}
	return nil, false
}

// number gives any number's shortest exact text.
func number(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case big.Int:
		return v.String(), true
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN", true
		case math.IsInf(v, 1):
			return "Infinity", true
		case math.IsInf(v, -1):
			return "-Infinity", true
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// plain makes a value without a shape fit for JSON, in place.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			v[name] = plain(item)
		}
		return v
	case []any:
		for i, item := range v {
			v[i] = plain(item)
		}
		return v
	case string, bool, nil, json.Number: // as JSON has it already
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return stamp(v)
	}
	if n, ok := number(v); ok {
		if !json.Valid([]byte(n)) {
			return n // NaN and Infinity are text
		}
		return json.Number(n)
	}
	return v
}
