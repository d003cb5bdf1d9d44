package selector

import (
	"fmt"
	"slices"
	"strings"
)

// FieldTerm is one term of a field selector: metadata.name=web.
type FieldTerm struct {
	Field, Value string
	Not          bool
}

// Fields reads a field selector by the rules of
// k8s.io/apimachinery/pkg/fields.ParseSelector: terms are separated by commas,
// values escape \ , and = by a backslash.
func Fields(selector string) ([]FieldTerm, error) {
	var terms []FieldTerm
	parts := splitTerms(selector)
	slices.Sort(parts) // the server does, and takes the first that fits
	for _, part := range parts {
		if part == "" {
			continue
		}
		field, value, not, ok := splitTerm(part)
		if !ok {
			return nil, fmt.Errorf("field selector term %q has no operator", part)
		}
		value, err := unescape(value)
		if err != nil {
			return nil, err
		}
		terms = append(terms, FieldTerm{field, value, not})
	}
	return terms, nil
}

// ExactName returns the name that metadata.name must equal, if it can be a name.
func ExactName(terms []FieldTerm) (string, bool) {
	for _, t := range terms {
		if t.Field == "metadata.name" && !t.Not {
			if t.Value == "." || t.Value == ".." || strings.ContainsAny(t.Value, "/%") {
				return "", false
			}
			return t.Value, true
		}
	}
	return "", false
}

// splitTerms splits at the commas that no backslash precedes.
func splitTerms(s string) []string {
	var terms []string
	start, escaped := 0, false
	for i, c := range s {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == ',':
			terms = append(terms, s[start:i])
			start = i + 1
		}
	}
	return append(terms, s[start:])
}

// splitTerm splits at the first of != == = .
func splitTerm(term string) (field, value string, not, ok bool) {
	for i := range term {
		rest := term[i:]
		for _, op := range []string{"!=", "==", "="} {
			if strings.HasPrefix(rest, op) {
				return term[:i], rest[len(op):], op == "!=", true
			}
		}
	}
	return "", "", false, false
}

func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, `\,=`) {
		return s, nil
	}
	var out strings.Builder
	escaped := false
	for _, c := range s {
		special := c == '\\' || c == ',' || c == '='
		switch {
		case escaped && !special:
			return "", fmt.Errorf(`field selector: \%c is no escape`, c)
		case escaped:
			out.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case special:
			return "", fmt.Errorf("field selector: unescaped %q in a value", c)
		default:
			out.WriteRune(c)
		}
	}
	if escaped {
		return "", fmt.Errorf("field selector ends in a backslash")
	}
	return out.String(), nil
}
