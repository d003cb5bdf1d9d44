// Package vocab is the portable vocabulary: the properties by which intent and
// blueprints speak of resources on every platform alike, with their types. Where
// a platform says them is the business of its decoder; a test holds the decoders'
// tables against this list.
package vocab

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Type is the type of a property's values.
type Type string

// The types.
const (
	Bool   Type = "bool"
	Int    Type = "int"
	String Type = "string"
	Set    Type = "set"   // of strings
	Rules  Type = "rules" // of a firewall: who, on which ports
	Enum   Type = "enum"
)

// Property is one word of the vocabulary.
type Property struct {
	Name    string
	Type    Type
	Words   []string // of an enum
	Ordered bool     // the words of an enum, weakest first
	Means   string
}

//go:embed properties.tsv
var table string

var read = sync.OnceValue(func() map[string]Property {
	all := map[string]Property{}
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 3 {
			panic(fmt.Sprintf("properties.tsv: %q does not have three columns", line)) // a test reads it
		}
		kind, words, _ := strings.Cut(cells[1], " ")
		p := Property{Name: cells[0], Type: Type(kind), Means: cells[2], Ordered: strings.Contains(words, "<")}
		if words != "" {
			p.Words = strings.FieldsFunc(words, func(r rune) bool { return r == '<' || r == ' ' })
		}
		all[p.Name] = p
	}
	return all
})

// Find returns a property by its name.
func Find(name string) (Property, bool) {
	p, ok := read()[name]
	return p, ok
}

// Names returns the names of all properties, sorted.
func Names() []string {
	var names []string
	for name := range read() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Rank is the place of a word in an ordered enum; -1 if it has none.
func (p Property) Rank(word string) int {
	if !p.Ordered {
		return -1
	}
	return slices.Index(p.Words, word)
}
