package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// MaxDepth bounds nesting: the deepest real model, recursion aside, has 20 levels.
	MaxDepth = 100
	// MaxNodes bounds the values of one body: a node costs up to 100 bytes once
	// parsed, so a body cannot grow beyond some 20 MB.
	MaxNodes = 200_000
	// MaxInflated bounds a gzip body once inflated.
	MaxInflated = 64 << 20
	// MaxRatio bounds inflated to compressed size, above MinInflated: metric data
	// compresses up to 30 times, a bomb a thousand times.
	MaxRatio    = 100
	MinInflated = 1 << 20
	// MaxUnknown bounds the paths in Input.Unknown: one is enough to be Partial.
	MaxUnknown = 256
)

var (
	errDepth = fmt.Errorf("nested more than %d levels deep", MaxDepth)
	errNodes = fmt.Errorf("more than %d values", MaxNodes)
	errUTF8  = errors.New("invalid UTF-8")
)

// budget counts the nodes of one body while it is parsed.
type budget struct{ nodes int }

func (b *budget) take(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	if b.nodes++; b.nodes > MaxNodes {
		return errNodes
	}
	return nil
}

// path is where a value stands, built on the stack and only written out when
// something is unknown.
type path struct {
	parent *path
	name   string
	index  int // of a list item, when name is empty
}

func (p *path) child(name string) *path { return &path{parent: p, name: name} }
func (p *path) item(i int) *path        { return &path{parent: p, index: i} }

func (p *path) String() string {
	var parts []string
	for ; p != nil; p = p.parent {
		if p.name == "" {
			parts = append(parts, strconv.Itoa(p.index))
		} else {
			parts = append(parts, p.name)
		}
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".")
}
