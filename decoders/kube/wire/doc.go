// Package wire reads the four spellings in which the API server takes objects:
// JSON, YAML, CBOR and protobuf, all into the same Go values: map[string]any,
// []any, string, json.Number, bool and nil.
//
// It reads strictly. What two readers may read in two ways is an error: a key
// that occurs twice, a second value after the first, a field of a protobuf
// message that no table has. Each reader bounds its depth, and what aliases or
// tags could make of a small body.
package wire

// maxDepth bounds how deep a body may nest: far beyond any real object (an
// OpenAPI schema in a CRD nests some 60 levels), far below what costs a stack.
const maxDepth = 1000
