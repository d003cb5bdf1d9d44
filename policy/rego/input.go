package rego

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// shape describes a part of the input. A shape with neither fields nor elem is a
// leaf, or (open) any JSON.
type shape struct {
	kind   string // string, number, boolean, array, object
	fields map[string]*shape
	elem   *shape
	open   bool
}

func word() *shape                           { return &shape{kind: "string"} }
func anything() *shape                       { return &shape{open: true} }
func list(of *shape) *shape                  { return &shape{kind: "array", elem: of} }
func object(fields map[string]*shape) *shape { return &shape{kind: "object", fields: fields} }

// input returns everything that a rule can read.
func input() *shape {
	return object(map[string]*shape{
		"action": object(map[string]*shape{
			"platform": word(), "service": word(), "operation": word(), "verb": word(), "capability": word(),
			"account": word(), "region": word(), "fidelity": word(), "unknown": list(word()),
			"targets": list(object(map[string]*shape{"urn": word(), "type": word(), "role": word()})),
			"params":  anything(), "props": anything(), "native": anything(),
		}),
		"actor":        object(map[string]*shape{"id": word(), "kind": word(), "for": list(word())}),
		"environments": list(object(map[string]*shape{"name": word(), "tier": word(), "criticality": word()})),
		"owner":        object(map[string]*shape{"name": word(), "person": word()}),
		"radius":       object(map[string]*shape{"dependents": {kind: "number"}, "complete": {kind: "boolean"}, "owners": list(word())}),
		"resources": list(object(map[string]*shape{"urn": word(), "type": word(), "name": word(),
			"known": {kind: "boolean"}, "tags": anything(), "attrs": anything()})),
	})
}

// Inputs lists the paths that a rule can read, sorted; a path that ends in .**
// holds any JSON, [_] stands for an item of a list.
func Inputs() []string {
	var out []string
	var walk func(path string, s *shape)
	walk = func(path string, s *shape) {
		switch {
		case s.open:
			out = append(out, path+".**")
		case s.elem != nil:
			walk(path+"[_]", s.elem)
		case s.fields != nil:
			for name, f := range s.fields {
				walk(path+"."+name, f)
			}
		default:
			out = append(out, path)
		}
	}
	walk("input", input())
	sort.Strings(out)
	return out
}

