package wire

import (
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// elements reads the members of a structure out of the element that holds them.
func (r *reader) elements(s *table.Shape, n *xmlNode, into map[string]any, p *path) {
	byName := make(map[string][]*xmlNode, len(n.kids))
	for _, kid := range n.kids {
		byName[kid.name.Local] = append(byName[kid.name.Local], kid)
	}
	found, attrs := 0, 0
	for i := range s.Members {
		m := &s.Members[i]
		if m.Location != table.InBody {
			continue
		}
		if m.XMLAttribute {
			if v, ok := n.attr(m.WireName); ok {
				attrs++
				into[m.Name] = r.text(m, v, p.child(m.Name))
			}
			continue
		}
		kids, name := byName[m.WireName], m.WireName
		if kids == nil && m.Shape.Kind == table.List && flattened(m) {
			name = elemName(m.Shape.Elem, "")
			kids = byName[name] // answers name a flattened list by its items
		}
		if kids == nil || len(kids) > 1 && !flattened(m) && sharesName(s, m) {
			continue
		}
		delete(byName, name)
		found += len(kids)
		into[m.Name] = r.element(m, kids, p.child(m.Name))
	}
	if s.Union && len(into) > 1 && !r.tolerant {
		r.note(p)
	}
	if r.tolerant {
		return
	}
	if found < len(n.kids) {
		for name, kids := range byName {
			r.keep(into, name, plainAll(kids), p)
		}
	}
	if attrs < len(n.attrs) || strings.TrimSpace(n.text) != "" {
		r.note(p.child("@")) // an attribute or text that the model has no place for
	}
}

// sharesName reports whether a flattened list has the same element name as m: S3
// kept Event beside Events when one became many.
func sharesName(s *table.Shape, m *table.Member) bool {
	for i := range s.Members {
		other := &s.Members[i]
		if other != m && other.WireName == m.WireName && other.Shape.Kind == table.List && flattened(other) {
			return true
		}
	}
	return false
}

// element reads one member from all the elements of its name.
func (r *reader) element(m *table.Member, nodes []*xmlNode, p *path) any {
	s := m.Shape
	if s.Kind == table.List && flattened(m) {
		return r.items(s.Elem, nodes, p)
	}
	if s.Kind == table.Map && flattened(m) {
		return r.entries(s, nodes, p)
	}
	if len(nodes) > 1 && !r.tolerant {
		r.contradict("element %s %d times", p, len(nodes))
	}
	n := nodes[0]
	switch s.Kind {
	case table.Structure:
		into := map[string]any{}
		r.elements(s, n, into, p)
		return into
	case table.List:
		return r.items(s.Elem, r.only(n, elemName(s.Elem, "member"), p), p)
	case table.Map:
		return r.entries(s, r.only(n, "entry", p), p)
	case table.Document:
		return n.plain()
	}
	if len(n.kids) > 0 && !r.tolerant {
		r.note(p)
		return n.plain()
	}
	return r.text(m, n.text, p)
}

func (r *reader) items(elem *table.Member, nodes []*xmlNode, p *path) any {
	out := make([]any, len(nodes))
	for i, n := range nodes {
		out[i] = r.element(elem, []*xmlNode{n}, p.item(i))
	}
	return out
}

func (r *reader) entries(s *table.Shape, nodes []*xmlNode, p *path) any {
	out := make(map[string]any, len(nodes))
	for i, n := range nodes {
		key, value := n.find(elemName(s.Key, "key")), n.find(elemName(s.Value, "value"))
		if key == nil || value == nil || len(n.kids) != 2 {
			if !r.tolerant {
				r.note(p.item(i))
			}
			continue
		}
		if _, twice := out[key.text]; twice {
			r.contradict("key %q twice in %s", key.text, p)
		}
		out[key.text] = r.element(s.Value, []*xmlNode{value}, p.child(key.text))
	}
	return out
}

// only gives the children of one name; others are noted.
func (r *reader) only(n *xmlNode, name string, p *path) []*xmlNode {
	out := make([]*xmlNode, 0, len(n.kids))
	for _, kid := range n.kids {
		if kid.name.Local == name {
			out = append(out, kid)
		} else if !r.tolerant {
			r.note(p.child(kid.name.Local))
		}
	}
	return out
}

// text reads a scalar that travels as text.
func (r *reader) text(m *table.Member, text string, p *path) any {
	if k := m.Shape.Kind; k != table.String && k != table.Document {
		text = strings.TrimSpace(text)
	}
	v, ok := scalar(m.Shape.Kind, timestampFormat(m, iso8601), text)
	if !ok && !r.tolerant {
		r.note(p)
	}
	return v
}

// attr finds an attribute by its name in the model, which may carry a prefix.
func (n *xmlNode) attr(name string) (string, bool) {
	_, local, prefixed := strings.Cut(name, ":")
	if !prefixed {
		local = name
	}
	for _, a := range n.attrs {
		if a.Name.Local == local && prefixed == (a.Name.Space != "") {
			return a.Value, true
		}
	}
	return "", false
}
