package cfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// filler fills in what can be known, and remembers what cannot.
type filler struct {
	values     Values
	parameters map[string]any // declared
	mappings   map[string]any
	resources  map[string]any
	open       []string // left open in the present resource
	nodes      int
	text       int
}

func newFiller(t, resources map[string]any, v Values) *filler {
	f := &filler{values: v, resources: resources}
	f.parameters, _ = t["Parameters"].(map[string]any)
	f.mappings, _ = t["Mappings"].(map[string]any)
	return f
}

func (f *filler) leave(name string) {
	if len(f.open) < maxUnresolved && !slices.Contains(f.open, name) {
		f.open = append(f.open, name)
	}
}

// absent stands for AWS::NoValue: the property is not there.
type absent struct{}

func (f *filler) fill(v any, depth int) (any, error) {
	if f.nodes++; f.nodes > maxNodes || depth > maxDepth {
		return nil, errors.New("too many values, or nested too deep")
	}
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "{{resolve:") {
			f.leave("dynamic reference")
		}
		if f.text += len(v); f.text > maxText {
			return nil, errors.New("too much text")
		}
		return v, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			x, err := f.fill(e, depth+1)
			if err != nil {
				return nil, err
			}
			if _, none := x.(absent); !none {
				out = append(out, x)
			}
		}
		return out, nil
	case map[string]any:
		if IsFunction(v) {
			for name, argument := range v {
				return f.function(name, argument, depth)
			}
		}
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if strings.HasPrefix(k, "Fn::") { // a macro or a loop beside plain names
				f.leave(k)
			}
			x, err := f.fill(v[k], depth+1)
			if err != nil {
				return nil, err
			}
			if _, none := x.(absent); !none {
				out[k] = x
			}
		}
		return out, nil
	}
	return v, nil
}

// function gives a function's value, or the function itself with its argument
// filled in.
func (f *filler) function(name string, argument any, depth int) (any, error) {
	switch name {
	case "Ref":
		id, _ := argument.(string)
		if v, ok := f.ref(id); ok {
			return f.fill(v, depth+1)
		}
		return map[string]any{name: argument}, nil
	case "Fn::GetAtt":
		return map[string]any{name: argument}, nil
	case "Fn::Sub":
		return f.sub(argument, depth)
	}
	filled, err := f.fill(argument, depth+1)
	if err != nil {
		return nil, err
	}
	switch name {
	case "Fn::Join":
		if text, ok := join(filled); ok {
			return f.fill(text, depth+1)
		}
	case "Fn::FindInMap":
		if v, ok := f.find(filled); ok {
			return f.fill(v, depth+1)
		}
		f.leave(name)
	case "Fn::Base64", "Fn::ToJsonString":
	default:
		f.leave(name)
	}
	return map[string]any{name: filled}, nil
}

// ref gives what a name stands for. Another resource is known, without a value.
func (f *filler) ref(id string) (any, bool) {
	if id == "AWS::NoValue" {
		return absent{}, true
	}
	if v, ok := f.values.Pseudo[id]; ok && v != "" {
		return v, true
	}
	declared, isParameter := f.parameters[id].(map[string]any)
	if !isParameter {
		if _, isResource := f.resources[id]; !isResource {
			f.leave("Ref " + id)
		}
		return nil, false
	}
	if isHidden(declared) {
		return f.values.Redacted, true
	}
	v, given := f.values.Parameters[id]
	if !given {
		if d, ok := declared["Default"]; ok && !f.values.Previous[id] {
			v, given = Scalar(d)
		}
	}
	kind, _ := declared["Type"].(string)
	if !given || strings.HasPrefix(kind, "AWS::SSM::Parameter::Value") {
		f.leave("Ref " + id)
		return nil, false
	}
	if kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
		var list []any
		for part := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(part))
		}
		return list, true
	}
	return v, true
}

func isHidden(declared map[string]any) bool {
	return strings.EqualFold(fmt.Sprint(declared["NoEcho"]), "true")
}

// hidden reports whether the template itself holds a value that is not to be shown.
func (f *filler) hidden() bool {
	for _, v := range f.parameters {
		declared, _ := v.(map[string]any)
		if _, has := declared["Default"]; has && isHidden(declared) {
			return true
		}
	}
	return false
}

// Scalar is the text of a value that a template may write as text, and of nothing
// else.
func Scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool, json.Number:
		return fmt.Sprint(v), true
	}
	return "", false
}

// sub fills ${Names} in a text.
func (f *filler) sub(argument any, depth int) (any, error) {
	text, ok := argument.(string)
	own := map[string]any{}
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		m, isMap := list[1].(map[string]any)
		ok = ok && isMap
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v, err := f.fill(m[k], depth+1)
			if err != nil {
				return nil, err
			}
			own[k] = v
		}
	}
	if !ok {
		f.leave("Fn::Sub")
		return map[string]any{"Fn::Sub": argument}, nil
	}
	var b strings.Builder
	whole := true
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			b.WriteString("${" + after)
			break
		}
		rest = tail
		if literal, isLiteral := strings.CutPrefix(name, "!"); isLiteral {
			b.WriteString("${" + literal + "}")
			continue
		}
		v, known := own[name]
		if _, mine := own[name]; !mine {
			id, _, _ := strings.Cut(name, ".")
			if _, isResource := f.resources[id]; !isResource {
				v, known = f.ref(name)
			}
		}
		value, isText := Scalar(v)
		if !known || !isText {
			whole = false
			b.WriteString("${" + name + "}")
			continue
		}
		b.WriteString(value)
		if f.text += len(value); f.text > maxText {
			return nil, errors.New("too much text")
		}
	}
	if !whole {
		return map[string]any{"Fn::Sub": b.String()}, nil
	}
	return f.fill(b.String(), depth+1)
}

func join(v any) (string, bool) {
	list, _ := v.([]any)
	if len(list) != 2 {
		return "", false
	}
	separator, ok := list[0].(string)
	items, isList := list[1].([]any)
	if !ok || !isList {
		return "", false
	}
	parts := make([]string, len(items))
	for i, item := range items {
		if parts[i], ok = Scalar(item); !ok {
			return "", false
		}
	}
	return strings.Join(parts, separator), true
}

func (f *filler) find(v any) (any, bool) {
	keys, _ := v.([]any)
	if len(keys) != 3 {
		return nil, false
	}
	var at any = f.mappings
	for _, k := range keys {
		m, ok := at.(map[string]any)
		name, isText := Scalar(k)
		if !ok || !isText {
			return nil, false
		}
		if at, ok = m[name]; !ok {
			return nil, false
		}
	}
	return at, true
}
