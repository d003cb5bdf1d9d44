package table

import (
	"fmt"
	"slices"
	"sync"
)

// CFNType is what CloudFormation's schema says of a resource type: which of its
// properties name it, and which cannot change without replacing it. Paths are
// "A/B/*/C", where * is any item of a list or any key of a map.
type CFNType struct {
	Name string // AWS::RDS::DBInstance
	// PrimaryIdentifier are the properties that name one resource of the type:
	// what Ref gives, and the Identifier of Cloud Control.
	PrimaryIdentifier []string
	// CreateOnly are the properties whose change replaces the resource: the old
	// one is deleted, with what it holds.
	CreateOnly []string
	// MayCreateOnly are the properties whose change replaces the resource under
	// conditions that the schema does not state.
	MayCreateOnly []string
	ReadOnly      []string // set by AWS, never by a template
	WriteOnly     []string // never given back: passwords, and what they protect
	TagProperty   string   // where its tags are; empty: it has none
	Stateful      bool     // holds data that deleting it loses
	// DeleteFirst is set where a replacement deletes the old resource before it
	// makes the new one.
	DeleteFirst bool
}

// cfnTypes is the block of CloudFormation's types, read on first use.
type cfnTypes struct {
	block  []byte
	count  int
	once   sync.Once
	byName map[string]CFNType
	err    error
}

// CFN returns a CloudFormation resource type, AWS::SERVICE::TYPE. A type that
// the table does not know is not one that can be changed freely: it is unknown.
func (t *Table) CFN(typeName string) (CFNType, bool) {
	types, err := t.cfn.load()
	if err != nil {
		return CFNType{}, false
	}
	c, ok := types[typeName]
	return c, ok
}

// CFNTypes returns every CloudFormation resource type, sorted by name. An error
// means a damaged table.
func (t *Table) CFNTypes() ([]CFNType, error) {
	types, err := t.cfn.load()
	if err != nil {
		return nil, err
	}
	out := make([]CFNType, 0, len(types))
	for _, c := range types {
		out = append(out, c)
	}
	sortCFN(out)
	return out, nil
}

func sortCFN(types []CFNType) {
	slices.SortFunc(types, func(a, b CFNType) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
}

func (c *cfnTypes) load() (map[string]CFNType, error) {
	c.once.Do(func() {
		if c.count == 0 {
			return
		}
		raw, err := inflate(c.block)
		if err == nil {
			c.byName, err = decodeCFN(raw, c.count)
		}
		if err != nil {
			c.err = fmt.Errorf("reading aws table, CloudFormation types: %w", err)
		}
	})
	return c.byName, c.err
}

// The block is: strings, then each type in the order of its name. A name shares
// what it can with the name before it.
func encodeCFN(types []CFNType) []byte {
	types = slices.Clone(types)
	sortCFN(types)
	w := newWriter()
	w.uint(len(types))
	last := ""
	for _, c := range types {
		shared := sharedPrefix(last, c.Name)
		w.uint(shared)
		w.str(c.Name[shared:])
		last = c.Name
		w.list(c.PrimaryIdentifier)
		w.list(c.CreateOnly)
		w.list(c.MayCreateOnly)
		w.list(c.ReadOnly)
		w.list(c.WriteOnly)
		w.str(c.TagProperty)
		w.uint(packFlags(c.Stateful, c.DeleteFirst))
	}
	return w.bytes()
}

func decodeCFN(raw []byte, want int) (map[string]CFNType, error) {
	c := &cursor{data: raw}
	c.strings()
	n := c.count()
	if c.err == nil && n != want {
		return nil, errShort
	}
	out := make(map[string]CFNType, n)
	last := ""
	for range n {
		shared, rest := c.uint(), c.str()
		if shared > len(last) {
			return nil, errShort
		}
		t := CFNType{Name: last[:shared] + rest}
		last = t.Name
		t.PrimaryIdentifier, t.CreateOnly, t.MayCreateOnly = c.list(), c.list(), c.list()
		t.ReadOnly, t.WriteOnly, t.TagProperty = c.list(), c.list(), c.str()
		unpackFlags(c.uint(), &t.Stateful, &t.DeleteFirst)
		if c.err != nil {
			return nil, c.err
		}
		out[t.Name] = t
	}
	return out, c.err
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
