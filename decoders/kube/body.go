package kube

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/wire"
)

// Body is what a request's body was understood as.
type Body struct {
	Value any        // maps, lists, text, json.Number, bool, nil; nil where it was not read
	Patch string     // json, merge, strategic or apply; "" where it is no patch
	Head  *wire.Head // what a protobuf body says of itself
	Read  bool       // Value is the whole content
	Type  string     // the media type
}

// object returns the body as an object.
func (b Body) object() map[string]any {
	m, _ := b.Value.(map[string]any)
	return m
}

// The media types that a server reads.
const (
	typeJSON     = "application/json"
	typeYAML     = "application/yaml"
	typeCBOR     = "application/cbor"
	typeProtobuf = "application/vnd.kubernetes.protobuf"
)

// patches maps the media types of PATCH to the name of the patch and to how the
// body is written. Server-side apply is YAML by name and JSON in practice, which
// is YAML too.
var patches = map[string]struct{ patch, syntax string }{
	"application/json-patch+json":            {"json", typeJSON},
	"application/merge-patch+json":           {"merge", typeJSON},
	"application/strategic-merge-patch+json": {"strategic", typeJSON},
	"application/apply-patch+yaml":           {"apply", typeYAML},
	"application/apply-patch+cbor":           {"apply", typeCBOR},
}

// parseBody reads a body by its media type, strictly: what two readers may read
// in two ways is an error. A type that is not known is no error; the body is
// then not Read.
func parseBody(verb, contentType, encoding string, data []byte) (Body, error) {
	body := Body{Type: mediaType(verb, contentType)}
	syntax := body.Type
	if verb == "patch" {
		p, known := patches[body.Type]
		if !known {
			return body, nil
		}
		body.Patch, syntax = p.patch, p.syntax
	}
	if encoding != "" && encoding != "identity" { // the server does not decompress: nor do we
		return body, nil
	}
	var err error
	switch syntax {
	case typeJSON:
		body.Value, err = wire.JSON(data)
		body.Read = err == nil
	case typeYAML:
		// JSON first: numbers then keep their spelling.
		if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && (first[0] == '{' || first[0] == '[') {
			if body.Value, err = wire.JSON(data); err == nil {
				body.Read = true
				break
			}
		}
		body.Value, err = wire.YAML(data)
		body.Read = err == nil
	case typeCBOR:
		body.Value, err = wire.CBOR(data)
		body.Read = err == nil
	case typeProtobuf:
		if body.Head, err = wire.Protobuf(data); err == nil && body.Head.Object != nil {
			body.Value, body.Read = body.Head.Object, true
		}
	}
	if err != nil {
		return body, fmt.Errorf("reading the body as %s: %w", body.Type, err)
	}
	return body, nil
}

// mediaType is the type that the server takes a body for: JSON where none is
// said. PATCH cuts at the first semicolon, the others parse parameters.
func mediaType(verb, contentType string) string {
	if verb == "patch" {
		if i := strings.Index(contentType, ";"); i > 0 {
			contentType = contentType[:i]
		}
		return contentType
	}
	if contentType == "" {
		return typeJSON
	}
	parsed, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return parsed
}
