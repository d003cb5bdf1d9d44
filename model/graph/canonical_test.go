package graph

import (
	"bytes"
	"testing"
)

// FuzzTidy: the quick way and encoding/json write the same bytes.
func FuzzTidy(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":{"d":[1, 2.50e+3 ,-0],"c":null}}`, `{"a":1,"a":2}`, ` [ ] `, `{}`, `{"k":"\u00e9<&>` + "\u2028" + `"}`,
		`"x\ud800y"`, "\"\x7f\"", `01`, `1.`, `-`, `tru`, `{"a":1,}`, `{} ]`, `{"\u0061":1}`, `[1 2]`, `{"a":{"z":1,"y":{"q":1,"p":2}},"A":0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		quick, ok := tidy(raw, nil)
		if !ok {
			return
		}
		value, err := decode(raw)
		if err != nil {
			t.Fatalf("%q is no JSON: %v", raw, err)
		}
		if slow := encode(value); !bytes.Equal(quick, slow) {
			t.Fatalf("%q: %q, want %q", raw, quick, slow)
		}
	})
}
