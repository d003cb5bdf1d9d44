package aws

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/cfn"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/decoders/aws/wire"
	"github.com/assent-iom/assent/model"
)

// maxPatch bounds the operations of one patch document.
const maxPatch = 1000

// controlCall is a call that says what a resource shall be, by its template type.
type controlCall struct {
	Call  string     `yaml:"call"`
	Verb  model.Verb `yaml:"verb"`
	State string     `yaml:"state"` // the member with its properties, as JSON text
	Patch string     `yaml:"patch"` // or with a JSON patch (RFC 6902) of them
}

// hidden are the texts of a call that are secret as a whole, and read all the
// same: what they say is recorded without its secrets.
func (d *Decoder) hidden(op *table.Operation, params map[string]any) map[string]string {
	c := d.controlOf(callName(op))
	if c == nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range []string{c.State, c.Patch} {
		if text, ok := params[name].(string); ok {
			out[name] = text
		}
	}
	return out
}

func (d *Decoder) controlOf(call string) *controlCall {
	if !strings.HasPrefix(call, "cloudcontrol:") {
		return nil
	}
	i := slices.IndexFunc(d.templates.Controls, func(c controlCall) bool { return c.Call == call })
	if i < 0 {
		return nil
	}
	return &d.templates.Controls[i]
}

// control gives a call of Cloud Control its one part: the resource's own call.
func (d *Decoder) control(a *model.Action, params map[string]any, at scene, hidden map[string]string, secrets bool) error {
	c := d.controlOf(a.Name())
	kind, ok := params["TypeName"].(string)
	if c == nil || !ok {
		return nil
	}
	r := cfn.Resource{Type: kind, Properties: map[string]any{}}
	understood := true
	read := func(name string, into func(any) error) {
		text, ok := hidden[name]
		if !ok {
			return
		}
		v, err := wire.ParseJSON([]byte(text))
		if err == nil {
			err = into(v)
		}
		if err != nil {
			understood = false
			a.Unknown = append(a.Unknown, name+": "+err.Error())
			a.Fidelity = model.Opaque
		}
	}
	read(c.State, func(v any) error {
		m, ok := v.(map[string]any)
		if !ok {
			return errors.New("not an object")
		}
		r.Properties = m
		return nil
	})
	read(c.Patch, func(v any) error {
		var err error
		r.Properties, r.Unresolved, err = patched(v)
		return err
	})
	if !understood {
		return nil
	}
	u := unfolding{d: d, at: at, secrets: secrets, found: map[string]*table.Operation{}}
	if id, ok := params["Identifier"].(string); ok {
		r.Properties["Identifier"] = id
	}
	parts, err := u.resource(r, c.Verb)
	if err != nil {
		return err
	}
	for i := range parts { // what a patch does not speak of stays as it is
		parts[i].Props = slices.DeleteFunc(parts[i].Props, func(p model.Property) bool { return c.Patch != "" && p.Source == byDefault })
	}
	if c.Patch != "" {
		if err := u.foretell(&parts[0], fate{open: u.patchedCreateOnly(r)}, c.Verb); err != nil {
			return err
		}
	}
	a.Parts = parts
	d.summarise(a)
	return nil
}

// patchedCreateOnly are the properties of a patch that only a creation can set.
// Cloud Control refuses to change them; an implementation that does not would make
// the resource anew.
func (u *unfolding) patchedCreateOnly(r cfn.Resource) []string {
	t, ok := u.d.table.CFN(r.Type)
	if !ok {
		return []string{"type " + r.Type}
	}
	return slices.DeleteFunc(slices.Clone(t.CreateOnly), func(path string) bool {
		steps := strings.Split(path, "/")
		taken := slices.ContainsFunc(r.Unresolved, func(left string) bool { return strings.Contains(left, " /"+steps[0]) })
		return !taken && len(valuesAt(any(r.Properties), steps, nil)) == 0
	})
}

// patched is what a patch document sets, as if there were nothing before it.
// What it takes away, moves or only compares is named.
func patched(v any) (properties map[string]any, open []string, err error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxPatch {
		return nil, nil, fmt.Errorf("not a list of at most %d operations", maxPatch)
	}
	properties = map[string]any{}
	for i, e := range list {
		op, _ := e.(map[string]any)
		path, isText := op["path"].(string)
		word, _ := op["op"].(string)
		if !isText {
			return nil, nil, fmt.Errorf("operation %d has no path", i)
		}
		switch word {
		case "add", "replace":
			if !put(properties, path, op["value"]) {
				open = append(open, "patch of "+path)
			}
		case "test":
		default:
			open = append(open, word+" "+path)
		}
	}
	slices.Sort(open)
	return properties, slices.Compact(open), nil
}

// put sets the value at a JSON pointer; an item of a list becomes one of a list
// that has no others.
func put(into map[string]any, pointer string, value any) bool {
	steps := strings.Split(pointer, "/")
	if len(steps) < 2 || steps[0] != "" || len(steps) > 32 {
		return false
	}
	for i, step := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	var set func(at any, steps []string) (any, bool)
	set = func(at any, steps []string) (any, bool) {
		if len(steps) == 0 {
			return value, true
		}
		step := steps[0]
		if step == "-" || step != "" && strings.Trim(step, "0123456789") == "" {
			list, ok := at.([]any)
			if at != nil && !ok {
				return nil, false
			}
			item, ok := set(nil, steps[1:])
			return append(list, item), ok
		}
		m, ok := at.(map[string]any)
		if at == nil {
			m, ok = map[string]any{}, true
		}
		if !ok {
			return nil, false
		}
		item, ok := set(m[step], steps[1:])
		m[step] = item
		return m, ok
	}
	_, ok := set(into, steps[1:])
	return ok
}
