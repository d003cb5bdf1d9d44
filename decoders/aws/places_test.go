package aws

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// leads reports whether a path of properties.yaml is one of a shape. Lists may be
// written without their [].
func leads(s *table.Shape, path string) bool {
	if path == "" || s == nil {
		return path == ""
	}
	step, rest, _ := strings.Cut(path, ".")
	switch s.Kind {
	case table.List:
		if step == "[]" {
			return leads(s.Elem.Shape, rest)
		}
		return leads(s.Elem.Shape, path)
	case table.Map:
		return leads(s.Value.Shape, rest)
	case table.Document, table.String: // JSON, in the clear or as text
		return true
	case table.Structure:
		for i := range s.Members {
			if s.Members[i].Name == step {
				return leads(s.Members[i].Shape, rest)
			}
		}
	}
	return false
}

// Every place at which a property is read is one of the service's own model, and so
// is every place of the vocabulary: a model that moves it fails here.
func TestEveryPlaceIsInTheModels(t *testing.T) {
	d := decoder(t)
	places := 0
	check := func(call, path, property string) {
		service, operation, _ := strings.Cut(call, ":")
		s, ok := d.table.Service(service)
		if !ok {
			t.Errorf("%s: no service %s", property, service)
			return
		}
		op, ok := s.Operation(operation)
		if !ok {
			t.Errorf("%s: no operation %s", property, call)
			return
		}
		if places++; !leads(op.Input, path) {
			t.Errorf("%s: %s has no %s", property, call, path)
		}
	}
	for _, in := range slices.Sorted(maps.Keys(d.properties)) {
		for _, row := range d.properties[in] {
			switch {
			case in == "*":
			case strings.HasPrefix(in, "AWS::"):
				if _, ok := d.table.CFN(in); !ok {
					t.Errorf("%s: there is no type %s", row.Name, in)
				}
			default:
				check(in, row.At, row.Name)
				for member := range row.With {
					check(in, member, row.Name)
				}
			}
		}
	}
	for _, row := range vocabulary(t) {
		check(row.call, row.path, row.name)
	}
	if t.Logf("%d places", places); places < 500 {
		t.Errorf("only %d places: is the search broken?", places)
	}
}

// A default is somebody's word: each says whose.
func TestEveryDefaultHasItsSource(t *testing.T) {
	for in, rows := range decoder(t).properties {
		for _, row := range rows {
			if (row.Absent != nil) != strings.HasPrefix(row.Source, "https://docs.aws.amazon.com/") {
				t.Errorf("%s in %s: absent %v, source %q", row.Name, in, row.Absent, row.Source)
			}
		}
	}
}
