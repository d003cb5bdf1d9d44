package wire

import "testing"

func TestWhatIsNoTextIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ syntax, body string }{
		"a value in CBOR": {"cbor", "\x61\xff"}, "a key in CBOR": {"cbor", "\xa1\x61\xff\x01"}, "bytes in CBOR": {"cbor", "\x41\xff"},
		"a field in protobuf":        {"protobuf", "k8s\x00\x0a\x0f\x12\x0dDeleteOptions\x12\x05\x22\x030\xff0"},
		"a kind in protobuf":         {"protobuf", "k8s\x00\x0a\x03\x12\x01\xff"},
		"a name of an unknown kind":  {"protobuf", "k8s\x00\x0a\x03\x12\x01X\x12\x05\x0a\x03\x0a\x01\xff"},
		"a label's key, in protobuf": {"protobuf", "k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x07\x0a\x05\x5a\x03\x0a\x01\xff"},
	} {
		if v, err := readers[c.syntax]([]byte(c.body)); err == nil {
			t.Errorf("%s was read as %v", name, v)
		}
	}
}
