package graph

import (
	"slices"
	"strings"
	"sync"
)

// names number what many resources and relations have in common. Only the writer
// adds to them, and reads them without the lock; whoever supposes reads with it.
type names struct {
	mu      sync.RWMutex // held by the writer while it adds
	kinds   map[kind]*kind
	types   map[string]uint16
	sources map[string]uint32
	rules   map[string]*ruleset // by type
}

// apart is what an edit that only supposes has to itself: names first of all.
// Proposals come from outside, and MUST NOT fill the tables of what exists.
type apart struct {
	forsaken
	kinds   map[kind]*kind
	types   map[string]uint16
	sources map[string]uint32
}

// kind returns the one kind that has these fields.
func (e *edit) kind(k kind) *kind {
	k.lower, k.rules = "", nil
	n := &e.g.names
	if e.apart != nil {
		if known, ok := e.apart.kinds[k]; ok {
			return known
		}
		n.mu.RLock()
		known, ok := n.kinds[k]
		rules := n.rules[k.typ]
		n.mu.RUnlock()
		if !ok {
			known = newKind(k, rules)
			e.apart.kinds[k] = known
		}
		return known
	}
	if known, ok := n.kinds[k]; ok {
		return known
	}
	k = kind{platform: strings.Clone(k.platform), typ: strings.Clone(k.typ), account: strings.Clone(k.account), region: strings.Clone(k.region)}
	made := newKind(k, n.rules[k.typ])
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.rules) < maxNumbered {
		n.rules[k.typ] = made.rules
	}
	if len(n.kinds) < maxNumbered {
		n.kinds[k] = made
	}
	return made
}

func newKind(k kind, rules *ruleset) *kind {
	k.lower, k.rules = strings.ToLower(k.typ), rules
	if rules == nil {
		k.rules = rulesOf(k.typ)
	}
	return &k
}

// typeNumber returns the number of a relation type; past the bound it is that of
// references.
func (e *edit) typeNumber(s string) uint16 {
	known := e.g.names.types
	if e.apart != nil {
		if n, ok := e.apart.types[s]; ok {
			return n
		}
		if n, ok := numbered(e, known, s); ok && int(n) < len(e.types) && e.types[n] == s {
			return n
		}
		known = e.apart.types
		if at := slices.Index(e.types, s); at >= 0 { // of what this is supposed upon
			known[s] = uint16(at)
		}
	}
	n, ok := known[s]
	if ok || len(e.types) >= maxNumbered {
		return n // 0 is references
	}
	s = strings.Clone(s)
	e.types = append(e.types, s)
	e.number(func() { known[s] = uint16(len(e.types) - 1) })
	return uint16(len(e.types) - 1)
}

// sourceNumber returns the number of an attribute path; past the bound it is that
// of no path.
func (e *edit) sourceNumber(path []byte) uint32 {
	known := e.g.names.sources
	if e.apart != nil {
		if n, ok := e.apart.sources[string(path)]; ok {
			return n
		}
		if n, ok := numbered(e, known, string(path)); ok && int(n) < len(e.sources) && e.sources[n] == string(path) {
			return n
		}
		known = e.apart.sources
		if at := slices.Index(e.sources, string(path)); at >= 0 {
			known[string(path)] = uint32(at)
		}
	}
	n, ok := known[string(path)]
	if ok || len(e.sources) >= maxNumbered {
		return n // 0 is no path
	}
	s := string(path)
	e.sources = append(e.sources, s)
	e.number(func() { known[s] = uint32(len(e.sources) - 1) })
	return uint32(len(e.sources) - 1)
}

// numbered looks a name up in a table that the writer may be adding to.
func numbered[N uint16 | uint32](e *edit, known map[string]N, s string) (N, bool) {
	e.g.names.mu.RLock()
	defer e.g.names.mu.RUnlock()
	n, ok := known[s]
	return n, ok
}

// number adds to a table: with the lock, where it is the one that all read.
func (e *edit) number(add func()) {
	if e.apart == nil {
		e.g.names.mu.Lock()
		defer e.g.names.mu.Unlock()
	}
	add()
}
