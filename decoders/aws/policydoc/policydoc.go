// Package policydoc reads IAM policy documents, of identities, of resources and
// of trust, for what matters about them from afar: whom they let in and how much
// they allow. The grammar is AWS's "IAM JSON policy element reference".
//
// What a document allows is read from its Allow statements alone: a Deny may take
// it back, and a condition may narrow it, but neither is proof. A statement that
// lets everybody in under a condition is therefore neither public nor private: it
// is Unknown. Elements that the grammar does not have are errors.
package policydoc

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Bounds of one document. AWS's largest holds 20,480 characters.
const (
	maxStatements = 1000
	maxValues     = 5000 // actions, resources and principals of one element
)

// Truth is yes, no or unknown. The zero value is unknown.
type Truth uint8

// The truths.
const (
	Unknown Truth = iota
	No
	Yes
)

// Document is what a policy says.
type Document struct {
	statements []statement
}

type statement struct {
	allow      bool
	guarded    bool // it has a condition
	guard      guard
	subject    Truth // conditions narrow down of whom an identity provider speaks
	principals []Principal
	others     bool     // NotPrincipal: everybody but those
	actions    []string // lower case
	notActions bool
	resources  []string
	notRes     bool
	unresolved bool // it holds values that are not text: a template's own functions
}

// Principal is one entry of a Principal element.
type Principal struct {
	Kind string // AWS, Service, Federated, CanonicalUser; empty for a bare "*"
	Name string
}

// Account is the account of an AWS principal, or empty.
func (p Principal) Account() string {
	if p.Kind != "AWS" {
		return ""
	}
	if f := strings.SplitN(p.Name, ":", 6); len(f) == 6 && f[0] == "arn" {
		return f[4]
	}
	if len(p.Name) == 12 && strings.Trim(p.Name, "0123456789") == "" {
		return p.Name
	}
	return ""
}

// Everybody reports whether a principal is anyone at all.
func (p Principal) Everybody() bool {
	return (p.Kind == "" || p.Kind == "AWS") && strings.ContainsAny(p.Name, "*?")
}

// New reads a document from its JSON value.
func New(v any) (Document, error) {
	top, ok := v.(map[string]any)
	if !ok {
		return Document{}, errors.New("a policy is not an object")
	}
	for name := range top {
		if name != "Version" && name != "Id" && name != "Statement" {
			return Document{}, fmt.Errorf("a policy has no element %q", name)
		}
	}
	var list []any
	switch s := top["Statement"].(type) {
	case []any:
		list = s
	case map[string]any:
		list = []any{s}
	default:
		return Document{}, errors.New("a policy has no Statement")
	}
	if len(list) > maxStatements {
		return Document{}, fmt.Errorf("more than %d statements", maxStatements)
	}
	var d Document
	for i, each := range list {
		s, err := readStatement(each)
		if err != nil {
			return Document{}, fmt.Errorf("statement %d: %w", i, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

func readStatement(v any) (statement, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return statement{}, errors.New("not an object")
	}
	var s statement
	var err error
	for name, value := range m {
		switch name {
		case "Sid":
		case "Effect":
			switch value {
			case "Allow":
				s.allow = true
			case "Deny":
			default:
				return s, fmt.Errorf("effect %.20v", value)
			}
		case "Condition":
			c, isMap := value.(map[string]any)
			s.guarded = !isMap || len(c) > 0
			s.guard, s.subject = readGuard(c), readSubject(c)
		case "Action", "NotAction":
			s.actions, err = s.texts(value)
			for i, a := range s.actions {
				s.actions[i] = strings.ToLower(a)
			}
			s.notActions = name == "NotAction"
		case "Resource", "NotResource":
			s.resources, err = s.texts(value)
			s.notRes = name == "NotResource"
		case "Principal", "NotPrincipal":
			s.principals, err = s.readPrincipals(value)
			s.others = name == "NotPrincipal"
		default:
			return s, fmt.Errorf("no element %q", name)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, ok := m["Effect"]; !ok {
		return s, errors.New("no Effect")
	}
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if _, one := m[pair[0]]; one {
			if _, other := m[pair[1]]; other {
				return s, fmt.Errorf("both %s and %s", pair[0], pair[1])
			}
		}
	}
	return s, nil
}

// texts reads one text or a list of them.
func (s *statement) texts(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case []any:
		if len(v) > maxValues {
			return nil, fmt.Errorf("more than %d values", maxValues)
		}
		var out []string
		for _, e := range v {
			switch e := e.(type) {
			case string:
				out = append(out, e)
			case map[string]any:
				s.unresolved = true
			default:
				return nil, errors.New("a value is not text")
			}
		}
		return out, nil
	case map[string]any: // {"Ref": …}
		s.unresolved = true
		return nil, nil
	}
	return nil, errors.New("neither a text nor a list")
}

func (s *statement) readPrincipals(v any) ([]Principal, error) {
	if text, ok := v.(string); ok {
		if text != "*" {
			return nil, errors.New("a principal is a map, or *")
		}
		return []Principal{{"", "*"}}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("neither a map nor *")
	}
	var out []Principal
	for kind, names := range m {
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, kind) {
			s.unresolved = true
			continue
		}
		list, err := s.texts(names)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			out = append(out, Principal{kind, n})
		}
	}
	return out, nil
}

// Anonymous says whether the document lets in anybody, authenticated or not.
func (d Document) Anonymous() Truth {
	return d.whether(func(statement) bool { return true })
}

// AnonymousMay says whether anybody may do one of the actions, given as
// prefix:Action.
func (d Document) AnonymousMay(actions ...string) Truth {
	return d.whether(func(s statement) bool {
		return slices.ContainsFunc(actions, func(a string) bool { return s.covers(strings.ToLower(a)) })
	})
}

func (d Document) whether(about func(statement) bool) Truth {
	out := No
	for _, s := range d.statements {
		if !s.allow || !about(s) {
			continue
		}
		everybody := s.others || slices.ContainsFunc(s.principals, Principal.Everybody)
		switch {
		case everybody && !s.guarded:
			return Yes
		case everybody && s.guard.closed && !s.unresolved:
		case everybody, s.unresolved:
			out = Unknown
		}
	}
	return out
}

// covers reports whether a statement's actions include one, or may.
func (s statement) covers(action string) bool {
	if s.unresolved && len(s.actions) == 0 {
		return true
	}
	in := slices.ContainsFunc(s.actions, func(p string) bool { return match(p, action) })
	return in != s.notActions
}

// Principals are those that the document lets in, sorted. whole is false if some
// of them cannot be told.
func (d Document) Principals() (out []Principal, whole bool) {
	whole = true
	seen := map[Principal]bool{}
	for _, s := range d.statements {
		if !s.allow {
			continue
		}
		if s.unresolved || s.others {
			whole = false
		}
		if s.others {
			continue
		}
		for _, p := range s.admitted() {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Kind+"\n"+out[i].Name < out[j].Kind+"\n"+out[j].Name })
	return out, whole
}

// match matches IAM's wildcards, * and ?, in linear space and time bounded by the
// product of both lengths.
func match(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*':
			p, t = p+1, t+1
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
