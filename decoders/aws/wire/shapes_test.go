package wire

import (
	"net/url"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// The shapes of an invented service, for tests that need one of each kind.
var (
	str    = &table.Shape{Name: "String", Kind: table.String}
	secret = &table.Shape{Name: "Secret", Kind: table.String, Sensitive: true}
	num    = &table.Shape{Name: "Long", Kind: table.Long}
	real64 = &table.Shape{Name: "Double", Kind: table.Double}
	flag   = &table.Shape{Name: "Boolean", Kind: table.Boolean}
	when   = &table.Shape{Name: "Timestamp", Kind: table.Timestamp}
	blobs  = &table.Shape{Name: "Blob", Kind: table.Blob}
	doc    = &table.Shape{Name: "Document", Kind: table.Document}
	names  = &table.Shape{Name: "Names", Kind: table.List, Elem: &table.Member{Shape: str}}
	tags   = &table.Shape{Name: "Tags", Kind: table.Map, Key: &table.Member{Shape: str}, Value: &table.Member{Shape: str}}
)

func members(pairs ...any) []table.Member {
	var all []table.Member
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		all = append(all, table.Member{Name: name, WireName: name, Shape: pairs[i+1].(*table.Shape)})
	}
	return all
}

// everything has one member of each kind, and itself.
func everything() *table.Shape {
	s := &table.Shape{Name: "Everything", Kind: table.Structure}
	s.Members = members("Name", str, "Password", secret, "Count", num, "Ratio", real64, "On", flag, "At", when,
		"Data", blobs, "Any", doc, "Names", names, "Tags", tags, "Again", s)
	return s
}

func operation() *table.Operation {
	return &table.Operation{
		Service: &table.Service{Name: "test", Protocols: []string{JSON, Query, CBOR, RestJSON}},
		Name:    "Do", Method: "POST", URI: "/do/{Label}?do", Input: everything(), Output: everything(), InputRoot: "Do",
	}
}

// try decodes a body that names no other parameters.
func try(t testing.TB, protocol, body string, headers ...string) (Input, error) {
	t.Helper()
	return DecodeInput(operation(), protocol, decoders.Call{
		Method: "POST", URL: &url.URL{Path: "/"}, Header: header(headers...), Body: []byte(body),
	}, Options{})
}
