// Package cfn reads CloudFormation templates, JSON and YAML, as far as they can be
// read before CloudFormation runs them: which resources, of which types, with
// which properties.
//
// Parameters that the call gives (or the template's defaults), pseudo parameters
// that are known, mappings with literal keys, joins and substitutions of literals
// are filled in. A reference to another resource of the same template stays as it
// is: it is understood, only its value is not there yet. Everything else (imports,
// conditions, dynamic references, macros) stays too, and is named.
//
// YAML is read as CloudFormation reads it: version 1.1 booleans, no aliases and no
// merges. Duplicate names, unknown tags and second documents are errors.
package cfn

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/wire"
)

// Bounds of one template: those that CloudFormation publishes.
const (
	MaxBody      = 1 << 20
	MaxResources = 500
	// maxNodes bounds the values of a template, and of its resources once filled
	// in: a parameter of 4,096 letters may be named many times.
	maxNodes = 100_000
	maxDepth = 100
	maxText  = 4 << 20 // of all texts that were filled in
	// maxUnresolved bounds the names of what was left open in one resource.
	maxUnresolved = 32
)

// Resource is one resource of a template.
type Resource struct {
	ID         string // logical
	Type       string // AWS::EC2::SecurityGroup
	Properties map[string]any
	Line       int      // where it stands in the template, from 1
	Unresolved []string // what only CloudFormation can fill in, sorted
	Condition  string   // it is made only if this holds
	// Deletion and Replaced are the policies for what becomes of it when it is
	// deleted and when another takes its place: Delete, Retain, Snapshot or empty.
	Deletion, Replaced string
}

// Template is what a template says.
type Template struct {
	Resources []Resource // by logical id
	Unknown   []string   // what of it is out of sight: macros
	Secret    bool       // its text shows a secret: the default of a NoEcho parameter
}

// Values are what a call gives to a template.
type Values struct {
	// Parameters by name; a list is text with commas.
	Parameters map[string]string
	// Previous are the parameters that keep their value, which is not in the call.
	Previous map[string]bool
	// Pseudo are the pseudo parameters that are known: AWS::Region.
	Pseudo map[string]string
	// Redacted stands for the values of NoEcho parameters.
	Redacted string
}

// Read reads a template as it is written, and on which lines its resources stand.
func Read(body []byte) (top any, lines map[string]int, err error) {
	if len(body) > MaxBody {
		return nil, nil, fmt.Errorf("longer than %d bytes", MaxBody)
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		if top, err = wire.ParseJSON(body); err == nil {
			lines = jsonLines(body)
		}
		return top, lines, err
	}
	return parseYAML(body)
}

// Parse reads a template.
func Parse(body []byte, v Values) (Template, error) {
	top, lines, err := Read(body)
	if err != nil {
		return Template{}, err
	}
	t, ok := top.(map[string]any)
	if !ok {
		return Template{}, errors.New("a template is not an object")
	}
	resources, ok := t["Resources"].(map[string]any)
	if !ok || len(resources) == 0 {
		return Template{}, errors.New("a template has no Resources")
	}
	if len(resources) > MaxResources {
		return Template{}, fmt.Errorf("more than %d resources", MaxResources)
	}
	f := newFiller(t, resources, v)
	out := Template{Secret: f.hidden()}
	if _, ok := t["Transform"]; ok {
		out.Unknown = append(out.Unknown, "Transform")
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		if strings.HasPrefix(id, "Fn::") { // a macro or a loop makes resources
			out.Unknown = append(out.Unknown, id)
			continue
		}
		r, ok := resources[id].(map[string]any)
		kind, isText := r["Type"].(string)
		if !ok || !isText {
			return Template{}, fmt.Errorf("resource %.40q has no Type", id)
		}
		f.open = nil
		filled, err := f.fill(r["Properties"], 0)
		if err != nil {
			return Template{}, fmt.Errorf("resource %.40q: %w", id, err)
		}
		properties, isMap := filled.(map[string]any)
		if filled != nil && (!isMap || IsFunction(properties)) {
			properties = map[string]any{}
			f.leave("Properties")
		}
		condition, _ := r["Condition"].(string)
		deletion, _ := r["DeletionPolicy"].(string)
		replaced, _ := r["UpdateReplacePolicy"].(string)
		slices.Sort(f.open)
		out.Resources = append(out.Resources, Resource{ID: id, Type: kind, Properties: properties, Line: lines[id],
			Unresolved: slices.Compact(f.open), Condition: condition, Deletion: deletion, Replaced: replaced})
	}
	return out, nil
}

// IsFunction reports whether an object is one of a template's functions, whose
// value only CloudFormation will know: {"Ref": …}, {"Fn::Sub": …}.
func IsFunction(m map[string]any) bool {
	if len(m) != 1 {
		return false
	}
	for name := range m {
		return name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return false
}
