package wire

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// pair is one name and value of a query string or form, in the order sent.
type pair struct{ name, value string }

// parsePairs reads a query string or form strictly: a broken escape, a name that
// parsers disagree on or a value that is not UTF-8 is an error. Names may repeat:
// whoever asks knows whether they may.
func parsePairs(raw string) ([]pair, error) {
	if raw == "" {
		return nil, nil
	}
	n := strings.Count(raw, "&") + 1
	if n > MaxNodes {
		return nil, errNodes
	}
	b := newBudget(len(raw))
	pairs := make([]pair, 0, min(n, len(raw)/3+1))
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		if strings.Contains(part, ";") {
			return nil, fmt.Errorf("%.40q: a semicolon separates parameters for some parsers", part)
		}
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, err
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, err
		}
		if err := checkKey(name); err != nil {
			return nil, err
		}
		if !utf8.ValidString(value) {
			return nil, fmt.Errorf("parameter %q: %w", name, errUTF8)
		}
		if err := b.pay(costPair + costStep*strings.Count(name, ".")); err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, nil
}

// formNode is one step of a dotted parameter name.
type formNode struct {
	name  string // the whole raw name, on a leaf
	value string
	leaf  bool
	used  bool
	kids  map[string]*formNode
}

func (n *formNode) kid(name string) *formNode {
	if n == nil {
		return nil
	}
	return n.kids[name]
}

// formTree sorts parameters by their dotted names. The same name twice, or a name
// that is both a value and a structure, is an error.
func formTree(pairs []pair) (*formNode, error) {
	root := &formNode{}
	b := newBudget(0) // parsePairs has counted what the names cost
	for _, p := range pairs {
		at, rest, more := root, p.name, true
		for depth := 1; more; depth++ {
			var step string
			step, rest, more = strings.Cut(rest, ".")
			next := at.kids[step]
			if next == nil {
				if err := b.take(depth, 0); err != nil {
					return nil, err
				}
				if at.leaf {
					return nil, fmt.Errorf("parameter %q is both a value and a structure", at.name)
				}
				if at.kids == nil {
					at.kids = map[string]*formNode{}
				}
				next = &formNode{}
				at.kids[step] = next
			}
			at = next
		}
		if at.leaf {
			return nil, fmt.Errorf("parameter %q twice", p.name)
		}
		if at.kids != nil {
			return nil, fmt.Errorf("parameter %q is both a value and a structure", p.name)
		}
		at.name, at.value, at.leaf = p.name, p.value, true
	}
	return root, nil
}

// leftovers gives every leaf that nobody used.
func (n *formNode) leftovers(found func(name, value string)) {
	if n.leaf && !n.used {
		found(n.name, n.value)
	}
	for _, kid := range n.kids {
		kid.leftovers(found)
	}
}
