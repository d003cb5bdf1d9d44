package intent

import (
	"os"
	"testing"
)

// TestABundleIsTheSameSet: the documents as they were written are the documents.
func TestABundleIsTheSameSet(t *testing.T) {
	for _, dir := range []string{"../../deploy/demo/intent"} {
		set, err := Load(os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Unbundle(set.Bundle())
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest != set.Digest || again.Files != set.Files || string(again.Bundle()) != string(set.Bundle()) {
			t.Errorf("%s: %s became %s", dir, set.Digest, again.Digest)
		}
	}
	if (*Set)(nil).Bundle() != nil || (&Set{}).Bundle() != nil {
		t.Error("nothing declared has a bundle")
	}
}

func FuzzUnbundle(f *testing.F) {
	f.Add([]byte(`{"files":[{"name":"a.yaml","text":"apiVersion: assent.dev/v1\nkind: Owner\nmetadata: {name: a}\nspec: {accountable: \"human:x\"}\n"}]}`))
	f.Add([]byte(`{"files":[{}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if set, err := Unbundle(data); err == nil && !set.Empty() {
			if again, err := Unbundle(set.Bundle()); err != nil || again.Digest != set.Digest {
				t.Errorf("%v, %v", again, err)
			}
		}
	})
}
