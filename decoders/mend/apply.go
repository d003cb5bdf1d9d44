package mend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

// Apply carries out a patch. The document it is given is not changed.
func Apply(root any, ops []model.PatchOp) (any, error) {
	root = clone(root)
	for _, op := range ops {
		var err error
		if root, err = apply(root, Steps(op.Path), op); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	return root, nil
}

func apply(v any, steps []string, op model.PatchOp) (any, error) {
	if len(steps) == 0 {
		if op.Op == "remove" {
			return nil, fmt.Errorf("the whole document cannot be removed")
		}
		return clone(op.Value), nil
	}
	switch at := v.(type) {
	case map[string]any:
		inner, there := at[steps[0]]
		if !there && (len(steps) > 1 || op.Op != "add") {
			return nil, fmt.Errorf("there is no %q", steps[0])
		}
		if len(steps) == 1 && op.Op == "remove" {
			delete(at, steps[0])
			return at, nil
		}
		next, err := apply(inner, steps[1:], op)
		if err == nil {
			at[steps[0]] = next
		}
		return at, err
	case []any:
		i, err := index(steps[0], len(at), len(steps) == 1 && op.Op == "add")
		if err != nil {
			return nil, err
		}
		if len(steps) > 1 || op.Op == "replace" {
			at[i], err = apply(at[i], steps[1:], op)
			return at, err
		}
		if op.Op == "remove" {
			return slices.Delete(at, i, i+1), nil
		}
		return slices.Insert(at, i, clone(op.Value)), nil
	}
	return nil, fmt.Errorf("%q is in no object and no list", steps[0])
}

// index reads a place in a list of n; with end, also the one behind its last.
func index(step string, n int, end bool) (int, error) {
	if end && step == "-" {
		return n, nil
	}
	i, err := strconv.Atoi(step)
	if end {
		n++
	}
	if err != nil || i < 0 || i >= n {
		return 0, fmt.Errorf("there is no item %q", step)
	}
	return i, nil
}

// ApplyText carries out a patch in a text, JSON or YAML. What a person wrote in
// YAML keeps its comments, tags and order.
func ApplyText(text string, ops []model.PatchOp) (string, error) {
	if strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "[") {
		var v any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return "", fmt.Errorf("reading the text as JSON: %w", err)
		}
		v, err := Apply(v, ops)
		if err != nil {
			return "", err
		}
		return encode(v)
	}
	var top yaml.Node
	if err := yaml.Unmarshal([]byte(text), &top); err != nil || len(top.Content) == 0 {
		return "", fmt.Errorf("reading the text as YAML: %v", err)
	}
	for _, op := range ops {
		if err := node(top.Content[0], Steps(op.Path), op); err != nil {
			return "", fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&top); err != nil {
		return "", err
	}
	return out.String(), nil
}

func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// node carries out one operation in a YAML tree.
func node(n *yaml.Node, steps []string, op model.PatchOp) error {
	if len(steps) == 0 {
		return fmt.Errorf("the whole document cannot be changed")
	}
	last := len(steps) == 1
	var value yaml.Node
	if last && op.Op != "remove" {
		if err := value.Encode(plain(op.Value)); err != nil {
			return err
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != steps[0] {
				continue
			}
			switch {
			case !last:
				return node(n.Content[i+1], steps[1:], op)
			case op.Op == "remove":
				n.Content = slices.Delete(n.Content, i, i+2)
			default:
				value.LineComment = n.Content[i+1].LineComment
				n.Content[i+1] = &value
			}
			return nil
		}
		if !last || op.Op != "add" {
			return fmt.Errorf("there is no %q", steps[0])
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: steps[0]}, &value)
		return nil
	case yaml.SequenceNode:
		i, err := index(steps[0], len(n.Content), last && op.Op == "add")
		switch {
		case err != nil:
			return err
		case !last:
			return node(n.Content[i], steps[1:], op)
		case op.Op == "remove":
			n.Content = slices.Delete(n.Content, i, i+1)
		case op.Op == "add":
			n.Content = slices.Insert(n.Content, i, &value)
		default:
			n.Content[i] = &value
		}
		return nil
	}
	return fmt.Errorf("%q is in no object and no list", steps[0])
}

// plain is a value as YAML writes it: numbers are numbers.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	}
	return v
}
