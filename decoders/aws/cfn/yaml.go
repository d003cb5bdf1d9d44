package cfn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shortTags are the tags of CloudFormation, and the functions that they stand for.
var shortTags = func() map[string]string {
	m := map[string]string{"!Ref": "Ref", "!Condition": "Condition"}
	for _, name := range strings.Fields("And Base64 Cidr Contains EachMemberEquals EachMemberIn Equals FindInMap GetAtt GetAZs If ImportValue Join Length Not Or RefAll Select Split Sub ToJsonString Transform ValueOf ValueOfAll") {
		m["!"+name] = "Fn::" + name
	}
	return m
}()

type yamlReader struct{ nodes int }

// parseYAML reads a YAML template, and on which line each resource stands.
func parseYAML(body []byte) (any, map[string]int, error) {
	d := yaml.NewDecoder(bytes.NewReader(body))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		return nil, nil, fmt.Errorf("reading YAML: %w", err)
	}
	var second yaml.Node
	if err := d.Decode(&second); err != io.EOF {
		return nil, nil, errors.New("more than one YAML document")
	}
	if len(doc.Content) != 1 {
		return nil, nil, errors.New("an empty template")
	}
	r := &yamlReader{}
	v, err := r.value(doc.Content[0], 0)
	if err != nil {
		return nil, nil, err
	}
	return v, resourceLines(doc.Content[0]), nil
}

func (r *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, errors.New("too many values, or nested too deep")
	}
	name, short := shortTags[n.Tag]
	if !short && strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return nil, fmt.Errorf("line %d: unknown tag %.40q", n.Line, n.Tag)
	}
	v, err := r.plain(n, depth, short)
	if err != nil || !short {
		return v, err
	}
	if text, ok := v.(string); ok && name == "Fn::GetAtt" {
		if id, attribute, dotted := strings.Cut(text, "."); dotted {
			v = []any{id, attribute}
		}
	}
	return map[string]any{name: v}, nil
}

func (r *yamlReader) plain(n *yaml.Node, depth int, tagged bool) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: a name is not text", key.Line)
			}
			if _, twice := m[key.Value]; twice {
				return nil, fmt.Errorf("line %d: name %.40q twice in one object", key.Line, key.Value)
			}
			v, err := r.value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, e := range n.Content {
			v, err := r.value(e, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(n, tagged), nil
	}
	return nil, fmt.Errorf("line %d: aliases are not supported", n.Line)
}

// scalar reads a leaf by the rules of YAML 1.1, but for numbers: whatever is not a
// plain decimal stays text, as account ids with a leading zero have to.
func scalar(n *yaml.Node, tagged bool) any {
	if tagged || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return n.Value
	}
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	case "", "~", "null":
		return nil
	}
	if len(n.Value) < 19 && (n.Value == "0" || n.Value[0] != '0') && strings.Trim(n.Value, "0123456789") == "" {
		return json.Number(n.Value)
	}
	return n.Value
}
