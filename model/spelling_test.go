package model

import (
	"bytes"
	"encoding/json"
	"testing"
)

// byTree is what Ordered has to say: the spelling that reading into maps and writing
// them gives, with and without the escapes that are for HTML.
func byTree(data []byte, html bool) ([]byte, error) {
	var tree any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(html)
	err := e.Encode(tree)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

// Where Ordered says something, it is what reading and writing JSON says.
func FuzzOrdered(f *testing.F) {
	for _, seed := range []string{
		`{"b":1,"a":{"z":[{"y":1,"x":-0.5e3}],"a":""}}`, `{"a":1,"b":2}`, `{"a":1,"a":2}`, `{"b":1,"a":1,"b":2}`, `{}`, `[]`, `[{},[],"",null,true]`, `1`, `"x"`, `{"é":1,"e":2}`,
		`{"a": 1}`, ` 1`, `1 `, `"<&>"`, "\"\u2028\"", "\"\xff\"", `"\u0061"`, `{"":1}`, `{"ab":1,"a":2,"a.":3}`, `[1,[2,[3,{"c":1,"b":{"d":1,"c":2}}]]]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		got, ok := Ordered(data)
		if !ok {
			return
		}
		if want, err := byTree(data, false); err != nil || string(want) != string(got) {
			t.Fatalf("%q: %q, want %q (%v)", data, got, want, err)
		}
		// What encoding/json has written is also spelled as it would spell it again.
		written, err := json.Marshal(json.RawMessage(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok = Ordered(written); ok {
			if want, err := byTree(written, true); err != nil || string(want) != string(got) {
				t.Fatalf("%q: %q, want %q (%v)", written, got, want, err)
			}
		}
	})
}

// The plain case, which is nearly every action, needs no tree.
func TestAnActionIsOrderedWithoutATree(t *testing.T) {
	data, err := json.Marshal(Action{Service: "s3", Verb: Delete, Params: json.RawMessage(`{"Key":"b","Bucket":"a"}`), Targets: []Target{{URN: "arn:aws:s3:::a"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := Ordered(data)
	want, err := byTree(data, true)
	if !ok || err != nil || string(got) != string(want) {
		t.Errorf("%s (%v), want %s (%v)", got, ok, want, err)
	}
}
