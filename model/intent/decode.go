package intent

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

// maxDepth bounds nesting: the deepest honest document is a rule's test input.
const maxDepth = 32

// decoder fills documents from YAML nodes, strictly. The field names come from
// the yaml tags; ",required" asks for a value.
type decoder struct {
	file string
	p    *problems
}

func (d *decoder) at(n *yaml.Node) Pos { return Pos{File: d.file, Line: n.Line, Col: n.Column} }

func (d *decoder) bad(n *yaml.Node, code, suggestion, format string, args ...any) {
	d.p.add(d.at(n), code, suggestion, format, args...)
}

// value decodes one node into v; name says what it is in messages.
func (d *decoder) value(n *yaml.Node, v reflect.Value, name string, depth int) {
	switch {
	case depth > maxDepth:
		d.bad(n, CodeBound, "", "%s is nested deeper than %d levels", name, maxDepth)
		return
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.bad(n, CodeBound, "write the value out", "%s uses an anchor or alias; what is signed has to be readable where it stands", name)
		return
	case n.Tag == "!!null":
		d.bad(n, CodeValue, "leave the field out, or give it a value", "%s has no value", name)
		return
	}
	switch into := v.Addr().Interface().(type) {
	case *Words:
		*into = d.words(n, name)
		return
	case *Verbs:
		for i, word := range d.words(n, name) {
			at := n
			if n.Kind == yaml.SequenceNode {
				at = n.Content[i]
			}
			if !slices.Contains(verbNames(), word) {
				d.bad(at, CodeValue, didYouMean(word, verbNames()), "%q is not a verb", word)
			}
			*into = append(*into, model.Verb(word))
		}
		return
	case *Text:
		if s, ok := d.text(n, name); ok {
			into.Body, into.Line = s, n.Line
			if n.Style == yaml.LiteralStyle || n.Style == yaml.FoldedStyle {
				into.Line++ // the block starts below its marker
			}
		}
		return
	case *Conditions:
		*into = d.conditions(n, name)
		return
	case *Edges:
		*into = Edges(d.words(n, name))
		return
	case *Fields:
		*into = d.fields(n, name, depth)
		return
	case *Days:
		*into = Days(d.words(n, name))
		return
	case *Day:
		if s, ok := d.text(n, name); ok {
			if _, err := time.Parse(time.DateOnly, s); err != nil {
				d.bad(n, CodeValue, `write a day: "2026-09-30"`, "%s cannot be %q", name, s)
			}
			*into = Day(s)
		}
		return
	case *Period:
		if s, ok := d.text(n, name); ok {
			length, err := time.ParseDuration(s)
			if err != nil || length <= 0 {
				d.bad(n, CodeValue, "write a length of time: 30m, 4h", "%s cannot be %q", name, s)
			}
			*into = Period(length)
		}
		return
	case choice:
		if s, ok := d.text(n, name); ok {
			if !slices.Contains(into.choices(), s) {
				d.bad(n, CodeValue, didYouMean(s, into.choices()), "%s cannot be %q", name, s)
			}
			v.SetString(s)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), name, depth)
	case reflect.Struct:
		d.object(n, v, name, depth)
	case reflect.String:
		if s, ok := d.text(n, name); ok {
			v.SetString(s)
		}
	case reflect.Bool:
		if b, err := strconv.ParseBool(n.Value); n.Kind == yaml.ScalarNode && n.Tag == "!!bool" && err == nil {
			v.SetBool(b)
		} else {
			d.bad(n, CodeValue, "write true or false", "%s has to be true or false", name)
		}
	case reflect.Int:
		i, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i < 0 {
			d.bad(n, CodeValue, "", "%s has to be a whole number, 0 or more", name)
		}
		v.SetInt(i)
	case reflect.Slice:
		d.list(n, v, name, depth)
	case reflect.Map:
		d.table(n, v, name, depth)
	}
}

// text reads a scalar; numbers are taken as they were written (account ids).
func (d *decoder) text(n *yaml.Node, name string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.bad(n, CodeValue, "", "%s has to be a text", name)
		return "", false
	}
	if strings.TrimSpace(n.Value) == "" {
		d.bad(n, CodeValue, "", "%s is empty", name)
		return "", false
	}
	return n.Value, true
}

func (d *decoder) words(n *yaml.Node, name string) Words {
	if n.Kind == yaml.ScalarNode {
		if s, ok := d.text(n, name); ok {
			return Words{s}
		}
		return nil
	}
	var out []string
	d.list(n, reflect.ValueOf(&out).Elem(), name, 0)
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.bad(n, CodeValue, "leave the field out, or name something", "%s is an empty list", name)
	}
	return out
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, name string, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.bad(n, CodeValue, "write a list: ["+"…]", "%s has to be a list", name)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, out.Index(i), "an item of "+name, depth+1)
	}
	v.Set(out)
}

