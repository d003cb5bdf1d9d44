package wire

import (
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// readers are all that turn bytes into values.
var readers = map[string]func([]byte) (any, error){
	"json": JSON, "yaml": YAML, "cbor": CBOR,
	"protobuf": func(data []byte) (any, error) {
		h, err := Protobuf(data)
		if err != nil || h.Object == nil {
			return nil, err
		}
		return h.Object, nil
	},
}

// whole: what was read can be written as JSON, and is then read as the same.
func whole(t *testing.T, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("it cannot be written: %v", err)
	}
	again, err := JSON(data)
	if err != nil {
		t.Fatalf("%s cannot be read again: %v", data, err)
	}
	if second, _ := json.Marshal(again); string(second) != string(data) {
		t.Fatalf("%s is read as %s", data, second)
	}
}

func fuzz(f *testing.F, syntax string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := readers[syntax](data); err == nil {
			whole(t, v)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "json", `{"a":[1,2.50,"x",null,true]}`, `{"a":1,"\u0061":2}`, `{} {}`, `[[[[`, `1e999`, `"\ud800"`)
}

func FuzzYAML(f *testing.F) {
	fuzz(f, "yaml", "a: yes", "a: &x [1]\nb: *x", "a: |\n  x\n", "a: 1\n---\nb: 2", "? [a]\n: b", "a: 0x1F\nb: 1_000\nc: 1e3\nd: .5", "<<: {a: 1}")
}

func FuzzCBOR(f *testing.F) {
	for _, v := range []any{map[string]any{"a": []any{1, "x", nil, true, 2.5}}, "x", []byte("bytes")} {
		data, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{0xd9, 0xd9, 0xf7}, data...))
	}
	fuzz(f, "cbor", "\x61\xff", "\xa1\x61\xff\x01", "\xbf\x61a\x01\x61a\x02\xff")
}

func FuzzProtobuf(f *testing.F) {
	fuzz(f, "protobuf",
		"k8s\x00\x0a\x0f\x12\x0dDeleteOptions\x12\x05\x22\x030\xff0",
		"k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x07\x0a\x05\x0a\x03web",
		"k8s\x00\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x05\x2a\x03All",
		"k8s\x00\x0a\x2f\x0a\x17apiextensions.k8s.io/v1\x12\x18CustomResourceDefinition\x12\x04\x0a\x02\x0a\x00")
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte("a: 1\n---\n---\nb: 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := Documents(data, 10)
		if err != nil {
			return
		}
		if len(docs) > 10 {
			t.Fatalf("%d documents", len(docs))
		}
		for _, d := range docs {
			whole(t, d)
		}
	})
}
