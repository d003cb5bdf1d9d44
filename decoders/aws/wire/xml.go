package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// xmlNode is one element.
type xmlNode struct {
	name  xml.Name
	attrs []xml.Attr
	text  string
	kids  []*xmlNode
}

// parseXML reads one document strictly: no DTD, no entity beyond the five, no
// processing instruction but the declaration, no attribute twice, nothing after
// the root, bounded.
func parseXML(body []byte) (*xmlNode, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var (
		b     = newBudget(len(body))
		root  *xmlNode
		stack []*xmlNode
		texts [][]byte // by depth, used again
	)
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := b.take(len(stack)+1, costElement+costAttribute*len(t.Attr)); err != nil {
				return nil, err
			}
			n, err := newXMLNode(t)
			if err != nil {
				return nil, err
			}
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.kids = append(top.kids, n)
			case root != nil:
				return nil, errors.New("data after the root element")
			default:
				root = n
			}
			if stack = append(stack, n); len(texts) < len(stack) {
				texts = append(texts, nil)
			}
			texts[len(stack)-1] = texts[len(stack)-1][:0]
		case xml.EndElement:
			last := len(stack) - 1
			stack[last].text = string(texts[last])
			stack = stack[:last]
		case xml.CharData:
			if at := len(stack) - 1; at >= 0 {
				texts[at] = append(texts[at], t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside the root element")
			}
		case xml.Directive:
			return nil, errors.New("a document type or other directive")
		case xml.ProcInst:
			if t.Target != "xml" || root != nil {
				return nil, fmt.Errorf("processing instruction %.40q", t.Target)
			}
		}
	}
	if root == nil {
		return nil, errors.New("no root element")
	}
	return root, nil
}

func newXMLNode(t xml.StartElement) (*xmlNode, error) {
	n := &xmlNode{name: t.Name}
	for i, a := range t.Attr {
		for _, other := range t.Attr[:i] {
			if a.Name == other.Name {
				return nil, fmt.Errorf("attribute %q twice in <%s>", a.Name.Local, t.Name.Local)
			}
		}
		if i >= MaxDepth { // the comparison above is quadratic; real elements have two
			return nil, fmt.Errorf("more than %d attributes in <%s>", MaxDepth, t.Name.Local)
		}
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		n.attrs = append(n.attrs, a)
	}
	return n, nil
}

// foreign finds an element outside the root's namespace: some parsers would skip it.
func (n *xmlNode) foreign(space string) *xmlNode {
	if n.name.Space != space {
		return n
	}
	for _, kid := range n.kids {
		if f := kid.foreign(space); f != nil {
			return f
		}
	}
	return nil
}

// find gives the first child of that name.
func (n *xmlNode) find(name string) *xmlNode {
	for _, kid := range n.kids {
		if kid.name.Local == name {
			return kid
		}
	}
	return nil
}

// plainAll gives the elements of one name without a shape.
func plainAll(nodes []*xmlNode) any {
	if len(nodes) == 1 {
		return nodes[0].plain()
	}
	list := make([]any, len(nodes))
	for i, n := range nodes {
		list[i] = n.plain()
	}
	return list
}

// plain gives an element without a shape: its text, or its children by name.
func (n *xmlNode) plain() any {
	if len(n.kids) == 0 {
		return n.text
	}
	out := map[string]any{}
	for _, kid := range n.kids {
		name := kid.name.Local
		switch have := out[name].(type) {
		case nil:
			out[name] = kid.plain()
		case []any:
			out[name] = append(have, kid.plain())
		default:
			out[name] = []any{have, kid.plain()}
		}
	}
	return out
}
