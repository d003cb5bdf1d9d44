package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/schema"
)

// The directives of a strategic merge patch.
const (
	directive      = "$patch"
	retainKeys     = "$retainKeys"
	elementOrder   = "$setElementOrder/"
	fromPrimitives = "$deleteFromPrimitiveList/"
)

// Strategic applies a strategic merge patch to an object of a message's kind.
func Strategic(m *schema.Message, current, patch map[string]any) (map[string]any, error) {
	if m == nil {
		return nil, fmt.Errorf("no table has the kind")
	}
	out, _ := clone(current).(map[string]any)
	in, _ := clone(patch).(map[string]any)
	merged, err := mergeObject(m, out, in, 0)
	if err != nil {
		return nil, err
	}
	settle(merged)
	return merged, nil
}

// settle takes out what no typed object has: nulls, and directives that met
// nothing to direct.
func settle(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			if item == nil || reserved(key) {
				delete(v, key)
				continue
			}
			settle(item)
		}
	case []any:
		for _, item := range v {
			settle(item)
		}
	}
}

// mergeObject merges in into out; it may change both. m is nil below what the
// table does not know (a map from text, say), where only plain values are sound.
func mergeObject(m *schema.Message, out, in map[string]any, depth int) (map[string]any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch what := in[directive]; what {
	case nil:
	case "replace":
		delete(in, directive)
		return in, nil
	case "delete":
		return map[string]any{}, nil
	default:
		return nil, fmt.Errorf("$patch is %v", what)
	}
	if out == nil {
		out = map[string]any{}
	}
	if err := retain(out, in); err != nil {
		return nil, err
	}
	if err := ordered(m, out, in, depth); err != nil {
		return nil, err
	}
	for key, value := range in {
		list, deletes := strings.CutPrefix(key, fromPrimitives)
		if deletes {
			key = list
		}
		if value == nil {
			delete(out, key)
			continue
		}
		was, there := out[key]
		if there && sameShape(was, value) {
			merged, err := mergeField(field(m, key), was, value, deletes, depth)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			out[key] = merged
			continue
		}
		if deletes {
			continue
		}
		if plain, keep := plainValue(value); keep {
			out[key] = plain
		} else {
			delete(out, key)
		}
	}
	return out, nil
}

// retain drops the keys that $retainKeys does not list.
func retain(out, in map[string]any) error {
	list, given := in[retainKeys]
	if !given {
		return nil
	}
	delete(in, retainKeys)
	keep, ok := list.([]any)
	if !ok {
		return fmt.Errorf("$retainKeys is no list")
	}
	for key, value := range in {
		if value != nil && !strings.HasPrefix(key, "$") && !slices.Contains(keep, any(key)) {
			return fmt.Errorf("$retainKeys does not have %s, which the patch sets", key)
		}
	}
	for key := range out {
		if !slices.Contains(keep, any(key)) {
			delete(out, key)
		}
	}
	return nil
}

// ordered merges the lists whose order $setElementOrder gives.
func ordered(m *schema.Message, out, in map[string]any, depth int) error {
	for key, value := range in {
		name, isOrder := strings.CutPrefix(key, elementOrder)
		if !isOrder {
			continue
		}
		delete(in, key)
		order, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s is no list", key)
		}
		was, hasWas := out[name]
		new, hasNew := in[name]
		wasList, ok1 := was.([]any)
		newList, ok2 := new.([]any)
		if hasWas && !ok1 || hasNew && !ok2 {
			return fmt.Errorf("%s is no list", name)
		}
		f := field(m, name)
		var merged []any
		switch {
		case hasWas && hasNew:
			v, err := mergeField(f, wasList, newList, false, depth)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			merged, _ = v.([]any)
		case hasWas:
			merged = wasList
		case hasNew:
			v, _ := plainValue(newList)
			merged, _ = v.([]any)
		default:
			continue
		}
		out[name] = arrange(merged, order, originalOrder(wasList, newList, merged, f.MergeKey), f.MergeKey)
		delete(in, name)
	}
	return nil
}

