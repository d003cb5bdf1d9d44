package mend

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/assent-iom/assent/model"
)

func parse(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// What a document records of its edits makes the same of the input that they were
// made on, and the input itself is left alone.
func TestThePatchIsTheEdit(t *testing.T) {
	const text = `{"a":{"b":[{"x":1},{"x":2},{"x":3}],"c~/d":true,"n":null}}`
	was := parse(t, text)
	d := Of(was)
	for name, done := range map[string]bool{
		"a value": d.Set("/a/b/0/x", "one"), "one that is not there": d.Set("/a/new/deep/er", false), "below null": d.Set("/a/n/m", json.Number("4")),
		"escaped": d.Remove("/a/c~0~1d"), "items": d.RemoveIf("/a/b", func(v any) bool { return v.(map[string]any)["x"] == json.Number("2") }),
	} {
		if !done {
			t.Errorf("%s was not changed", name)
		}
	}
	if d.Set("/a/b/0/x", "one") || d.Set("/a/b/x/y", 1) || d.Remove("/a/none") {
		t.Error("what is so already, or cannot be, was changed")
	}
	if !reflect.DeepEqual(was, parse(t, text)) {
		t.Error("the input was changed")
	}
	again, err := Apply(was, d.Ops)
	if err != nil || !reflect.DeepEqual(again, d.Root) {
		t.Errorf("%v\n%v\n%v", err, again, d.Root)
	}
	if len(d.Ops) != 5 {
		t.Errorf("%+v", d.Ops)
	}
}

func TestAPersonsYAMLStaysAsTheyWroteIt(t *testing.T) {
	const text = `# our database
Resources:
  Store: # the orders
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: postgres # for now
      KmsKeyId: !Ref Key
      Ports: [22, 443]
`
	got, err := ApplyText(text, []model.PatchOp{
		{Op: "add", Path: "/Resources/Store/Properties/StorageEncrypted", Value: true},
		{Op: "remove", Path: "/Resources/Store/Properties/Ports/0"},
		{Op: "replace", Path: "/Resources/Store/Properties/Engine", Value: "aurora"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# our database", "# the orders", "# for now", "!Ref Key", "StorageEncrypted: true", "Ports: [443]", "Engine: aurora"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	for _, op := range []model.PatchOp{{Op: "remove", Path: "/None"}, {Op: "remove", Path: ""}, {Op: "replace", Path: "/Resources/Store/Properties/Ports/7"}, {Op: "add", Path: "/Resources/Store/Type/x"}} {
		if _, err := ApplyText(text, []model.PatchOp{op}); err == nil {
			t.Errorf("%+v was applied", op)
		}
	}
}

func TestWhatIsWantedIsMet(t *testing.T) {
	seven := int64(7)
	for _, test := range []struct {
		want  model.Want
		value any
		met   bool
	}{
		{model.Want{Is: true}, true, true}, {model.Want{Is: false}, "false", true}, {model.Want{Is: true}, nil, false},
		{model.Want{Least: &seven}, json.Number("7"), true}, {model.Want{Least: &seven}, json.Number("6"), false}, {model.Want{Most: &seven}, "x", false},
		{model.Want{Only: []string{"a*"}}, []any{"ab", "a"}, true}, {model.Want{Only: []string{"a*"}}, []any{"ab", "b"}, false},
		{model.Want{Without: []string{"x"}}, []any{"y"}, true}, {model.Want{Without: []string{"x"}}, []any{"y", "x"}, false},
		{model.Want{Empty: true}, []any{}, true}, {model.Want{Empty: true}, []any{"a"}, false},
		{model.Want{From: Internet, Ports: []int{22}}, []any{map[string]any{"cidr": "0.0.0.0/0", "from": json.Number("443"), "to": json.Number("443")}}, true},
		{model.Want{From: Internet, Ports: []int{22}}, []any{map[string]any{"cidr": "0.0.0.0/0", "from": json.Number("1"), "to": json.Number("100")}}, false},
		{model.Want{From: Internet, Ports: []int{22}}, []any{map[string]any{"cidr": "0.0.0.0/0"}}, false},
		{model.Want{From: Internet, Ports: []int{22}}, []any{map[string]any{"cidr": "10.1.0.0/16"}}, true},
		{model.Want{From: Internet}, []any{map[string]any{"group": "sg-1"}}, true}, {model.Want{From: Internet}, []any{map[string]any{"prefixList": "pl-1"}}, false},
		{model.Want{From: "8.8.0.0/16"}, []any{map[string]any{"cidr": "8.8.8.0/24"}}, false}, {model.Want{}, "anything", false},
	} {
		if got := Value(test.want, test.value); got != test.met {
			t.Errorf("%+v of %v: %v", test.want, test.value, got)
		}
	}
	if Met(model.Want{Property: "p", Is: true}, []model.Property{{Name: "p", Value: true, Known: true}, {Name: "p"}}) {
		t.Error("what cannot be told is met")
	}
}

// FuzzApplyText: whatever is patched is an error or the same kind of text again.
func FuzzApplyText(f *testing.F) {
	f.Add("a: [1, {b: c}]\n", "/a/1/b", "add", "x")
	f.Add(`{"a":[1,2]}`, "/a/-", "add", "3")
	f.Add(`{"a":[1,2]}`, "/a/0", "remove", "")
	f.Add("a: &x {b: 1}\nc: *x\n", "/c/b", "replace", "2")
	f.Fuzz(func(t *testing.T, text, path, op, value string) {
		out, err := ApplyText(text, []model.PatchOp{{Op: op, Path: path, Value: value}})
		if err != nil {
			return
		}
		var v any
		if err := yaml.Unmarshal([]byte(out), &v); err != nil && yaml.Unmarshal([]byte(text), &v) == nil {
			t.Errorf("%q became %q: %v", text, out, err)
		}
	})
}
