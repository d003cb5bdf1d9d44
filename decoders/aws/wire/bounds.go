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
	// MaxNodes bounds the values of one body: the largest lists that services take
	// have some ten thousand items of a few members each.
	MaxNodes = 200_000
	// MaxGrowth and Spare bound the memory that reading a body takes, live or not:
	// MaxGrowth times the body, and Spare, which is what the densest real bodies
	// need beside (ten thousand log events, a dashboard with every visual there is).
	MaxGrowth = 10
	Spare     = 64 << 20
	// MaxInflated bounds a gzip body once inflated: CloudWatch, the one service that
	// asks for compression, takes a megabyte.
	MaxInflated = 4 << 20
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
	errDense = fmt.Errorf("so many small values that reading them takes more than %d times the body", MaxGrowth)
	errUTF8  = errors.New("invalid UTF-8")
)

// What the parts of a body cost, in bytes allocated from the first look to Params:
// the most that any corpus of memory_test.go needed, rounded up.
const (
	costValue     = 256 // of JSON: a scalar, an empty list or object
	costMember    = 448 // its name in an object, beside its value
	costItem      = 160 // of CBOR: a value or a name
	costElement   = 800 // of XML
	costAttribute = 256
	costPair      = 384 // of a form: a name and a value
	costStep      = 384 // each new step of a dotted name
)

// budget counts the nodes of one body, and what they cost, while it is parsed.
type budget struct{ nodes, left int }

// copies is how often the text of a body may be copied on its way: read, unescaped,
// encoded in base64.
const copies = 4

func newBudget(body int) budget { return budget{left: (MaxGrowth-copies)*body + Spare} }

func (b *budget) take(depth, cost int) error {
	if depth > MaxDepth {
		return errDepth
	}
	if b.nodes++; b.nodes > MaxNodes {
		return errNodes
	}
	return b.pay(cost)
}

func (b *budget) pay(cost int) error {
	if b.left -= cost; b.left < 0 {
		return errDense
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