// originalOrder is the order that the server takes for the original's. Where the
// patch deletes elements its library moves the others up, and new ones into the
// places at the end that fall free.
func originalOrder(was, patch, merged []any, key string) []any {
	if key == "" {
		return was
	}
	var order []any
	for _, v := range was {
		if find(merged, key, keyOf(v, key)) >= 0 {
			order = append(order, v)
		}
	}
	for _, v := range patch {
		what := keyOf(v, directive)
		if what == "replace" {
			return was
		}
		if what == nil && len(order) < len(was) && find(order, key, keyOf(v, key)) < 0 {
			order = append(order, v)
		}
	}
	return order
}

func field(m *schema.Message, name string) schema.Field {
	if m == nil {
		return schema.Field{}
	}
	return m.JSON[name]
}

// mergeField merges two values of one shape.
func mergeField(f schema.Field, was, value any, deletes bool, depth int) (any, error) {
	merges, replaces := false, false
	for s := range strings.SplitSeq(f.Strategy, ",") {
		merges, replaces = merges || s == "merge", replaces || s == "replace"
	}
	switch value := value.(type) {
	case map[string]any:
		if replaces {
			return value, nil
		}
		inner := f.Type
		if f.Map() {
			inner = "" // a map's keys are data
		}
		was, _ := was.(map[string]any)
		return mergeObject(schema.Named(inner), was, value, depth+1)
	case []any:
		was, _ := was.([]any)
		if !merges && !deletes {
			return value, nil
		}
		return mergeList(f, was, value, deletes, depth)
	}
	return value, nil
}

func mergeList(f schema.Field, was, value []any, deletes bool, depth int) (any, error) {
	if len(was) == 0 && len(value) == 0 {
		return was, nil
	}
	objects := false
	for _, item := range append(slices.Clone(was), value...) {
		_, isObject := item.(map[string]any)
		if _, isList := item.([]any); isList || item == nil {
			return nil, fmt.Errorf("a list of lists or nulls cannot be merged")
		}
		objects = isObject
	}
	if !objects {
		if deletes {
			return slices.DeleteFunc(was, func(v any) bool { return has(value, v) }), nil
		}
		var merged []any
		for _, v := range append(slices.Clone(was), value...) {
			if !has(merged, v) {
				merged = append(merged, v)
			}
		}
		return arrange(merged, value, was, ""), nil
	}
	if f.MergeKey == "" {
		return nil, fmt.Errorf("the list has no merge key")
	}
	return mergeObjects(f, was, value, depth)
}

// mergeObjects merges a list of objects by its key.
func mergeObjects(f schema.Field, was, value []any, depth int) (any, error) {
	var plain []any
	whole := false
	for _, item := range value {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("an element is no object")
		}
		what, special := object[directive]
		if !special {
			plain = append(plain, item)
			continue
		}
		key, hasKey := object[f.MergeKey]
		switch {
		case what == "replace":
			whole = true
		case what == "delete" && hasKey:
			was = slices.DeleteFunc(was, func(v any) bool { return keyOf(v, f.MergeKey) != nil && Equal(keyOf(v, f.MergeKey), key) })
		default:
			return nil, fmt.Errorf("$patch is %v, with %s %v", what, f.MergeKey, key)
		}
	}
	original := was
	if whole {
		was, plain, original = plain, nil, plain
	}
	merged := slices.Clone(was)
	element := schema.Named(f.Element())
	for _, item := range plain {
		object := item.(map[string]any)
		key, ok := object[f.MergeKey]
		if !ok {
			return nil, fmt.Errorf("an element without its key %s", f.MergeKey)
		}
		at := find(merged, f.MergeKey, key)
		if at < 0 {
			merged = append(merged, item)
			continue
		}
		old, _ := merged[at].(map[string]any)
		one, err := mergeObject(element, old, object, depth+1)
		if err != nil {
			return nil, err
		}
		merged[at] = one
	}
	return arrange(merged, plain, original, f.MergeKey), nil
}
