// Package patch computes what the API server would make of an object: the four
// kinds of patch, applied to the object as it is now. It holds no state and makes
// no call; the arguments are never changed.
//
//   - Merge: a JSON merge patch (RFC 7396).
//   - JSON: a JSON patch (RFC 6902), within the server's bound of operations.
//   - Strategic: a strategic merge patch, by the merge keys of the table in
//     decoders/kube/schema, with its directives ($patch, $setElementOrder,
//     $retainKeys, $deleteFromPrimitiveList).
//   - Apply: server-side apply, by the list types of that table and by who manages
//     which field (metadata.managedFields).
//
// What comes after in the server is not here: defaults, admission that mutates,
// status and metadata that the server keeps itself.
package patch

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
)

// maxDepth bounds the nesting of what a patch makes; readers bound it before.
const maxDepth = 1000

// Clone copies an object to every depth.
func Clone(object map[string]any) map[string]any {
	out, _ := clone(object).(map[string]any)
	return out
}

// clone copies maps and lists to every depth.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return v
}

// Equal compares two values of JSON; 1 and 1.0 are one number.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, Equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case json.Number:
		b, ok := b.(json.Number)
		if !ok || a == b {
			return ok
		}
		if len(a) > 40 || len(b) > 40 { // 1e999999999 is no number to work out
			return false
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		if errX != nil || errY != nil || x != y {
			return false
		}
		p, okP := new(big.Rat).SetString(a.String())
		q, okQ := new(big.Rat).SetString(b.String())
		return okP && okQ && p.Cmp(q) == 0
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// Merge applies a JSON merge patch, as the server's own library does: what meets
// no object has the nulls taken out of the objects in it, in lists too; a list
// that takes an object's place is taken as it is.
func Merge(current, patch any) any {
	c, ok := current.(map[string]any)
	if !ok {
		return withoutNulls(patch)
	}
	p, ok := patch.(map[string]any)
	if !ok {
		return clone(patch)
	}
	out := maps.Clone(c)
	for key, value := range p {
		if value == nil {
			delete(out, key)
			continue
		}
		out[key] = Merge(out[key], value)
	}
	return out
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			if item != nil {
				out[key] = withoutNulls(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withoutNulls(item)
		}
		return out
	}
	return v
}
