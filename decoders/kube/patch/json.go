package patch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxOperations is the server's own bound of a JSON patch.
const maxOperations = 10_000

// maxCopied bounds the values that copy operations may make: more than a large object
// holds, less than 10,000 copies of it.
const maxCopied = 1 << 17

// JSON applies a JSON patch: a list of operations, all or none. It keeps what the
// server's own library has beside RFC 6902: replace sets a key that is not there,
// and copy of one that is not there copies null.
func JSON(current any, operations []any) (any, error) {
	if len(operations) > maxOperations {
		return nil, fmt.Errorf("more than %d operations", maxOperations)
	}
	out, budget := clone(current), maxCopied
	for i, one := range operations {
		op, ok := one.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("operation %d is no object", i)
		}
		var err error
		if out, err = operate(out, op, &budget); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return out, nil
}

func operate(document any, op map[string]any, budget *int) (any, error) {
	name, _ := op["op"].(string)
	path, err := pointer(op, "path")
	if err != nil {
		return nil, err
	}
	value, given := op["value"]
	switch name {
	case "add", "replace", "test":
		if !given {
			if name != "test" {
				return nil, fmt.Errorf("%s without a value", name)
			}
		}
	case "remove":
		return edit(document, path, remove)
	case "move", "copy":
		from, err := pointer(op, "from")
		if err != nil {
			return nil, err
		}
		if value, err = lookUp(document, from); err != nil {
			return nil, err
		}
		if len(from) == 0 {
			return nil, fmt.Errorf("%s of the whole document", name)
		}
		if name == "copy" {
			if *budget -= size(value); *budget < 0 {
				return nil, fmt.Errorf("copies make more than %d values", maxCopied)
			}
			break
		}
		if document, err = edit(document, from, remove); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("no operation %q", name)
	}
	value = clone(value)
	switch name {
	case "test":
		if found, err := lookUp(document, path); err != nil || !Equal(found, value) {
			return nil, fmt.Errorf("test of /%s: it is another value", strings.Join(path, "/"))
		}
		return document, nil
	case "replace":
		if len(path) == 0 {
			return value, nil
		}
		return edit(document, path, func(in any, key string) (any, error) { return replace(in, key, value) })
	}
	return edit(document, path, func(in any, key string) (any, error) { return add(in, key, value) })
}

// pointer reads a JSON pointer into its keys.
func pointer(op map[string]any, field string) ([]string, error) {
	text, ok := op[field].(string)
	if !ok {
		return nil, fmt.Errorf("%s is missing", field)
	}
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("%s %q does not begin with /", field, text)
	}
	keys := strings.Split(text[1:], "/")
	if len(keys) > maxDepth {
		return nil, fmt.Errorf("%s is deeper than %d", field, maxDepth)
	}
	for i, key := range keys {
		keys[i] = unescape.Replace(key)
	}
	return keys, nil
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func size(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			n += size(item)
		}
	case []any:
		for _, item := range v {
			n += size(item)
		}
	}
	return n
}

func lookUp(v any, path []string) (any, error) {
	for i, key := range path {
		if object, ok := v.(map[string]any); ok && i == len(path)-1 {
			return object[key], nil
		}
		var err error
		if v, err = child(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func child(v any, key string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		item, ok := v[key]
		if !ok {
			return nil, fmt.Errorf("there is no %q", key)
		}
		return item, nil
	case []any:
		i, err := index(key, len(v))
		if err != nil {
			return nil, err
		}
		return v[i], nil
	}
	return nil, fmt.Errorf("%q is below what is no object and no list", key)
}

// index reads the index of an element that is there; the server counts negative
// ones from the end.
func index(key string, n int) (int, error) {
	i, err := strconv.Atoi(key)
	if err != nil {
		return 0, fmt.Errorf("%q is no index", key)
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return 0, fmt.Errorf("index %s of %d elements", key, n)
	}
	return i, nil
}

// edit changes what is at a path below v by changing what holds it.
func edit(v any, path []string, change func(in any, key string) (any, error)) (any, error) {
	if len(path) == 0 {
		return nil, fmt.Errorf("the path is of the whole document")
	}
	if len(path) == 1 {
		return change(v, path[0])
	}
	inner, err := child(v, path[0])
	if err != nil {
		return nil, err
	}
	if inner, err = edit(inner, path[1:], change); err != nil {
		return nil, err
	}
	return replace(v, path[0], inner)
}

func remove(in any, key string) (any, error) {
	if _, err := child(in, key); err != nil {
		return nil, err
	}
	switch in := in.(type) {
	case map[string]any:
		delete(in, key)
		return in, nil
	case []any:
		i, err := index(key, len(in))
		if err != nil {
			return nil, err
		}
		return slices.Delete(in, i, i+1), nil
	}
	return in, nil
}

func replace(in any, key string, value any) (any, error) {
	switch in := in.(type) {
	case map[string]any:
		in[key] = value
		return in, nil
	case []any:
		i, err := index(key, len(in))
		if err != nil {
			return nil, err
		}
		in[i] = value
		return in, nil
	}
	return nil, fmt.Errorf("%q is below what is no object and no list", key)
}

func add(in any, key string, value any) (any, error) {
	switch in := in.(type) {
	case map[string]any:
		in[key] = value
		return in, nil
	case []any:
		if key == "-" {
			return append(in, value), nil
		}
		i, err := index(key, len(in)+1)
		if err != nil {
			return nil, err
		}
		return slices.Insert(in, i, value), nil
	}
	return nil, fmt.Errorf("%q is below what is no object and no list", key)
}
