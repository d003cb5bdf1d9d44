package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// maxParts bounds the parts of one call: the largest batches that AWS takes have
// 1,000 items. What is over it is named in Unknown.
const maxParts = 1000

// item is one entry of a batch, and the map keys on the way to it.
type item struct {
	value any
	keys  map[string]any
}

// items walks a batch's path. It is not whole if there are more items than
// maxParts, or if the path leads to something else.
func items(v any, path string, keys map[string]any, out []item) (all []item, whole bool) {
	if path == "" {
		if len(out) >= maxParts {
			return out, false
		}
		return append(out, item{v, keys}), true
	}
	step, rest, _ := strings.Cut(path, ".")
	switch {
	case step == "[]":
		list, ok := v.([]any)
		whole = ok
		for _, e := range list {
			if out, ok = items(e, rest, keys, out); !ok {
				whole = false
			}
		}
		return out, whole
	case strings.HasPrefix(step, "{"):
		m, ok := v.(map[string]any)
		whole = ok
		for _, k := range slices.Sorted(maps.Keys(m)) {
			with := maps.Clone(keys)
			if with == nil {
				with = map[string]any{}
			}
			with[strings.Trim(step, "{}")] = k
			if out, ok = items(m[k], rest, with, out); !ok {
				whole = false
			}
		}
		return out, whole
	default:
		m, _ := v.(map[string]any)
		next, ok := m[step]
		if !ok {
			return out, false
		}
		return items(next, rest, keys, out)
	}
}

// fanOut gives a batch its parts: each item is the call that it stands for. The
// whole is then what its gravest items are.
func (d *Decoder) fanOut(a *model.Action, op *table.Operation, params map[string]any, at scene) error {
	b := d.nested.batches[a.Name()]
	if b == nil || b.Count {
		return nil
	}
	found, whole := items(params, b.Each, nil, nil)
	if !whole {
		a.Unknown = append(a.Unknown, strings.NewReplacer(".[]", "", "{", "", "}", "").Replace(b.Each)+": not all items can be told")
		a.Fidelity = model.Opaque // the others may be what nobody may touch
	}
	for _, it := range found {
		parts, err := d.itemParts(b, op, it, params, at)
		if err != nil {
			return err
		}
		a.Parts = append(a.Parts, parts...)
	}
	if len(a.Parts) == 0 {
		return nil
	}
	for i := range a.Parts {
		a.Parts[i].DryRun = a.DryRun
	}
	a.Atomic = b.Atomic
	if whole {
		d.summarise(a)
	}
	return nil
}

// itemParts is what one item stands for.
func (d *Decoder) itemParts(b *batch, op *table.Operation, it item, params map[string]any, at scene) ([]model.Action, error) {
	shared := map[string]any{}
	for _, name := range b.With {
		if v, ok := params[name]; ok {
			shared[name] = v
		}
	}
	maps.Copy(shared, it.keys)
	input := func(v any) map[string]any {
		in := maps.Clone(shared)
		if m, ok := v.(map[string]any); ok {
			maps.Copy(in, m)
		}
		return in
	}
	switch {
	case b.Item != "":
		shared[b.Item] = it.value
	case b.List != "":
		shared[b.List] = []any{it.value}
	case b.Choose != nil:
		var out []model.Action
		entry, _ := it.value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(b.Choose)) {
			v, ok := entry[name]
			if !ok {
				continue
			}
			inner, known := op.Service.Operation(b.Choose[name])
			if !known {
				return nil, fmt.Errorf("nested.yaml: %s has no operation %s", op.Service.Name, b.Choose[name])
			}
			part, err := d.part(inner, input(v), at)
			if err != nil {
				return nil, err
			}
			out = append(out, part)
		}
		if len(out) == 0 { // a kind of item that is newer than the table
			part, err := d.part(op, input(it.value), at)
			part.Verb, part.Fidelity, part.Unknown = model.Unknown, model.Opaque, []string{"item"}
			return []model.Action{part}, err
		}
		return out, nil
	}
	inner := op
	if b.As != "" {
		var known bool
		if inner, known = op.Service.Operation(b.As); !known {
			return nil, fmt.Errorf("nested.yaml: %s has no operation %s", op.Service.Name, b.As)
		}
	}
	in := shared
	if b.Item == "" && b.List == "" {
		in = input(it.value)
	}
	part, err := d.part(inner, in, at)
	if b.Verb != nil {
		word, _ := in[b.Verb.Member].(string)
		if part.Verb = b.Verb.Is[word]; part.Verb == "" {
			part.Verb, part.Fidelity, part.Unknown = model.Unknown, model.Opaque, []string{b.Verb.Member}
		}
	}
	return []model.Action{part}, err
}

// part is one change inside of a call: it takes what it lacks from the whole.
func (d *Decoder) part(op *table.Operation, params map[string]any, at scene) (model.Action, error) {
	a := model.Action{Service: op.Service.Name, Operation: op.Name, Fidelity: model.Exact}
	d.understand(&a, op, params, at)
	a.DryRun = false // the whole's
	var err error
	if a.Params, err = json.Marshal(params); err != nil {
		return a, fmt.Errorf("writing the parameters of %s: %w", a.Name(), err)
	}
	return a, nil
}

// summarise makes a whole of its parts: it has the gravest verb among them, and
// the targets of the parts that are like it in verb and capability. So it is
// judged as they are, and asks for nothing that none of them asks for.
func (d *Decoder) summarise(a *model.Action) {
	grave := slices.MaxFunc(a.Parts, func(x, y model.Action) int { return rankOf(x.Verb) - rankOf(y.Verb) })
	a.Verb, a.Capability, a.Fidelity = grave.Verb, grave.Capability, min(a.Fidelity, grave.Fidelity)
	seen := map[model.URN]bool{}
	var out []model.Target
	for _, p := range a.Parts {
		if p.Verb != a.Verb || p.Capability != a.Capability {
			continue
		}
		for _, t := range p.Targets {
			if !seen[t.URN] && len(out) < maxTargets {
				seen[t.URN] = true
				out = append(out, t)
			}
		}
	}
	if len(out) > 0 {
		a.Targets = out
	}
}

// rankOf orders verbs by what they may do: as model.Verbs, reads first.
func rankOf(v model.Verb) int {
	i := slices.Index(model.Verbs(), v)
	if i < 0 {
		return len(model.Verbs())
	}
	return i
}

// count is how many items a batch has, where that is all there is to say.
func (d *Decoder) count(name string, params map[string]any) int {
	b := d.nested.batches[name]
	if b == nil {
		return 0
	}
	found, _ := items(params, b.Each, nil, nil)
	return len(found)
}
