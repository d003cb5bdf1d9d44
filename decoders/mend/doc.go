// Package mend changes a call's input into one that conforms, and says how: a
// Document is edited, and every edit becomes an operation of a patch (RFC 6902).
// It knows no platform; decoders know where on theirs a property is said.
//
//	d := mend.Of(params)
//	d.Set("/PubliclyAccessible", false)
//	d.Ops // [{replace /PubliclyAccessible false}]
//
// Met tells whether a property is as it is wanted, so that whoever edits can read
// the result again: a patch that does not bring about what is wanted MUST NOT be
// proposed. Apply carries a patch out, also in YAML, whose comments stay.
package mend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/model"
)

// MaxOps bounds the operations of one patch: nobody reads more, and what needs more
// is not mended but rewritten.
const MaxOps = 64

// Document is an input on its way to conform.
type Document struct {
	Root any
	Ops  []model.PatchOp
}

// Of starts with a copy of an input: maps, lists, text, numbers.
func Of(root any) *Document { return &Document{Root: clone(root)} }

// At returns what stands at a JSON pointer.
func (d *Document) At(pointer string) (any, bool) {
	v := d.Root
	for _, step := range Steps(pointer) {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Set writes a value at a pointer, with the objects that lead there. It reports
// false where the way is no object, or what it leads to is there already.
func (d *Document) Set(pointer string, value any) bool {
	steps := Steps(pointer)
	if len(steps) == 0 || len(d.Ops) >= MaxOps {
		return false
	}
	if was, ok := d.At(pointer); ok {
		if fmt.Sprint(was) == fmt.Sprint(value) {
			return false
		}
		return d.do(model.PatchOp{Op: "replace", Path: pointer, Value: value})
	}
	at := len(steps) - 1 // the first step that is not there
	for ; at > 0; at-- {
		v, ok := d.At(Pointer(steps[:at]...))
		if !ok {
			continue
		}
		if v == nil {
			return d.do(model.PatchOp{Op: "replace", Path: Pointer(steps[:at]...), Value: nest(steps[at:], value)})
		}
		break
	}
	return d.do(model.PatchOp{Op: "add", Path: Pointer(steps[:at+1]...), Value: nest(steps[at+1:], value)})
}

// nest puts a value below objects of these names.
func nest(steps []string, value any) any {
	for _, step := range slices.Backward(steps) {
		value = map[string]any{step: value}
	}
	return value
}

// Remove takes away what stands at a pointer.
func (d *Document) Remove(pointer string) bool {
	if _, ok := d.At(pointer); !ok || len(d.Ops) >= MaxOps {
		return false
	}
	return d.do(model.PatchOp{Op: "remove", Path: pointer})
}

// RemoveIf takes away the items of a list for which is holds, last first.
func (d *Document) RemoveIf(pointer string, is func(any) bool) bool {
	v, _ := d.At(pointer)
	list, _ := v.([]any)
	changed := false
	for i, item := range slices.Backward(list) {
		if is(item) {
			changed = d.Remove(pointer+"/"+strconv.Itoa(i)) || changed
		}
	}
	return changed
}

func (d *Document) do(op model.PatchOp) bool {
	root, err := Apply(d.Root, []model.PatchOp{op})
	if err != nil {
		return false
	}
	d.Root, d.Ops = root, append(d.Ops, op)
	return true
}

var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// Pointer writes steps as a JSON pointer.
func Pointer(steps ...string) string {
	var b strings.Builder
	for _, step := range steps {
		b.WriteString("/" + escape.Replace(step))
	}
	return b.String()
}

// Steps reads a JSON pointer; the empty one is the whole document.
func Steps(pointer string) []string {
	if pointer == "" {
		return nil
	}
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, step := range steps {
		steps[i] = unescape.Replace(step)
	}
	return steps
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}
