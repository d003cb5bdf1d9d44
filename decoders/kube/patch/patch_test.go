package patch

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/kube/schema"
	"github.com/assent-iom/assent/decoders/kube/wire"
)

func value(t testing.TB, text string) any {
	t.Helper()
	v, err := wire.JSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func object1(t testing.TB, text string) map[string]any {
	t.Helper()
	o, _ := value(t, text).(map[string]any)
	return o
}

func written(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ current, patch, want string }{
		{`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"c":null}}`, `{"a":1,"b":{"d":3}}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
		{`{}`, `{"a":{"b":null,"c":[{"d":null}]}}`, `{"a":{"c":[{}]}}`},
		{`{"a":1}`, `[1]`, `[1]`},
	} {
		current := value(t, c.current)
		if got := written(Merge(current, value(t, c.patch))); got != c.want {
			t.Errorf("%s over %s: %s", c.patch, c.current, got)
		}
		if written(current) != c.current {
			t.Errorf("the current object became %s", written(current))
		}
	}
}

func TestJSONPatch(t *testing.T) {
	for _, c := range []struct{ patch, want string }{
		{`[{"op":"add","path":"/l/1","value":9}]`, `{"l":[1,9,2],"m":{"a/b":1}}`},
		{`[{"op":"add","path":"/l/-","value":9}]`, `{"l":[1,2,9],"m":{"a/b":1}}`},
		{`[{"op":"remove","path":"/m/a~1b"}]`, `{"l":[1,2],"m":{}}`},
		{`[{"op":"replace","path":"/m/new","value":1}]`, `{"l":[1,2],"m":{"a/b":1,"new":1}}`},
		{`[{"op":"test","path":"/l/0","value":1.0},{"op":"move","from":"/l","path":"/k"}]`, `{"k":[1,2],"m":{"a/b":1}}`},
		{`[{"op":"copy","from":"/m","path":"/n"}]`, `{"l":[1,2],"m":{"a/b":1},"n":{"a/b":1}}`},
		{`[{"op":"test","path":"/l/0","value":2}]`, ``},
		{`[{"op":"remove","path":"/none"}]`, ``},
		{`[{"op":"add","path":"/l/9","value":1}]`, ``},
		{`[{"op":"add","path":"","value":1}]`, ``},
		{`[{"op":"frob","path":"/l"}]`, ``},
		{`[7]`, ``},
	} {
		ops, _ := value(t, c.patch).([]any)
		current := value(t, `{"l":[1,2],"m":{"a/b":1}}`)
		got, err := JSON(current, ops)
		if (err == nil) != (c.want != "") || err == nil && written(got) != c.want {
			t.Errorf("%s: %s, %v", c.patch, written(got), err)
		}
		if written(current) != `{"l":[1,2],"m":{"a/b":1}}` {
			t.Errorf("%s changed the current object to %s", c.patch, written(current))
		}
	}
	var bomb []any // each copies all that is there into it
	for range 40 {
		bomb = append(bomb, map[string]any{"op": "copy", "from": "/a", "path": "/a/" + "x"}, map[string]any{"op": "copy", "from": "/a", "path": "/b"}, map[string]any{"op": "copy", "from": "/b", "path": "/a/y"})
	}
	if _, err := JSON(map[string]any{"a": map[string]any{}}, bomb); err == nil || !strings.Contains(err.Error(), "copies make more") {
		t.Errorf("a bomb of copies: %v", err)
	}
	if _, err := JSON(map[string]any{}, make([]any, maxOperations+1)); err == nil {
		t.Error("any number of operations is taken")
	}
}

const live = `{"metadata":{"name":"web","managedFields":[
	{"manager":"me","operation":"Apply","fieldsV1":{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:image":{}},"k:{\"name\":\"b\"}":{".":{},"f:name":{},"f:image":{}}}}}}}},
	{"manager":"hpa","operation":"Update","fieldsV1":{"f:spec":{"f:minReadySeconds":{}}}}]},
	"spec":{"replicas":2,"minReadySeconds":5,"template":{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}}}}`

func TestApply(t *testing.T) {
	m, _ := schema.Kind("apps/v1", "Deployment")
	for _, c := range []struct{ name, config, manager, want string }{
		{"what is no longer applied goes", `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"2"}]}}}}`, "me",
			`{"minReadySeconds":5,"template":{"spec":{"containers":[{"image":"2","name":"a"}]}}}`},
		{"what others applied stays", `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"3"}]}}}}`, "you",
			`{"minReadySeconds":5,"replicas":2,"template":{"spec":{"containers":[{"image":"1","name":"a"},{"image":"1","name":"b"},{"image":"3","name":"c"}]}}}`},
		{"an empty map adds nothing", `{"spec":{"template":{}}}`, "you",
			`{"minReadySeconds":5,"replicas":2,"template":{"spec":{"containers":[{"image":"1","name":"a"},{"image":"1","name":"b"}]}}}`},
	} {
		got, err := Apply(m, object1(t, live), object1(t, c.config), c.manager, true)
		if err != nil || written(got["spec"]) != c.want {
			t.Errorf("%s: %s, %v", c.name, written(got["spec"]), err)
		}
	}
	_, err := Apply(m, object1(t, live), object1(t, `{"spec":{"minReadySeconds":9,"replicas":2}}`), "you", false)
	var conflicts Conflicts
	if !errors.As(err, &conflicts) || len(conflicts) != 1 || conflicts[0] != (Conflict{"hpa", "f:spec.f:minReadySeconds"}) {
		t.Errorf("conflicts %v", err)
	}
	if _, err := Apply(nil, nil, nil, "me", true); err == nil {
		t.Error("a kind that no table has was applied")
	}
}

func TestTyped(t *testing.T) {
	m, _ := schema.Kind("v1", "Pod")
	pod := object1(t, `{"spec":{"hostNetwork":false,"containers":[{"name":"a","image":"x","ports":[{"containerPort":1}]},{"name":"b","image":"r/x:1","imagePullPolicy":"Never"}]}}`)
	Typed(m, pod)
	const want = `{"spec":{"containers":[{"image":"x","imagePullPolicy":"Always","name":"a","ports":[{"containerPort":1,"protocol":"TCP"}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"},` +
		`{"image":"r/x:1","imagePullPolicy":"Never","name":"b","terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}]}}`
	if got := written(pod); got != want {
		t.Error(got)
	}
}

// FuzzPatch: no patch of any kind panics, or changes what it is applied to.
func FuzzPatch(f *testing.F) {
	for _, p := range []string{`{"spec":{"replicas":null}}`, `[{"op":"add","path":"/spec/x","value":1}]`,
		`{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"b","$patch":"delete"}]}}}}`,
		`{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]},"spec":{"$retainKeys":["replicas"],"replicas":1}}`, `[{"op":"copy","from":"","path":"/a/-1"}]`} {
		f.Add([]byte(live), []byte(p))
	}
	m, _ := schema.Kind("apps/v1", "Deployment")
	f.Fuzz(func(t *testing.T, currentText, patchText []byte) {
		c, err1 := wire.JSON(currentText)
		p, err2 := wire.JSON(patchText)
		if err1 != nil || err2 != nil {
			return
		}
		before, change := written(c), written(p)
		Merge(c, p)
		current, ok := c.(map[string]any)
		if !ok {
			return
		}
		if ops, ok := p.([]any); ok {
			_, _ = JSON(c, ops)
		}
		if doc, ok := p.(map[string]any); ok {
			_, _ = Strategic(m, current, doc)
			if out, err := Apply(m, current, doc, "me", true); err == nil {
				Typed(m, Clone(out))
			}
			_, _ = Apply(m, current, doc, "you", false)
		}
		if written(c) != before || written(p) != change {
			t.Fatal("an argument was changed")
		}
	})
}

func BenchmarkApply(b *testing.B) {
	m, _ := schema.Kind("apps/v1", "Deployment")
	current, config := object1(b, live), object1(b, `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"2"}]}}}}`)
	b.Run("strategic", func(b *testing.B) {
		for b.Loop() {
			if _, err := Strategic(m, current, config); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			if _, err := Apply(m, current, config, "me", true); err != nil {
				b.Fatal(err)
			}
		}
	})
}
