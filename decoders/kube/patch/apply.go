package patch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders/kube/schema"
)

// Conflict is a field that somebody else manages and an apply would change.
type Conflict struct {
	Manager string
	Field   string // as managedFields spells it: f:spec.f:replicas
}

// Conflicts is the error of an apply without force: the server answers 409.
type Conflicts []Conflict

// Error names the first.
func (c Conflicts) Error() string {
	return fmt.Sprintf("%d fields are managed by others, first %s by %s", len(c), c[0].Field, c[0].Manager)
}

// Apply computes a server-side apply of config to current, which is nil where the
// object is not there yet. Fields that manager applied before and no longer does
// go, unless somebody else manages them too. Without force a field that another
// manages and that would change is a Conflicts.
func Apply(m *schema.Message, current, config map[string]any, manager string, force bool) (map[string]any, error) {
	if m == nil {
		return nil, fmt.Errorf("no table has the kind")
	}
	config, _ = clone(config).(map[string]any)
	if current == nil {
		return config, nil
	}
	root := schema.Field{Type: m.Name}
	merged, _ := mergeApplied(root, current, config, 0).(map[string]any)
	meta, _ := current["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	var last *fieldSet
	kept := fieldsOf(root, config, false)
	var conflicts Conflicts
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		fields := readFields(entry["fieldsV1"], 0)
		name, _ := entry["manager"].(string)
		part, _ := entry["subresource"].(string)
		if name == manager && entry["operation"] == "Apply" && part == "" {
			last = fields
			continue
		}
		kept.union(fields)
		for _, path := range changed(root, current, merged, fields, nil) {
			conflicts = append(conflicts, Conflict{name, path})
		}
	}
	if len(conflicts) > 0 && !force {
		slices.SortFunc(conflicts, func(a, b Conflict) int { return strings.Compare(a.Field+a.Manager, b.Field+b.Manager) })
		return nil, conflicts
	}
	if last != nil {
		pruned, _ := prune(root, merged, last, kept)
		merged, _ = pruned.(map[string]any)
	}
	return merged, nil
}

// mergeApplied merges what is applied into what is there.
func mergeApplied(f schema.Field, was, applied any, depth int) any {
	a, b := shapeOf(f, was), shapeOf(f, applied)
	if nothing(applied) && a != leaf && sameShape(was, applied) {
		return was // an empty map, or list of items, adds nothing
	}
	if a != b || a == leaf || depth > maxDepth {
		return clone(applied)
	}
	switch a {
	case object, mapping:
		out := maps.Clone(was.(map[string]any))
		for key, value := range applied.(map[string]any) {
			if value == nil {
				delete(out, key)
				continue
			}
			out[key] = mergeApplied(inner(f, a, key), out[key], value, depth+1)
		}
		return out
	}
	return mergeItems(f, a, was.([]any), applied.([]any), depth)
}

func nothing(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// mergeItems merges two lists: the applied order for what is in it, and what is
// only there before what follows it.
func mergeItems(f schema.Field, s shape, was, applied []any, depth int) any {
	keys := func(list []any) (order []string, by map[string]any) {
		by = map[string]any{}
		for _, item := range list {
			key := elementKey(f, s, item)
			order = append(order, key)
			if _, twice := by[key]; !twice {
				by[key] = item
			}
		}
		return order, by
	}
	left, inLeft := keys(was)
	right, inRight := keys(applied)
	var shared []string
	for _, key := range right {
		if _, ok := inLeft[key]; ok {
			shared = append(shared, key)
		}
	}
	one := func(key string) any {
		if l, ok := inLeft[key]; ok && s == mapList {
			return mergeApplied(inner(f, s, ""), l, inRight[key], depth+1)
		}
		return clone(inRight[key])
	}
	var out []any
	done := map[string]bool{}
	take := func() {
		key := right[0]
		out, right, done[key] = append(out, one(key)), right[1:], true
		if len(shared) > 0 && shared[0] == key {
			shared = shared[1:]
		}
	}
	for i := 0; i < len(left) || len(right) > 0; {
		switch {
		case i >= len(left):
			take()
		case len(right) > 0 && left[i] == right[0]:
			i++
			take()
		case inRight[left[i]] == nil:
			out = append(out, was[i])
			i++
		case done[left[i]], len(right) > 0 && len(shared) > 0 && shared[0] != left[i]:
			i++
		default:
			take()
		}
	}
	return out
}

// prune takes out what last has and kept does not. keep is false for what goes
// altogether.
func prune(f schema.Field, v any, last, kept *fieldSet) (out any, keep bool) {
	s := shapeOf(f, v)
	switch s {
	case object, mapping:
		result := map[string]any{}
		for key, value := range v.(map[string]any) {
			if value, keep := pruneChild(inner(f, s, key), value, last.child("f:"+key), kept.child("f:"+key), s == mapping); keep {
				result[key] = value
			}
		}
		return result, len(result) > 0
	case setList, mapList:
		var result []any
		for _, value := range v.([]any) {
			key := elementKey(f, s, value)
			if value, keep := pruneChild(inner(f, s, ""), value, last.child(key), kept.child(key), true); keep {
				result = append(result, value)
			}
		}
		return result, len(result) > 0
	}
	return v, true
}

// pruneChild: an item goes if it was applied itself; a field goes with all that is
// in it if nothing in it is anybody's any more.
func pruneChild(f schema.Field, v any, last, kept *fieldSet, item bool) (any, bool) {
	switch {
	case last == nil:
		return v, true
	case item && last.member && (kept == nil || !kept.member):
		return nil, false
	case !item && kept == nil:
		return nil, false
	}
	return prune(f, v, last, kept)
}

// changed lists the fields of a set that differ between two objects and are in the
// second.
func changed(f schema.Field, was, now any, fields *fieldSet, path []string) []string {
	if fields == nil {
		return nil
	}
	a, b := shapeOf(f, was), shapeOf(f, now)
	if a != b || a == leaf {
		if (fields.member || len(fields.children) > 0) && !Equal(was, now) {
			return []string{strings.Join(path, ".")}
		}
		return nil
	}
	var out []string
	each := func(f schema.Field, key string, was, now any) {
		out = append(out, changed(f, was, now, fields.child(key), append(slices.Clone(path), key))...)
	}
	switch b {
	case object, mapping:
		old := was.(map[string]any)
		for key, value := range now.(map[string]any) {
			each(inner(f, b, key), "f:"+key, old[key], value)
		}
	case setList, mapList:
		old := map[string]any{}
		for _, value := range was.([]any) {
			old[elementKey(f, a, value)] = value
		}
		for _, value := range now.([]any) {
			key := elementKey(f, b, value)
			each(inner(f, b, ""), key, old[key], value)
		}
	}
	return out
}
