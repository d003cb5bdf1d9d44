package helm

import (
	"encoding/base64"
	"testing"
)

func TestPrevious(t *testing.T) {
	for name, want := range map[string]string{
		"sh.helm.release.v1.a.v2": "sh.helm.release.v1.a.v1", "sh.helm.release.v1.a.b.v10": "sh.helm.release.v1.a.b.v9",
		"sh.helm.release.v1.a.v1": "", "other.v2": "", "sh.helm.release.v1.a": "", "sh.helm.release.v1.a.vx": "",
	} {
		if got := Previous(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAConfigMapAndAListAreReadToo(t *testing.T) {
	release := `{"name":"r","namespace":"n","version":1,"info":{"status":"pending-install"},"manifest":"kind: List\nitems:\n- kind: A\n- kind: B\n"}`
	r, err := Read(map[string]any{"data": map[string]any{"release": base64.StdEncoding.EncodeToString([]byte(release))}}, false)
	if err != nil || len(r.Objects) != 2 || r.Namespace != "n" || !r.Begins() || r.Removes() {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzRelease(f *testing.F) {
	f.Add([]byte(`{"manifest":"a: 1\n---\nb: 2\n","hooks":[{"manifest":"c: 3"}]}`))
	f.Add([]byte{0x1f, 0x8b, 0x08, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(map[string]any{"data": map[string]any{"release": base64.StdEncoding.EncodeToString(data)}}, false)
		if err == nil && len(r.Objects) > maxObjects {
			t.Fatalf("%d objects", len(r.Objects))
		}
	})
}
