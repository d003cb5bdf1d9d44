package intent

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What differs between two sets is named, and nothing is named where the digest is the same.
func TestWhatDiffersIsNamed(t *testing.T) {
	owner := func(name, person string) string {
		return fmt.Sprintf("---\napiVersion: assent.dev/v1\nkind: Owner\nmetadata: {name: %s}\nspec: {accountable: \"human:%s\", members: [\"human:x\", \"human:y\"]}\n", name, person)
	}
	set := func(text string) *Set {
		t.Helper()
		s, err := Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := set(owner("shop", "ann") + owner("pay", "ben"))
	now := set(owner("pay", "bob") + owner("web", "cid"))
	added, changed, removed := Compare(old, now)
	if !slices.Equal(added, []string{"Owner/web"}) || !slices.Equal(changed, []string{"Owner/pay"}) || !slices.Equal(removed, []string{"Owner/shop"}) {
		t.Errorf("added %v, changed %v, removed %v", added, changed, removed)
	}
	same := set("# otherwise written\n" + owner("pay", "ben") + strings.Replace(owner("shop", "ann"), `"human:x", "human:y"`, `"human:y", "human:x"`, 1))
	if same.Digest != old.Digest {
		t.Fatal("it was to have the same digest")
	}
	if added, changed, removed := Compare(old, same); len(added)+len(changed)+len(removed) != 0 {
		t.Errorf("of one digest: added %v, changed %v, removed %v", added, changed, removed)
	}
	if added, _, _ := Compare(nil, old); len(added) != 2 {
		t.Errorf("against nothing: %v", added)
	}
}

// A kind of document that Each did not know would be in no comparison.
func TestEachKnowsEveryKind(t *testing.T) {
	typ := reflect.TypeOf(Set{})
	s := reflect.New(typ)
	want := 0
	for i := range typ.NumField() {
		if f := typ.Field(i); f.IsExported() && f.Type.Kind() == reflect.Slice {
			s.Elem().Field(i).Set(reflect.Append(s.Elem().Field(i), reflect.New(f.Type.Elem().Elem())))
			want++
		}
	}
	kinds := map[string]bool{}
	s.Interface().(*Set).Each(func(kind, _ string, _ Pos, _ any) { kinds[kind] = true })
	if len(kinds) != want {
		t.Errorf("%d of %d kinds: %v", len(kinds), want, kinds)
	}
}
