package selector

import (
	"fmt"
	"slices"
	"strconv"
)

// Requirement is one term of a label selector.
type Requirement struct {
	Key    string
	Op     Op
	Values []string // sorted, each once
}

// Op is how a requirement compares.
type Op uint8

// The operators; = and == are In of one value, != is NotIn of one.
const (
	In Op = iota + 1
	NotIn
	Exists
	DoesNotExist
	GreaterThan
	LessThan
)

// Labels reads a label selector by the grammar of
// k8s.io/apimachinery/pkg/labels.Parse. The empty selector selects everything.
func Labels(text string) ([]Requirement, error) {
	p := &labelParser{tokens: scan(text)}
	var all []Requirement
	for {
		if p.peek().kind == end {
			return all, nil
		}
		r, err := p.requirement()
		if err != nil {
			return nil, fmt.Errorf("label selector %q: %w", text, err)
		}
		all = append(all, r)
		switch next := p.take(); next.kind {
		case end:
			return all, nil
		case ",":
			if k := p.peek().kind; k != word && k != "!" {
				return nil, fmt.Errorf("label selector %q: %q after a comma", text, p.peek().text)
			}
		default:
			return nil, fmt.Errorf("label selector %q: %q where a comma or the end should be", text, next.text)
		}
	}
}

// Matches reports whether labels meet all requirements.
func Matches(all []Requirement, labels map[string]string) bool {
	for _, r := range all {
		if !r.matches(labels) {
			return false
		}
	}
	return true
}

func (r Requirement) matches(labels map[string]string) bool {
	value, has := labels[r.Key]
	switch r.Op {
	case In:
		return has && slices.Contains(r.Values, value)
	case NotIn:
		return !has || !slices.Contains(r.Values, value)
	case Exists:
		return has
	case DoesNotExist:
		return !has
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if !has || err != nil || len(r.Values) != 1 {
		return false
	}
	bound, err := strconv.ParseInt(r.Values[0], 10, 64)
	if err != nil {
		return false
	}
	if r.Op == GreaterThan {
		return number > bound
	}
	return r.Op == LessThan && number < bound
}

// labelParser walks over tokens. The words in and notin are keys and values too,
// but where an operator has to be.
type labelParser struct {
	tokens []token
	at     int
}

func (p *labelParser) next() token {
	if p.at >= len(p.tokens) {
		return token{kind: end}
	}
	return p.tokens[p.at]
}

func (p *labelParser) peek() token {
	t := p.next()
	if t.kind == "in" || t.kind == "notin" {
		t.kind = word
	}
	return t
}

func (p *labelParser) take() token {
	t := p.peek()
	p.at++
	return t
}

func (p *labelParser) requirement() (Requirement, error) {
	var r Requirement
	t := p.take()
	if t.kind == "!" {
		r.Op = DoesNotExist
		t = p.take()
	}
	if t.kind != word {
		return r, fmt.Errorf("%q where a key should be", t.text)
	}
	r.Key = t.text
	if !qualifiedName(r.Key) {
		return r, fmt.Errorf("%q is no key of a label", r.Key)
	}
	if next := p.peek().kind; r.Op == 0 && (next == end || next == ",") {
		r.Op = Exists
	}
	if r.Op != 0 {
		return r, nil
	}
	if err := p.comparison(&r); err != nil {
		return r, err
	}
	for _, v := range r.Values {
		if !labelValue(v) {
			return r, fmt.Errorf("%q is no value of a label", v)
		}
	}
	return r, nil
}

// comparison reads an operator and what it compares with.
func (p *labelParser) comparison(r *Requirement) error {
	operator := p.next() // here in and notin are operators
	p.at++
	var err error
	switch operator.kind {
	case "in", "notin":
		r.Op = In
		if operator.kind == "notin" {
			r.Op = NotIn
		}
		r.Values, err = p.set()
		return err
	case "=", "==":
		r.Op = In
	case "!=":
		r.Op = NotIn
	case ">":
		r.Op = GreaterThan
	case "<":
		r.Op = LessThan
	default:
		return fmt.Errorf("%q where an operator should be", operator.text)
	}
	value := ""
	if next := p.peek().kind; next != end && next != "," {
		t := p.take()
		if t.kind != word {
			return fmt.Errorf("%q where a value should be", t.text)
		}
		value = t.text
	}
	r.Values = []string{value}
	if r.Op == GreaterThan || r.Op == LessThan {
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("%q is no number to compare with", value)
		}
	}
	return nil
}

// set reads (a,b). What is missing between commas, or in (), is the empty value.
func (p *labelParser) set() ([]string, error) {
	if t := p.take(); t.kind != "(" {
		return nil, fmt.Errorf("%q where ( should be", t.text)
	}
	var values []string
	for {
		switch t := p.take(); t.kind {
		case word:
			values = append(values, t.text)
			if next := p.peek(); next.kind != "," && next.kind != ")" {
				return nil, fmt.Errorf("%q where , or ) should be", next.text)
			}
		case ",":
			if len(values) == 0 {
				values = append(values, "")
			}
			switch p.peek().kind {
			case ")":
				values = append(values, "")
			case ",":
				p.take()
				values = append(values, "")
			}
		case ")":
			if len(values) == 0 {
				values = append(values, "")
			}
			slices.Sort(values)
			return slices.Compact(values), nil
		default:
			return nil, fmt.Errorf("%q where a value, a comma or ) should be", t.text)
		}
	}
}
