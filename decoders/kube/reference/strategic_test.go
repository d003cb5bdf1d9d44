package reference

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/assent-iom/assent/decoders/kube/patch"
	"github.com/assent-iom/assent/decoders/kube/schema"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

// made makes values for a message: some of its fields, lists of them with keys
// that meet, and, in a patch, directives.
type made struct {
	*rand.Rand
	patch bool
}

func (g made) message(m *schema.Message, depth int) map[string]any {
	out := map[string]any{}
	for name, f := range m.JSON {
		if depth > 7 || name == "Raw" || g.IntN(3+depth*2) > 2 && name != "spec" && name != "template" && name != "containers" {
			continue
		}
		if g.patch && g.IntN(9) == 0 {
			out[name] = nil
			continue
		}
		if v := g.field(f, depth); v != nil {
			out[name] = v
		}
		if list, ok := out[name].([]any); ok && g.patch && f.Strategy == "merge" {
			g.listDirectives(out, f, list)
		}
	}
	if g.patch && depth > 1 && g.IntN(25) == 0 {
		out["$patch"] = pick(g.Rand, []string{"replace", "delete"})
	}
	if g.patch && depth > 1 && g.IntN(25) == 0 {
		var keys []any
		for key := range out {
			if key[0] != '$' {
				keys = append(keys, key)
			}
		}
		out["$retainKeys"] = keys
	}
	return out
}

func (g made) listDirectives(out map[string]any, f schema.Field, list []any) {
	switch g.IntN(4) {
	case 0:
		order := []any{}
		for _, item := range list {
			if o, ok := item.(map[string]any); ok {
				if o["$patch"] == nil {
					order = append(order, map[string]any{f.MergeKey: o[f.MergeKey]})
				}
			} else {
				order = append(order, item)
			}
		}
		out["$setElementOrder/"+f.Name] = append(order, g.order(f)...)
	case 1:
		if f.MergeKey == "" {
			out["$deleteFromPrimitiveList/"+f.Name] = []any{"a"}
			delete(out, f.Name)
		}
	}
}

func (g made) order(f schema.Field) []any {
	if f.MergeKey == "" || g.IntN(2) == 0 {
		return []any{}
	}
	return []any{map[string]any{f.MergeKey: "z"}}
}

func (g made) field(f schema.Field, depth int) any {
	switch {
	case f.List():
		list, seen := []any{}, map[string]bool{}
		for range g.IntN(4) {
			item := g.field(schema.Field{Type: f.Element()}, depth+1)
			if text, ok := item.(string); ok && seen[text] { // a set has no twins
				continue
			} else if ok {
				seen[text] = true
			}
			if o, ok := item.(map[string]any); ok && f.MergeKey != "" {
				key := g.key(schema.Named(f.Element()).JSON[f.MergeKey].Type)
				if seen[fmt.Sprint(key)] {
					continue
				}
				seen[fmt.Sprint(key)] = true
				o[f.MergeKey] = key
				delete(o, "$retainKeys")
				if g.patch && g.IntN(8) == 0 {
					item = map[string]any{"$patch": "delete", f.MergeKey: key}
				} else {
					delete(o, "$patch")
				}
			}
			list = append(list, item)
		}
		return list
	case f.Map():
		out := map[string]any{}
		for range g.IntN(3) {
			out[pick(g.Rand, []string{"a", "b", "c"})] = g.key(f.Element())
		}
		return out
	}
	if m := schema.Named(f.Type); m != nil && len(m.JSON) > 0 && len(f.Type) > 1 {
		switch f.Type {
		case "apis/meta/v1.Time", "api/resource.Quantity", "apimachinery/pkg/api/resource.Quantity", "apis/meta/v1.FieldsV1", "util/intstr.IntOrString":
			return g.key("s")
		}
		return g.message(m, depth+1)
	}
	return g.key(f.Type)
}