// table decodes a map with string keys: text to text, or anything for examples.
func (d *decoder) table(n *yaml.Node, v reflect.Value, name string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, CodeValue, "", "%s has to be a map", name)
		return
	}
	if v.Type().Elem().Kind() == reflect.Interface {
		if m, ok := d.free(n, name, depth).(map[string]any); ok {
			v.Set(reflect.ValueOf(m))
		}
		return
	}
	if len(n.Content) == 0 {
		d.bad(n, CodeValue, "leave the field out, or name something", "%s is empty", name)
	}
	if item := v.Type().Elem(); item.Kind() == reflect.Struct {
		d.named(n, v, item, name, depth)
		return
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if _, twice := out[key.Value]; twice {
			d.bad(key, CodeDuplicate, "", "%s has %s twice", name, key.Value)
		}
		var s string
		d.value(n.Content[i+1], reflect.ValueOf(&s).Elem(), name+"."+key.Value, depth+1)
		out[key.Value] = s
	}
	v.Set(reflect.ValueOf(out))
}

// named decodes a map of things by name.
func (d *decoder) named(n *yaml.Node, v reflect.Value, item reflect.Type, name string, depth int) {
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := reflect.ValueOf(n.Content[i].Value)
		if out.MapIndex(key).IsValid() {
			d.bad(n.Content[i], CodeDuplicate, "", "%s has %s twice", name, n.Content[i].Value)
		}
		if !nameForm.MatchString(n.Content[i].Value) {
			d.bad(n.Content[i], CodeValue, "use lower-case letters, digits, dots and dashes", "%q of %s cannot be a name", n.Content[i].Value, name)
		}
		one := reflect.New(item).Elem()
		d.value(n.Content[i+1], one, name+"."+n.Content[i].Value, depth+1)
		out.SetMapIndex(key, one)
	}
	v.Set(out)
}

// free decodes an example of JSON-like data.
func (d *decoder) free(n *yaml.Node, name string, depth int) any {
	if depth > maxDepth || n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.bad(n, CodeBound, "write the value out", "%s is nested too deep, or uses an anchor or alias", name)
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := out[key]; twice {
				d.bad(n.Content[i], CodeDuplicate, "", "%s has %s twice", name, key)
			}
			out[key] = d.free(n.Content[i+1], name+"."+key, depth+1)
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = d.free(item, name, depth+1)
		}
		return out
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		b, _ := strconv.ParseBool(n.Value)
		return b
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
		d.bad(n, CodeValue, "write it as JSON would, or in quotes", "%s: %s is not a JSON number", name, n.Value)
		return nil
	}
	return n.Value
}

// fieldName returns a struct field's name in documents, and whether it is required.
func fieldName(f reflect.StructField) (name string, required bool) {
	name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return "", false
	}
	return name, option == "required"
}

// object decodes a mapping into a struct.
func (d *decoder) object(n *yaml.Node, v reflect.Value, name string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, CodeValue, "", "%s has to be a map", name)
		return
	}
	fields, known, required := map[string]int{}, []string{}, []string{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type == reflect.TypeFor[Pos]() {
			v.Field(i).Set(reflect.ValueOf(d.at(n)))
			continue
		}
		if key, must := fieldName(f); key != "" {
			fields[key] = i
			known = append(known, key)
			if must {
				required = append(required, key)
			}
		}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		index, ok := fields[key.Value]
		switch {
		case !ok && later[key.Value]:
			d.bad(key, CodeField, "take it out", "%s of %s is not enforced by this version, and a condition is never skipped", key.Value, name)
		case !ok:
			d.bad(key, CodeField, didYouMean(key.Value, known), "%s has no field %s", name, key.Value)
		case seen[key.Value]:
			d.bad(key, CodeDuplicate, "", "%s has %s twice", name, key.Value)
		default:
			d.value(val, v.Field(index), key.Value, depth+1)
		}
		seen[key.Value] = true
	}
	for _, key := range required {
		if !seen[key] {
			d.bad(n, CodeMissing, "add "+key+":", "%s needs %s", name, key)
		} else if f := v.Field(fields[key]); f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && f.Len() == 0 {
			d.bad(n, CodeMissing, "", "%s of %s is empty", key, name)
		}
	}
}

// later names conditions that the language will have; until they are enforced,
// a document with one is refused in plain words.
var later = map[string]bool{
	"residency": true,
	"blast":     true, "cost": true, "namespace": true,
	"createdBy": true, "not": true, "oblige": true,
}
