package reconcile

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"sort"
	"strings"
)

const (
	// maxDepth bounds what is walked; decoders' attributes are nowhere near it.
	maxDepth = 64
	// maxFields bounds the differences of one resource: after so many, it is another.
	maxFields = 200
	// maxText bounds a text that is looked at as JSON: the longest policies have 20 KB.
	maxText = 256 << 10
)

// difference is one field that is not as it was. A nil side: it is not there.
type difference struct {
	path     string // for people: with the keys of lists
	plain    string // for rules: without positions and keys
	was, now any
}

// comparing compares two values of one type of resource.
type comparing struct {
	rules *Rules
	kind  string
	out   []difference
}

// diff finds what differs between two values, in the order of the paths.
func diff(rules *Rules, kind string, was, now any) []difference {
	c := &comparing{rules: rules, kind: kind}
	c.value("", "", was, now, 0)
	sort.SliceStable(c.out, func(i, j int) bool { return c.out[i].path < c.out[j].path })
	return c.out
}

func parse(raw json.RawMessage) any {
	if len(raw) == 0 {
		return map[string]any{}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(raw)
	}
	return v
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *comparing) add(path, plain string, was, now any) {
	if len(c.out) < maxFields && !c.rules.is(computed, c.kind, plain) {
		c.out = append(c.out, difference{path, plain, was, now})
	}
}

func (c *comparing) value(path, plain string, was, now any, depth int) {
	was, now = said(was), said(now)
	a, aMap := was.(map[string]any)
	b, bMap := now.(map[string]any)
	if aMap && bMap && depth < maxDepth {
		c.fields(path, plain, a, b, depth)
		return
	}
	x, xList := was.([]any)
	y, yList := now.([]any)
	if xList && yList && depth < maxDepth {
		c.list(path, plain, x, y, depth)
		return
	}
	if empty(was) && empty(now) || c.same(plain, was, now) {
		return
	}
	c.add(path, plain, was, now)
}

func (c *comparing) fields(path, plain string, a, b map[string]any, depth int) {
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c.value(join(path, name), join(plain, name), a[name], b[name], depth+1)
	}
}

// list compares two lists: by position where the order counts, by what names each
// item where something does, and as sets otherwise.
func (c *comparing) list(path, plain string, a, b []any, depth int) {
	if c.rules.is(ordered, c.kind, plain) {
		if canonical(a) != canonical(b) {
			c.add(path, plain, a, b)
		}
		return
	}
	a, b = c.spread(plain, a), c.spread(plain, b)
	if key := keyOf(a, b); key != "" {
		x, y := byKey(a, key), byKey(b, key)
		names := maps.Clone(x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			at := path + "[" + name + "]"
			switch {
			case x[name] == nil:
				c.add(at, plain, nil, y[name])
			case y[name] == nil:
				c.add(at, plain, x[name], nil)
			default:
				c.value(at, plain, x[name], y[name], depth+1)
			}
		}
		return
	}
	gone, come := c.less(plain, a, b), c.less(plain, b, a)
	if len(gone)+len(come) > 0 {
		c.add(path, plain, orNil(gone), orNil(come))
	}
}

func orNil(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// less is what is in one list and not in the other, as often as it is.
func (c *comparing) less(plain string, a, b []any) (out []any) {
	left := map[string]int{}
	for _, item := range b {
		left[c.text(plain, item)]++
	}
	for _, item := range a {
		t := c.text(plain, item)
		if left[t]--; left[t] < 0 {
			out = append(out, item)
		}
	}
	return out
}

// keyOf is the member that names every item of two lists, each one otherwise.
func keyOf(lists ...[]any) string {
	var names []string
	for _, list := range lists {
		for _, item := range list {
			m, ok := item.(map[string]any)
			if !ok {
				return ""
			}
			if names == nil {
				for name, v := range m {
					if _, text := v.(string); text && isKey(name) {
						names = append(names, name)
					}
				}
				sort.Slice(names, func(i, j int) bool { // the shortest name names the item itself
					return len(names[i]) < len(names[j]) || len(names[i]) == len(names[j]) && names[i] < names[j]
				})
			}
		}
	}
	for _, name := range names {
		if slices.IndexFunc(lists, func(list []any) bool { return len(byKey(list, name)) != len(list) }) < 0 {
			return name
		}
	}
	return ""
}

func isKey(name string) bool {
	lower := strings.ToLower(name)
	for _, end := range []string{"key", "name", "id", "arn", "identifier"} {
		if strings.HasSuffix(lower, end) {
			return true
		}
	}
	return false
}

func byKey(list []any, key string) map[string]any {
	out := make(map[string]any, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		if name, ok := m[key].(string); ok {
			out[name] = item
		}
	}
	return out
}

// same compares two leaves, or a leaf with something else.
func (c *comparing) same(plain string, a, b any) bool { return c.text(plain, a) == c.text(plain, b) }

// text is a value in one spelling: keys sorted, sets sorted, what is computed left
// out.
func (c *comparing) text(plain string, v any) string {
	return canonical(c.plainly(plain, v, 0))
}

func (c *comparing) plainly(plain string, v any, depth int) any {
	if depth > maxDepth {
		return v
	}
	switch v := said(v).(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			if at := join(plain, name); !c.rules.is(computed, c.kind, at) && !empty(item) {
				out[name] = c.plainly(at, item, depth+1)
			}
		}
		return out
	case []any:
		v = c.spread(plain, v)
		texts := make([]string, len(v))
		items := make(map[string]any, len(v))
		for i, item := range v {
			made := c.plainly(plain, item, depth+1)
			texts[i] = canonical(made)
			items[texts[i]] = made
		}
		if !c.rules.is(ordered, c.kind, plain) {
			sort.Strings(texts)
		}
		out := make([]any, len(texts))
		for i, t := range texts {
			out[i] = items[t]
		}
		return out
	default:
		return v
	}
}

func canonical(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// said is what a value says: a text that is JSON, or a policy in a URL's spelling,
// is what it holds. In a policy one item stands for a list of it.
func said(v any) any {
	text, ok := v.(string)
	if !ok || len(text) < 2 || len(text) > maxText {
		return number(v)
	}
	if strings.HasPrefix(text, "%7B") {
		if plain, err := url.QueryUnescape(text); err == nil {
			text = plain
		}
	}
	if text[0] != '{' && text[0] != '[' {
		return v
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var inner any
	if d.Decode(&inner) != nil || d.More() {
		return v
	}
	if m, ok := inner.(map[string]any); ok && m["Statement"] != nil {
		return singles(m, 0)
	}
	return inner
}

// number gives every number of one value one spelling.
func number(v any) any {
	if n, ok := v.(json.Number); ok {
		if f, err := n.Float64(); err == nil && strings.ContainsAny(n.String(), ".eE") {
			return f
		}
	}
	return v
}

// singles takes lists of one apart, everywhere in a policy.
func singles(v any, depth int) any {
	if depth > maxDepth {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = singles(item, depth+1)
		}
		return out
	case []any:
		if len(v) == 1 {
			return singles(v[0], depth+1)
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = singles(item, depth+1)
		}
		return out
	}
	return v
}

// empty is what says nothing: a service may leave an empty list out, or not.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