func (g made) key(kind string) any {
	switch kind {
	case "i", "u":
		return json.Number(fmt.Sprint(g.IntN(3) + 80))
	case "t":
		return g.IntN(2) == 0
	}
	return pick(g.Rand, []string{"a", "b", "c", "d"})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStrategicMergeIsTheServers(t *testing.T) {
	m, _ := schema.Kind("apps/v1", "Deployment")
	r := rand.New(rand.NewPCG(7, 8))
	compared, differences := 0, 0
	for range 4_000 {
		current, change := made{r, false}.message(m, 0), made{r, true}.message(m, 0)
		theirs, err := strategicpatch.StrategicMergePatch(mustJSON(t, current), mustJSON(t, change), appsv1.Deployment{})
		if err != nil {
			continue
		}
		compared++
		want, err := wire.JSON(theirs)
		if err != nil {
			t.Fatal(err)
		}
		typed(want)
		ours, err := patch.Strategic(m, current, change)
		if diff := firstDifference("", ours, want); err != nil || diff != "" {
			if differences++; differences <= 5 {
				t.Errorf("%v %s\n %s\n %s", err, diff, mustJSON(t, current["metadata"]), mustJSON(t, change["metadata"]))
			}
		}
	}
	t.Logf("%d strategic merge patches compared, %d differences", compared, differences)
	if compared < 1_000 {
		t.Errorf("only %d were compared", compared)
	}
}

func TestMergeAndJSONPatchesAreTheServers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var value func(depth int) any
	value = func(depth int) any {
		switch n := r.IntN(6); {
		case n < 2 && depth < 3:
			out := map[string]any{}
			for range r.IntN(4) {
				out[pick(r, []string{"a", "b", "c", "a/b", "m~n"})] = value(depth + 1)
			}
			return out
		case n < 4 && depth < 3:
			out := []any{}
			for range r.IntN(4) {
				out = append(out, value(depth+1))
			}
			return out
		case n == 4:
			return nil
		}
		return pick(r, []string{"x", "y"})
	}
	paths := []string{"/a", "/b", "/c", "/a/0", "/a/-", "/a/1", "/a/b", "/b/a", "/b/c", "/a~1b", "/m~0n/a", "/a/a/b", "/a/0/a", "/a/9", "/a/-1", "/b/01"}
	compared, differences := 0, 0
	for range 30_000 {
		current := map[string]any{"a": value(0), "b": value(0), "c": value(1)}
		var ops []any
		for range 1 + r.IntN(3) {
			op := map[string]any{"op": pick(r, []string{"add", "add", "remove", "replace", "move", "copy", "test"}), "path": pick(r, paths)}
			switch op["op"] {
			case "add", "replace", "test":
				op["value"] = value(1)
			case "move", "copy":
				op["from"] = pick(r, paths)
			}
			ops = append(ops, op)
		}
		decoded, err := jsonpatch.DecodePatch(mustJSON(t, ops))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := applied(decoded, mustJSON(t, current))
		if err != nil {
			continue // the server refuses it
		}
		want, err := wire.JSON(theirs)
		if err != nil {
			continue // it made what is no JSON
		}
		compared++
		ours, err := patch.JSON(current, ops)
		if err != nil || !patch.Equal(ours, want) {
			if differences++; differences <= 5 {
				t.Errorf("%v\n current %s\n patch   %s\n ours    %s\n theirs  %s", err, mustJSON(t, current), mustJSON(t, ops), mustJSON(t, ours), theirs)
			}
		}
		merge := map[string]any{"a": value(0), "b": value(0)}
		theirs, err = jsonpatch.MergePatch(mustJSON(t, current), mustJSON(t, merge))
		if err != nil {
			continue
		}
		want, _ = wire.JSON(theirs)
		if ours := patch.Merge(current, merge); !patch.Equal(ours, want) {
			if differences++; differences <= 5 {
				t.Errorf("\n current %s\n merge   %s\n ours    %s\n theirs  %s", mustJSON(t, current), mustJSON(t, merge), mustJSON(t, ours), theirs)
			}
		}
	}
	t.Logf("%d patches compared, %d differences", compared, differences)
	if compared < 4_000 {
		t.Errorf("only %d were compared", compared)
	}
}

// applied is Apply; the library panics where a path leads through null.
func applied(p jsonpatch.Patch, document []byte) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.Apply(document)
}

// typed takes out what decoding into a Go type takes out: nulls, and fields that no
// type has.
func typed(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			if item == nil || strings.HasPrefix(key, "$") {
				delete(v, key)
				continue
			}
			typed(item)
		}
	case []any:
		for _, item := range v {
			typed(item)
		}
	}
}

// firstDifference names a place where two values differ.
func firstDifference(path string, ours, theirs any) string {
	a, ok1 := ours.(map[string]any)
	b, ok2 := theirs.(map[string]any)
	if ok1 && ok2 {
		for _, m := range []map[string]any{a, b} {
			for key := range m {
				if d := firstDifference(path+"."+key, a[key], b[key]); d != "" {
					return d
				}
			}
		}
		return ""
	}
	if patch.Equal(ours, theirs) {
		return ""
	}
	x, _ := json.Marshal(ours)
	y, _ := json.Marshal(theirs)
	return fmt.Sprintf("%s\n ours   %.400s\n theirs %.400s", path, x, y)
}
