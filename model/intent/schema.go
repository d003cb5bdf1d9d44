package intent

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a document, for editors. It
// is generated from the types of this package by `go test ./model/intent -update`
// and a test keeps the two the same. A schema cannot see across documents: Load
// is the judge.
func Schema() []byte { return append([]byte(nil), schema...) }
