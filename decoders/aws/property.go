package aws

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/model"
)

//go:embed properties.yaml
var propertiesYAML []byte

//go:embed states.yaml
var statesYAML []byte

// maxHits bounds the values that one row looks at, and those that a set lists:
// a security group holds 60 rules, a policy a few hundred principals.
const maxHits = 1000

// propertyRow is one row of properties.yaml.
type propertyRow struct {
	Name    string         `yaml:"name"`
	In      []string       `yaml:"in"`
	At      string         `yaml:"at"`
	Is      map[string]any `yaml:"is"`
	Else    any            `yaml:"else"`
	Absent  any            `yaml:"absent"`
	Source  string         `yaml:"source"` // of Absent: where the platform says so
	Present any            `yaml:"present"`
	Value   any            `yaml:"value"`
	Not     bool           `yaml:"not"`
	All     bool           `yaml:"all"`
	List    bool           `yaml:"list"`
	Read    string         `yaml:"read"`
	// How the row is written, where it is mended: the word to take where several
	// mean the same, and what has to be said along.
	Best string            `yaml:"best"`
	With map[string]string `yaml:"with"`
}

// properties are the rows by call or template type.
type properties map[string][]*propertyRow

func readProperties(file string, text []byte) (properties, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var rows []propertyRow
	if err := d.Decode(&rows); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	out := properties{}
	for i := range rows {
		if r := rows[i].Read; r != "" && readers[r] == nil {
			return nil, fmt.Errorf("reading %s: no reader %q", file, r)
		}
		for _, name := range rows[i].In {
			out[name] = append(out[name], &rows[i])
		}
	}
	return out, nil
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// hit is one value that a path leads to.
type hit struct {
	value   any
	pointer string // JSON pointer into the parameters
}

// hits finds all values at a path. A list may be written as its one item (form
// bodies and templates do).
func hits(v any, path, pointer string, out []hit) []hit {
	if path == "" {
		if len(out) < maxHits {
			out = append(out, hit{v, pointer})
		}
		return out
	}
	step, rest, _ := strings.Cut(path, ".")
	if step == "[]" {
		list, ok := v.([]any)
		if !ok {
			return hits(v, rest, pointer, out)
		}
		for i, e := range list {
			out = hits(e, rest, pointer+"/"+strconv.Itoa(i), out)
		}
		return out
	}
	m, ok := v.(map[string]any)
	if !ok {
		return out
	}
	if cfn.IsFunction(m) {
		return append(out, hit{m, pointer})
	}
	if next, ok := m[step]; ok && next != nil {
		return hits(next, rest, pointer+"/"+pointerEscape.Replace(step), out)
	}
	return out
}

// rows are those of a call or type, and those of all.
func (p properties) rows(name string) []*propertyRow {
	return slices.Concat(p[name], p["*"])
}

// of says what a call of that name, or a resource of that type, makes true.
func (p properties) of(name string, params map[string]any, at scene) []model.Property {
	var found findings
	for _, row := range p.rows(name) {
		row.into(&found, params, at)
	}
	return found.sorted()
}

// into adds what one row reads.
func (row *propertyRow) into(found *findings, params map[string]any, at scene) {
	switch {
	case row.Value != nil:
		found.add(model.Property{Name: row.Name, Value: row.Value, Known: true, Source: fromCall})
	case row.Read != "":
		for _, h := range hits(any(params), row.At, "", nil) {
			readers[row.Read](found, row.Name, h, at)
		}
		if row.Read == "block" && row.At == "" {
			found.unknown(row.Name, "")
		}
	default:
		row.plain(found, params)
	}
}

// plain reads values that need no reader.
func (row *propertyRow) plain(found *findings, params map[string]any) {
	all := hits(any(params), row.At, "", nil)
	if len(all) == 0 {
		if row.Absent != nil {
			found.add(model.Property{Name: row.Name, Value: row.Absent, Known: true, Source: byDefault})
		}
		return
	}
	for _, h := range all {
		value, known := row.means(h.value)
		on, isBool := value.(bool)
		switch {
		case !known:
			found.unknown(row.Name, h.pointer)
		case row.List:
			found.add(model.Property{Name: row.Name, Value: []any{value}, Known: true, Source: fromCall, Native: h.pointer})
		case row.All && isBool && !on: // one that is not decides
			found.decide(model.Property{Name: row.Name, Value: false, Known: true, Source: fromCall, Native: h.pointer})
		default:
			found.add(model.Property{Name: row.Name, Value: value, Known: true, Source: fromCall, Native: h.pointer})
		}
	}
}

// means is what a value at a row's place says.
func (row *propertyRow) means(v any) (value any, known bool) {
	value, known = v, true
	if row.Present != nil && !empty(value) {
		value = row.Present
	} else if text, ok := cfn.Scalar(value); ok && row.Is != nil {
		if value, known = row.Is[text]; !known && row.Else != nil {
			value, known = row.Else, true
		}
	}
	value, known = settled(value, known)
	if on, isBool := value.(bool); row.Not && isBool {
		value = !on
	}
	return value, known
}

// settled says whether a value can be relied on: a secret that was taken out and
// a template's function cannot. Templates write booleans and numbers as text too.
func settled(v any, known bool) (any, bool) {
	switch v := v.(type) {
	case string:
		switch v {
		case decoders.Redacted:
			return nil, false
		case "true", "True":
			return true, known
		case "false", "False":
			return false, known
		}
	case map[string]any, nil:
		return nil, false
	case []any:
		return v, known && !slices.ContainsFunc(v, func(e any) bool { _, ok := settled(e, true); return !ok })
	case json.Number:
		return v, known
	}
	return v, known
}

// Where a property's value came from.
const (
	fromCall  = "request"
	byDefault = "default"
	derived   = "derived"
)

// findings gathers properties, one or two of a name: a truth is yes if anything
// says so, and no only if nothing is unknown; a set is what is known of it, and an
// unknown entry beside it if that is not all.
type findings struct {
	known   map[string]model.Property
	open    map[string]model.Property // unknown
	decided map[string]bool
}

func (f *findings) unknown(name, pointer string) {
	if f.open == nil {
		f.open = map[string]model.Property{}
	}
	if _, ok := f.open[name]; !ok {
		f.open[name] = model.Property{Name: name, Source: fromCall, Native: pointer}
	}
}

func (f *findings) decide(p model.Property) {
	if f.decided == nil {
		f.decided = map[string]bool{}
	}
	f.add(p)
	f.known[p.Name], f.decided[p.Name] = p, true
}

func (f *findings) add(p model.Property) {
	if f.known == nil {
		f.known = map[string]model.Property{}
	}
	was, ok := f.known[p.Name]
	if !ok {
		f.known[p.Name] = p
		return
	}
	if f.decided[p.Name] {
		return
	}
	switch value := p.Value.(type) {
	case bool:
		if value && was.Value == false {
			f.known[p.Name] = p
		}
	case []any:
		if list, ok := was.Value.([]any); ok {
			for _, v := range value {
				if len(list) < maxHits && !slices.ContainsFunc(list, func(x any) bool { return fmt.Sprint(x) == fmt.Sprint(v) }) {
					list = append(list, v)
				}
			}
			was.Value = list
			f.known[p.Name] = was
		}
	case string:
		if w, ok := was.Value.(string); ok && graver(value, w) {
			f.known[p.Name] = p
		}
	}
}

// graver orders privileges; other words stay as they came.
func graver(a, b string) bool {
	order := []string{"none", "read", "write", "escalate", "admin"}
	return slices.Index(order, a) > slices.Index(order, b) && slices.Contains(order, b)
}

func (f *findings) sorted() []model.Property {
	var out []model.Property
	for name, p := range f.known {
		_, open := f.open[name]
		switch value := p.Value.(type) {
		case []any:
		case bool:
			if open && !value && !f.decided[name] {
				continue
			}
		case string:
			if open && !graver(value, "write") {
				continue
			}
		}
		out = append(out, p)
	}
	for name, p := range f.open {
		if _, isSet := f.known[name].Value.([]any); isSet || !slices.ContainsFunc(out, func(x model.Property) bool { return x.Name == name }) {
			out = append(out, p)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Name < out[j].Name || out[i].Name == out[j].Name && out[i].Known && !out[j].Known
	})
	return out
}

// hidden reads what can be said of secret texts without showing them, before they
// are taken out of the parameters: their hashes, and what is true or not of them.
func (p properties) hidden(name string, params map[string]any, at scene) []model.Property {
	var found, hashes findings
	for _, row := range p[name] {
		if row.Read == "hash" || row.Read == "digest" {
			row.into(&hashes, params, at)
		} else if row.Value == nil {
			row.into(&found, params, at)
		}
	}
	truths := slices.DeleteFunc(found.sorted(), func(x model.Property) bool {
		_, isTruth := x.Value.(bool)
		return x.Known && !isTruth || !x.Known && x.Name != "secret.inline" // whether a secret stands there may be unknown, and is said
	})
	return append(hashes.sorted(), truths...)
}

// reveal puts what hidden has read in the place of what could not be.
func reveal(all, hidden []model.Property) []model.Property {
	for _, p := range hidden {
		i := slices.IndexFunc(all, func(x model.Property) bool { return x.Name == p.Name })
		_, isTruth := p.Value.(bool)
		switch {
		case i < 0:
			all = append(all, p)
		case isTruth, !all[i].Known:
			all[i] = p
		}
	}
	slices.SortStableFunc(all, func(a, b model.Property) int { return strings.Compare(a.Name, b.Name) })
	return all
}
