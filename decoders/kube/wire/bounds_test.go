package wire

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// TestABodyAtTheCapTakesBoundedMemory reads bodies of 3 MiB, which is all that the
// server takes, of the shapes that cost most.
func TestABodyAtTheCapTakesBoundedMemory(t *testing.T) {
	const size, limit = 3 << 20, 1 << 30 // what is allocated in all, not what stays
	pod := func(inner []byte) []byte {
		body := append([]byte("k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12"), varint(len(inner))...)
		return append(body, inner...)
	}
	containers := bytes.Repeat([]byte{0x12, 0x00}, size/2) // each an empty container
	spec := append([]byte{0x12}, append(varint(len(containers)), containers...)...)
	for name, c := range map[string]struct {
		syntax string
		body   []byte
	}{
		"json numbers":        {"json", []byte("[" + strings.Repeat("0,", size/2) + "0]")},
		"json objects":        {"json", []byte("[" + strings.Repeat("{},", size/3) + "0]")},
		"json depth":          {"json", bytes.Repeat([]byte("["), size)},
		"yaml depth":          {"yaml", bytes.Repeat([]byte("["), 20_000)},
		"cbor depth":          {"cbor", bytes.Repeat([]byte{0x81}, size)},
		"cbor lists":          {"cbor", append([]byte{0x9a, 0, 0x30, 0, 0}, make([]byte, size)...)},
		"cbor a long promise": {"cbor", []byte{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		"protobuf containers": {"protobuf", pod(spec)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readers[c.syntax](c.body)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > limit {
			t.Errorf("%s: %d MiB for %d KiB (%v)", name, used>>20, len(c.body)>>10, err)
		}
	}
}

func varint(n int) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}
