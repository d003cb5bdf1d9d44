package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases may make of a YAML body: more values than any
// object of the server's 3 MiB holds, far fewer than a bomb makes.
const maxNodes = 1 << 20

// YAML reads exactly one YAML document as the server would turn it into
// JSON: the 1.1 booleans (yes, no, on, off) are booleans, keys are text.
func YAML(data []byte) (any, error) {
	values, err := documents(data, 1)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return values[0], nil
}

// Documents reads a stream of at most limit YAML documents; the empty ones are
// left out.
func Documents(data []byte, limit int) ([]any, error) {
	values, err := documents(data, limit)
	return slices.DeleteFunc(values, func(v any) bool { return v == nil }), err
}

// documents reads them all within one budget.
func documents(data []byte, limit int) ([]any, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	budget := maxNodes
	var values []any
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err == io.EOF {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		if len(values) == limit {
			if limit == 1 {
				return nil, fmt.Errorf("there is a second document")
			}
			return nil, fmt.Errorf("there are more than %d documents", limit)
		}
		value, err := yamlValue(&doc, 0, &budget)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
}

func yamlValue(n *yaml.Node, depth int, budget *int) (any, error) {
	if *budget--; *budget < 0 {
		return nil, fmt.Errorf("aliases make more than %d values of it", maxNodes)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return yamlValue(n.Content[0], depth, budget)
	case yaml.AliasNode:
		return yamlValue(n.Alias, depth+1, budget)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			item, err := yamlValue(c, depth+1, budget)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case yaml.MappingNode:
		return yamlObject(n, depth, budget)
	default:
		return yamlScalar(n)
	}
}

func yamlObject(n *yaml.Node, depth int, budget *int) (any, error) {
	object := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return nil, fmt.Errorf("line %d: a key that is no plain text (merge keys are not read)", key.Line)
		}
		if _, twice := object[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %q occurs twice", key.Line, key.Value)
		}
		if text, err := yamlScalar(key); err != nil || fmt.Sprint(text) != key.Value {
			return nil, fmt.Errorf("line %d: key %q is no text", key.Line, key.Value)
		}
		value, err := yamlValue(n.Content[i+1], depth+1, budget)
		if err != nil {
			return nil, err
		}
		object[key.Value] = value
	}
	return object, nil
}

func yamlScalar(n *yaml.Node) (any, error) {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && n.Style&yaml.TaggedStyle == 0 {
		switch n.Value {
		case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
			return true, nil
		case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
			return false, nil
		}
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp": // a date is text to the server
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case float64:
			text := strconv.FormatFloat(v, 'g', -1, 64)
			if !json.Valid([]byte(text)) {
				return nil, fmt.Errorf("line %d: %s is no number in JSON", n.Line, n.Value)
			}
			return json.Number(text), nil
		case int, int64, uint64:
			return json.Number(fmt.Sprint(v)), nil
		}
	}
	return nil, fmt.Errorf("line %d: a value of type %s", n.Line, n.ShortTag())
}
