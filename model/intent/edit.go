package intent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// SetMode writes the mode of an Environment into the text of a file, and leaves
// every other letter as it is. It returns the text unchanged if the mode is that
// already, and an error if the file does not declare the environment.
func SetMode(text []byte, environment string, mode Mode) ([]byte, error) {
	docs := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := docs.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("no Environment %s is declared here", environment)
		}
		if err != nil {
			return nil, err
		}
		if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		root := doc.Content[0]
		kind, metadata, spec := member(root, "kind"), member(root, "metadata"), member(root, "spec")
		if kind == nil || kind.Value != "Environment" || metadata == nil || spec == nil || spec.Kind != yaml.MappingNode || len(spec.Content) == 0 {
			continue
		}
		if name := member(metadata, "name"); name == nil || name.Value != environment {
			continue
		}
		first := spec.Content[0]
		at := offset(text, first.Line, first.Column)
		if old := member(spec, "mode"); old != nil {
			at = offset(text, old.Line, old.Column)
			end := at + len(old.Value)
			if old.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
				end += 2
			}
			if end > len(text) {
				return nil, fmt.Errorf("the mode of Environment %s cannot be found again", environment)
			}
			return splice(text, at, end, string(mode)), nil
		}
		line := "mode: " + string(mode)
		if spec.Style&yaml.FlowStyle != 0 {
			return splice(text, at, at, line+", "), nil
		}
		return splice(text, at, at, line+"\n"+strings.Repeat(" ", first.Column-1)), nil
	}
}

func member(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// offset returns where a line and column begin; columns count characters.
func offset(text []byte, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	for ; column > 1; column-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

func splice(text []byte, from, to int, insert string) []byte {
	out := make([]byte, 0, len(text)+len(insert))
	out = append(append(out, text[:from]...), insert...)
	return append(out, text[to:]...)
}
