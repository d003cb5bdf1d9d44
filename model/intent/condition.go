package intent

import (
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model/vocab"
)

// Conditions are what properties of the portable vocabulary have to be, sorted by
// property. In a document they are a map: property to a value, to a condition, or
// to a list of either.
type Conditions []Condition

// Condition is what one property has to be. What is set of it has to hold together.
type Condition struct {
	Pos      Pos    `json:"-"`
	Property string `json:"property"`
	Known    bool   `json:"known,omitempty"` // it can be told, whatever it is
	Any      bool   `json:"any,omitempty"`   // a set that is not empty
	Is       any    `json:"is,omitempty"`    // bool, int64, or a pattern
	Min      string `json:"min,omitempty"`   // a number, or a word of an ordered enum
	Max      string `json:"max,omitempty"`
	In       Words  `json:"in,omitempty"`    // patterns: the value, or every value of a set
	Has      Words  `json:"has,omitempty"`   // patterns: some value of a set
	From     string `json:"from,omitempty"`  // of rules: internet, or a CIDR
	Ports    []int  `json:"ports,omitempty"` // of rules: any of these
}

// Internet stands for every address that is not private.
const Internet = "internet"

// String writes a condition as a document would, on one line.
func (c Condition) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+": "+value)
		}
	}
	switch {
	case c.Known:
		return c.Property + ": known"
	case c.Any:
		return c.Property + ": any"
	case c.Is != nil:
		return c.Property + ": " + fmt.Sprint(c.Is)
	}
	add("min", c.Min)
	add("max", c.Max)
	if len(c.In) > 0 {
		add("in", "["+strings.Join(c.In, ", ")+"]")
	}
	if len(c.Has) > 0 {
		add("has", "["+strings.Join(c.Has, ", ")+"]")
	}
	add("from", c.From)
	if len(c.Ports) > 0 {
		add("ports", strings.ReplaceAll(fmt.Sprint(c.Ports), " ", ", "))
	}
	return c.Property + ": {" + strings.Join(parts, ", ") + "}"
}

// conditions reads a map of conditions.
func (d *decoder) conditions(n *yaml.Node, name string) Conditions {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.bad(n, CodeValue, "write a map: property: value", "%s has to be a map of properties", name)
		return nil
	}
	var all Conditions
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p, ok := vocab.Find(key.Value)
		switch {
		case !ok:
			d.bad(key, CodeField, didYouMean(key.Value, vocab.Names()), "%s is no property of the vocabulary", key.Value)
			continue
		case seen[key.Value]:
			d.bad(key, CodeDuplicate, "", "%s has %s twice", name, key.Value)
			continue
		}
		seen[key.Value] = true
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		if len(items) == 0 {
			d.bad(value, CodeValue, "leave the property out", "%s is an empty list", key.Value)
		}
		for _, item := range items {
			if c, ok := d.condition(p, item); ok {
				all = append(all, c)
			}
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Property < all[j].Property })
	return all
}

// condition reads one condition on a property.
func (d *decoder) condition(p vocab.Property, n *yaml.Node) (c Condition, ok bool) {
	before := len(d.p.list)
	c.Pos, c.Property = d.at(n), p.Name
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.bad(n, CodeBound, "write the value out", "%s uses an anchor or alias", p.Name)
	case n.Kind == yaml.ScalarNode:
		d.scalar(&c, p, n)
	case n.Kind != yaml.MappingNode || len(n.Content) == 0:
		d.bad(n, CodeValue, "a value, or a map such as {min: 1}", "%s cannot be read", p.Name)
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.part(&c, p, n.Content[i], n.Content[i+1])
		}
	}
	return c, len(d.p.list) == before
}

// scalar reads a condition that is one word.
func (d *decoder) scalar(c *Condition, p vocab.Property, n *yaml.Node) {
	bad := func(want string) { d.bad(n, CodeValue, want, "%s cannot be %q", p.Name, n.Value) }
	switch {
	case n.Tag == "!!null" || strings.TrimSpace(n.Value) == "":
		bad("give it a value")
	case n.Value == "known":
		c.Known = true
	case n.Value == "any" && (p.Type == vocab.Set || p.Type == vocab.Rules):
		c.Any = true
	case p.Type == vocab.Bool:
		if b, err := strconv.ParseBool(n.Value); n.Tag == "!!bool" && err == nil {
			c.Is = b
		} else {
			bad("true, false or known")
		}
	case p.Type == vocab.Int:
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			c.Is = i
		} else {
			bad("a whole number, known, or {min: N, max: N}")
		}
	case p.Type == vocab.Enum:
		if !contains(p.Words, n.Value) {
			bad(didYouMean(n.Value, p.Words))
		}
		c.Is = n.Value
	case p.Type == vocab.Set:
		bad("any, known, {in: [PATTERN]} or {has: [PATTERN]}")
	case p.Type == vocab.Rules:
		bad("any, known, or {from: internet, ports: [22]}")
	default:
		c.Is = n.Value
	}
}

// part reads one member of a condition that is a map.
func (d *decoder) part(c *Condition, p vocab.Property, key, n *yaml.Node) {
	fits := map[string]bool{}
	switch p.Type {
	case vocab.Int:
		fits = map[string]bool{"min": true, "max": true}
	case vocab.Enum:
		fits = map[string]bool{"in": true, "min": p.Ordered, "max": p.Ordered}
	case vocab.String:
		fits = map[string]bool{"in": true}
	case vocab.Set:
		fits = map[string]bool{"in": true, "has": true}
	case vocab.Rules:
		fits = map[string]bool{"from": true, "ports": true}
	}
	if !fits[key.Value] {
		var names []string
		for name, ok := range fits {
			if ok {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		d.bad(key, CodeField, "it takes: "+strings.Join(append(names, "a value"), ", "), "%s, of type %s, has no %s", p.Name, p.Type, key.Value)
		return
	}
	switch key.Value {
	case "min", "max":
		d.bound(c, p, key.Value, n)
	case "in":
		c.In = d.words(n, p.Name+".in")
	case "has":
		c.Has = d.words(n, p.Name+".has")
	case "from":
		if n.Value != Internet {
			if _, err := netip.ParsePrefix(n.Value); err != nil {
				d.bad(n, CodeValue, "internet, or a CIDR such as 10.0.0.0/8", "%s.from cannot be %q", p.Name, n.Value)
			}
		}
		c.From = n.Value
	case "ports":
		for _, w := range d.words(n, p.Name+".ports") {
			port, err := strconv.Atoi(w)
			if err != nil || port < 0 || port > 65535 {
				d.bad(n, CodeValue, "numbers from 0 to 65535", "%s.ports cannot be %q", p.Name, w)
			}
			c.Ports = append(c.Ports, port)
		}
	}
}

func (d *decoder) bound(c *Condition, p vocab.Property, which string, n *yaml.Node) {
	if p.Type == vocab.Int {
		if _, err := strconv.ParseInt(n.Value, 10, 64); err != nil {
			d.bad(n, CodeValue, "a whole number", "%s.%s cannot be %q", p.Name, which, n.Value)
		}
	} else if p.Rank(n.Value) < 0 {
		d.bad(n, CodeValue, didYouMean(n.Value, p.Words), "%s.%s cannot be %q", p.Name, which, n.Value)
	}
	if which == "min" {
		c.Min = n.Value
	} else {
		c.Max = n.Value
	}
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}
