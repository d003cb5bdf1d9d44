package patch

import "slices"

func sameShape(a, b any) bool {
	switch a.(type) {
	case map[string]any:
		_, ok := b.(map[string]any)
		return ok
	case []any:
		_, ok := b.([]any)
		return ok
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// plainValue takes directives and nulls out of a value that meets nothing to merge
// with. keep is false for what deletes itself.
func plainValue(v any) (plain any, keep bool) {
	switch v := v.(type) {
	case map[string]any:
		if _, special := v[directive]; special {
			return nil, false
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			if item == nil {
				continue
			}
			if inner, keep := plainValue(item); keep {
				out[key] = inner
			}
		}
		return out, true
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if inner, keep := plainValue(item); keep {
				out = append(out, inner)
			}
		}
		return out, true
	}
	return v, true
}

func reserved(key string) bool {
	if key == directive || key == retainKeys {
		return true
	}
	for _, prefix := range []string{elementOrder, fromPrimitives} {
		if len(key) > len(prefix) && key[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

func has(list []any, v any) bool {
	return slices.ContainsFunc(list, func(item any) bool { return Equal(item, v) })
}

func keyOf(v any, key string) any {
	object, _ := v.(map[string]any)
	return object[key]
}

// find returns where the element of a key is; with no key, where the value is.
func find(list []any, key string, value any) int {
	return slices.IndexFunc(list, func(item any) bool {
		if key == "" {
			return Equal(item, value)
		}
		k := keyOf(item, key)
		return k != nil && Equal(k, value)
	})
}

// arrange orders a merged list as the server does: the elements of the patch in
// the patch's order, the others in theirs, and each of the others before an
// element of the patch where it was before it.
func arrange(merged, order, original []any, key string) []any {
	at := func(list []any, v any) int {
		if key != "" {
			return find(list, key, keyOf(v, key))
		}
		return find(list, "", v)
	}
	var named, others []any
	for _, v := range merged {
		if at(order, v) >= 0 {
			named = append(named, v)
		} else {
			others = append(others, v)
		}
	}
	by := func(list []any) func(a, b any) int {
		return func(a, b any) int { return at(list, a) - at(list, b) }
	}
	slices.SortStableFunc(named, by(order))
	slices.SortStableFunc(others, by(original))
	out := make([]any, 0, len(merged))
	for len(named) > 0 && len(others) > 0 {
		i, j := at(original, others[0]), at(original, named[0])
		if i >= 0 && j >= 0 && i < j {
			out, others = append(out, others[0]), others[1:]
		} else {
			out, named = append(out, named[0]), named[1:]
		}
	}
	return append(append(out, named...), others...)
}
