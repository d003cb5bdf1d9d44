package compile

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
)

// cfnSchema is the part of a CloudFormation resource schema that the table keeps.
type cfnSchema struct {
	TypeName          string   `json:"typeName"`
	PrimaryIdentifier []string `json:"primaryIdentifier"`
	CreateOnly        []string `json:"createOnlyProperties"`
	MayCreateOnly     []string `json:"conditionalCreateOnlyProperties"`
	ReadOnly          []string `json:"readOnlyProperties"`
	WriteOnly         []string `json:"writeOnlyProperties"`
	Replacement       string   `json:"replacementStrategy"`
	Tagging           struct {
		Taggable    bool   `json:"taggable"`
		TagProperty string `json:"tagProperty"`
	} `json:"tagging"`
}

// readCFN reads the resource schemas of an installed cfn-lint. Where it has
// several schemas of one type, for regions that lag behind, a property that is
// create-only in one is create-only.
func readCFN(dir string) ([]table.CFNType, error) {
	files, err := filepath.Glob(filepath.Join(dir, "data", "schemas", "resources", "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("reading CloudFormation schemas: no data/schemas/resources/*.json in %s: give the folder of the Python package cfnlint", dir)
	}
	var stateful struct {
		ResourceTypes map[string]struct{}
	}
	if err := readJSON(filepath.Join(dir, "data", "AdditionalSpecs", "StatefulResources.json"), &stateful); err != nil {
		return nil, fmt.Errorf("reading CloudFormation schemas: %w", err)
	}
	sort.Strings(files)
	byName := map[string]*table.CFNType{}
	for _, path := range files {
		var s cfnSchema
		if err := readJSON(path, &s); err != nil {
			return nil, err
		}
		if s.TypeName == "" {
			return nil, fmt.Errorf("reading %s: no typeName", path)
		}
		t := byName[s.TypeName]
		if t == nil {
			t = &table.CFNType{Name: s.TypeName}
			byName[s.TypeName] = t
			_, t.Stateful = stateful.ResourceTypes[s.TypeName]
		}
		if err := s.into(t); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	var out []table.CFNType
	for _, name := range sortedKeys(byName) {
		out = append(out, *byName[name])
	}
	return out, nil
}

func (s *cfnSchema) into(t *table.CFNType) error {
	if t.PrimaryIdentifier == nil { // its order counts: Cloud Control joins the values with |
		for _, p := range s.PrimaryIdentifier {
			path, err := propertyPath(p)
			if err != nil {
				return err
			}
			t.PrimaryIdentifier = append(t.PrimaryIdentifier, path)
		}
	}
	for _, l := range []struct {
		to   *[]string
		from []string
	}{{&t.CreateOnly, s.CreateOnly}, {&t.MayCreateOnly, s.MayCreateOnly}, {&t.ReadOnly, s.ReadOnly}, {&t.WriteOnly, s.WriteOnly}} {
		for _, p := range l.from {
			path, err := propertyPath(p)
			if err != nil {
				return err
			}
			*l.to = append(*l.to, path)
		}
		slices.Sort(*l.to)
		*l.to = slices.Compact(*l.to)
	}
	if s.Tagging.Taggable && s.Tagging.TagProperty != "" {
		path, err := propertyPath(s.Tagging.TagProperty)
		if err != nil {
			return err
		}
		t.TagProperty = path
	}
	t.DeleteFirst = t.DeleteFirst || s.Replacement == "delete_then_create"
	return nil
}

// propertyPath turns a JSON pointer into a schema's properties into a path:
// "/properties/A/B/*/C" is "A/B/*/C".
func propertyPath(pointer string) (string, error) {
	path, ok := strings.CutPrefix(pointer, "/properties/")
	if !ok || path == "" || strings.Contains(path, "~") {
		return "", fmt.Errorf("property path %q is not of the form /properties/NAME", pointer)
	}
	return path, nil
}
