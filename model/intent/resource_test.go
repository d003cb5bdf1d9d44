package intent

import (
	"errors"
	"strings"
	"testing"
)

const oneOwner = "apiVersion: assent.dev/v1\nkind: Owner\nmetadata: {name: o}\nspec: {accountable: \"human:a@b.example\"}\n---\n"

// A Resource names each field with its line, keeps values in their own words, and is
// part of the digest.
func TestResources(t *testing.T) {
	text := oneOwner + `apiVersion: assent.dev/v1
kind: Resource
metadata: {name: r, owner: o}
spec:
  urn: sg-0abc
  fields:
    list: [b, a]
    gone: null
    tags.team: shop
  reserved: x
`
	set, err := Parse("r.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := set.Resources[0]
	if len(r.Fields) != 3 || r.Fields[0].Path != "gone" || r.Fields[0].Value != nil || r.Fields[1].Pos.String() != "r.yaml:12" || r.Reserved[0] != "x" {
		t.Errorf("%+v", r)
	}
	other, err := Parse("r.yaml", []byte(strings.Replace(text, "[b, a]", "[a, b]", 1)))
	if err != nil || other.Digest == set.Digest {
		t.Errorf("the order of a list in a platform's own words is content: %v", err)
	}
	for name, c := range map[string]struct{ was, is, code string }{
		"no owner":         {", owner: o", "", CodeMissing},
		"nobody":           {"owner: o", "owner: nobody", CodeReference},
		"a pattern":        {"sg-0abc", "sg-*", CodeValue},
		"a plain name":     {"sg-0abc", "web", CodeValue},
		"no field":         {"  fields:\n    list: [b, a]\n    gone: null\n    tags.team: shop\n  reserved: x\n", "  purpose: none\n", CodeMissing},
		"a field twice":    {"gone: null", "list: 1", CodeDuplicate},
		"a path of dots":   {"gone: null", "a.: 1", CodeValue},
		"no map":           {"gone: null", "gone: &a 1", CodeBound},
		"an unknown field": {"reserved: x", "owned: x", CodeField},
	} {
		_, err := Parse("r.yaml", []byte(strings.Replace(text, c.was, c.is, 1)))
		var all *Error
		if !errors.As(err, &all) || all.Problems[0].Code != c.code || all.Problems[0].Line == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := text + "---\n" + strings.Replace(text[len(oneOwner):], "name: r", "name: s", 1)
	if _, err := Parse("r.yaml", []byte(twice)); err == nil || !strings.Contains(err.Error(), "both declare") {
		t.Errorf("two documents declare one field: %v", err)
	}
	for name, c := range map[string]struct{ waives, until string }{
		"of nobody's": {"resource: q", "2026-01-02"}, "too long": {"resource: r", "2026-06-02"}, "two things": {"resource: r, never: a/b", "2026-01-02"},
	} {
		bad := text + "---\napiVersion: assent.dev/v1\nkind: Exception\nmetadata: {name: e}\nspec: {waives: {" + c.waives + "}, for: {resource: \"*\"}, reason: x, from: \"2026-01-01\", until: \"" + c.until + "\", approvedBy: \"human:a@b.example\"}\n"
		if _, err := Parse("r.yaml", []byte(bad)); err == nil {
			t.Errorf("an exception %s is let through", name)
		}
	}
}