// schema is the shape as JSON Schema, for OPA's type checker.
func (s *shape) schema() map[string]any {
	switch {
	case s.open:
		return map[string]any{}
	case s.elem != nil:
		return map[string]any{"type": "array", "items": s.elem.schema()}
	case s.fields != nil:
		properties := map[string]any{}
		for name, f := range s.fields {
			properties[name] = f.schema()
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	}
	return map[string]any{"type": s.kind}
}

// names returns the fields of a shape, sorted.
func (s *shape) names() []string {
	out := make([]string, 0, len(s.fields))
	for name := range s.fields {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// facts is what the input is built from: of one action, for all rules about it.
type facts struct {
	action model.Action
	whole  *policy.Decision
	model  model.Snapshot
	envs   map[string]*intent.Environment
	reads  func(path ...string) bool // whether one of the rules reads something below
	built  ast.Value
}

// input builds it once.
func (f *facts) input() (in ast.Value, err error) {
	if f.built == nil {
		f.built, err = f.build(f.reads)
	}
	return f.built, err
}

func text(s string) *ast.Term { return ast.StringTerm(s) }

func texts(words []string) *ast.Term {
	terms := make([]*ast.Term, len(words))
	for i, w := range words {
		terms[i] = text(w)
	}
	return ast.ArrayTerm(terms...)
}

// oneJSON reads one JSON value, with nothing after it: what a rule would not see is
// an error.
func oneJSON(data []byte) (ast.Value, error) {
	d := util.NewJSONDecoder(bytes.NewReader(data))
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something stands after it")
	}
	return ast.InterfaceToValue(v)
}

func key(s string) *ast.Term { return ast.InternedTerm(s) }

// build makes the input by hand: converting a Go value through JSON costs far
// more than judging it. The large parts are built only if reads asks for them.
func (f *facts) build(reads func(...string) bool) (ast.Value, error) {
	a := f.action
	targets := make([]*ast.Term, len(a.Targets))
	for i, t := range a.Targets {
		targets[i] = ast.ObjectTerm([2]*ast.Term{key("urn"), text(string(t.URN))},
			[2]*ast.Term{key("type"), text(t.Type)}, [2]*ast.Term{key("role"), text(t.Role)})
	}
	action := ast.NewObject(
		[2]*ast.Term{key("platform"), text(a.Platform)}, [2]*ast.Term{key("service"), text(a.Service)},
		[2]*ast.Term{key("operation"), text(a.Operation)}, [2]*ast.Term{key("verb"), text(string(a.Verb))},
		[2]*ast.Term{key("capability"), text(a.Capability)}, [2]*ast.Term{key("account"), text(a.Account)},
		[2]*ast.Term{key("region"), text(a.Region)}, [2]*ast.Term{key("fidelity"), text(a.Fidelity.String())},
		[2]*ast.Term{key("unknown"), texts(a.Unknown)}, [2]*ast.Term{key("targets"), ast.ArrayTerm(targets...)},
	)
	for _, raw := range []struct {
		name string
		data json.RawMessage
	}{{"params", a.Params}, {"native", a.Native}} {
		if len(raw.data) == 0 || !reads("action", raw.name) {
			continue
		}
		v, err := oneJSON(raw.data)
		if err != nil {
			return nil, fmt.Errorf("reading the action's %s: %w", raw.name, err)
		}
		action.Insert(key(raw.name), ast.NewTerm(v))
	}
	if reads("action", "props") {
		props := ast.NewObject()
		for _, p := range a.Props {
			if !p.Known {
				continue // what is not known is not there
			}
			v, err := ast.InterfaceToValue(p.Value)
			if err != nil {
				return nil, fmt.Errorf("reading property %s: %w", p.Name, err)
			}
			props.Insert(text(p.Name), ast.NewTerm(v))
		}
		action.Insert(key("props"), ast.NewTerm(props))
	}
	d := f.whole
	envs := make([]*ast.Term, 0, len(d.Environments))
	for _, name := range d.Environments {
		env := ast.NewObject([2]*ast.Term{key("name"), text(name)})
		if e := f.envs[name]; e != nil {
			env.Insert(key("tier"), text(string(e.Tier)))
			env.Insert(key("criticality"), text(string(e.Criticality)))
		}
		envs = append(envs, ast.NewTerm(env))
	}
	in := ast.NewObject(
		[2]*ast.Term{key("action"), ast.NewTerm(action)},
		[2]*ast.Term{key("actor"), ast.ObjectTerm([2]*ast.Term{key("id"), text(d.Action.Actor.ID)},
			[2]*ast.Term{key("kind"), text(string(d.Action.Actor.Kind))}, [2]*ast.Term{key("for"), texts(d.Action.Actor.For)})},
		[2]*ast.Term{key("environments"), ast.ArrayTerm(envs...)},
		[2]*ast.Term{key("owner"), ast.ObjectTerm([2]*ast.Term{key("name"), text(d.Accountable.Owner)},
			[2]*ast.Term{key("person"), text(d.Accountable.Person)})},
		[2]*ast.Term{key("radius"), ast.ObjectTerm([2]*ast.Term{key("dependents"), ast.IntNumberTerm(d.Radius.Dependents)},
			[2]*ast.Term{key("complete"), ast.BooleanTerm(d.Radius.Complete)}, [2]*ast.Term{key("owners"), texts(d.Radius.Owners)})},
	)
	if reads("resources") {
		resources, err := f.resources()
		if err != nil {
			return nil, err
		}
		in.Insert(key("resources"), resources)
	}
	return in, nil
}

// resources says what the model knows of the targets.
func (f *facts) resources() (*ast.Term, error) {
	var out []*ast.Term
	for _, t := range f.action.Targets {
		urn := t.URN
		if known, ok := f.model.Resolve(string(urn)); ok {
			urn = known
		}
		res, known := f.model.Resource(urn)
		tags := ast.NewObject()
		for k, v := range res.Tags {
			tags.Insert(text(k), text(v))
		}
		o := ast.NewObject([2]*ast.Term{key("urn"), text(string(t.URN))}, [2]*ast.Term{key("type"), text(t.Type)},
			[2]*ast.Term{key("known"), ast.BooleanTerm(known && !res.Sketch())}, [2]*ast.Term{key("tags"), ast.NewTerm(tags)})
		if known {
			o.Insert(key("name"), text(res.Name))
		}
		if known && len(res.Attrs) > 0 {
			v, err := oneJSON(res.Attrs)
			if err != nil {
				return nil, fmt.Errorf("reading the attributes of %s: %w", urn, err)
			}
			o.Insert(key("attrs"), ast.NewTerm(v))
		}
		out = append(out, ast.NewTerm(o))
	}
	return ast.ArrayTerm(out...), nil
}
