// Package schema is the table of the built-in kinds of Kubernetes: for each
// message its fields, how protobuf numbers them, and how a list or a map in it is
// merged by a strategic merge patch and by server-side apply. It is compiled from
// the Go types and the OpenAPI definitions of the API server by
// cmd/k8sbox/schema; no code of Kubernetes is needed to read it.
//
// # The format
//
// A line
//
//	=apps/v1 Deployment api/apps/v1.Deployment
//
// names the message of a kind, and a line
//
//	api/apps/v1.DeploymentSpec 1:replicas:i 2:selector:apis/meta/v1.LabelSelector …
//
// the fields of a message: number, JSON name ("-" for what JSON has inline) and
// type. Types are s text, b bytes, i and u numbers, t bool, d and f floats, *X a
// list, {X a map, or a message; ? after it means that JSON leaves out zero. A lone
// ! marks a message that server-side apply takes whole. Flags follow a field,
// each after a semicolon: s= the strategy and p= the key of a strategic merge, l=
// the type and k= the keys of a list under server-side apply, a for a map that it
// takes whole, d= a default.
package schema

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:generate sh -c "cd ../../../cmd/k8sbox && CGO_ENABLED=0 go run -trimpath ./schema > ../../decoders/kube/schema/schema.txt"
//go:embed schema.txt
var text string

// Message is the table's entry of one message.
type Message struct {
	Name   string
	Atomic bool             // server-side apply takes it whole
	Fields map[int]Field    // by number in protobuf
	JSON   map[string]Field // by name in JSON, what is inline included
}

// Field is one field of a message.
type Field struct {
	Name     string // in JSON; "-" for what JSON has inline
	Type     string
	OmitZero bool

	Strategy string   // of a strategic merge: merge, replace, retainKeys, merge,retainKeys
	MergeKey string   // of a strategic merge of a list
	ListType string   // of server-side apply: atomic, set, map
	MapKeys  []string // of a list of type map
	Atomic   bool     // a map that server-side apply takes whole
	Default  string
}

type table struct {
	kinds    map[string]string // "apps/v1 Deployment" → message
	messages map[string]*Message
}

// read reads the table when it is first asked for. It is the program's own:
// TestTheTableIsWhole knows that it can be read.
var read = sync.OnceValue(func() table {
	t := table{kinds: map[string]string{}, messages: map[string]*Message{}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0][0] == '=' && len(words) == 3:
			t.kinds[words[0][1:]+" "+words[1]] = words[2]
		default:
			t.messages[words[0]] = readMessage(words)
		}
	}
	for _, m := range t.messages {
		t.inline(m, m, 0)
	}
	return t
})

func readMessage(words []string) *Message {
	m := &Message{Name: words[0], Fields: make(map[int]Field, len(words)), JSON: make(map[string]Field, len(words))}
	for _, word := range words[1:] {
		if word == "!" {
			m.Atomic = true
			continue
		}
		word, flags, _ := strings.Cut(word, ";")
		parts := strings.SplitN(word, ":", 3)
		number, err := strconv.Atoi(parts[0])
		if err != nil || len(parts) != 3 {
			continue
		}
		f := Field{Name: parts[1]}
		f.Type, f.OmitZero = strings.CutSuffix(parts[2], "?")
		if f.Type == "" { // the type that the table cannot say is spelled ?
			f.Type, f.OmitZero = "?", false
		}
		for flag := range strings.SplitSeq(flags, ";") {
			f.flag(flag)
		}
		m.Fields[number] = f
	}
	return m
}

func (f *Field) flag(flag string) {
	name, value, _ := strings.Cut(flag, "=")
	switch name {
	case "s":
		f.Strategy = value
	case "p":
		f.MergeKey = value
	case "l":
		f.ListType = value
	case "k":
		f.MapKeys = strings.Split(value, ",")
	case "a":
		f.Atomic = true
	case "d":
		f.Default = value
	}
}

// inline gathers the fields of m by their JSON names, those of what is inline in
// it too.
func (t table) inline(into, m *Message, depth int) {
	if m == nil || depth > 8 { // nothing in the API embeds deeper than two
		return
	}
	for _, f := range m.Fields {
		if f.Name == "-" {
			t.inline(into, t.messages[f.Type], depth+1)
			continue
		}
		into.JSON[f.Name] = f
	}
}

// Kind returns the message of a built-in kind.
func Kind(apiVersion, kind string) (*Message, bool) {
	m, ok := read().messages[read().kinds[apiVersion+" "+kind]]
	return m, ok
}

// Named returns a message by its name, nil for a type that is none.
func Named(name string) *Message { return read().messages[name] }

// Element returns the type of a list's or a map's elements.
func (f Field) Element() string {
	if f.Type != "" && (f.Type[0] == '*' || f.Type[0] == '{') {
		return f.Type[1:]
	}
	return ""
}

// List and Map report what a field is.
func (f Field) List() bool { return strings.HasPrefix(f.Type, "*") }

// Map reports whether a field is a map from text.
func (f Field) Map() bool { return strings.HasPrefix(f.Type, "{") }
