package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// byTokens is CheckJSON by way of encoding/json's own reader: slow, and the judge.
func byTokens(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("not UTF-8")
	}
	if !json.Valid(data) {
		return fmt.Errorf("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value func(depth int) error
	value = func(depth int) error {
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		token, err := dec.Token()
		delim, ok := token.(json.Delim)
		if err != nil || !ok {
			return err
		}
		seen := map[string]bool{}
		for dec.More() {
			if delim == '{' {
				key, err := dec.Token()
				if err != nil {
					return err
				}
				if name := key.(string); seen[name] {
					return fmt.Errorf("key %q appears twice", name)
				} else {
					seen[name] = true
				}
			}
			if err := value(depth + 1); err != nil {
				return err
			}
		}
		_, err = dec.Token()
		return err
	}
	if err := value(0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("bytes after the end")
	}
	return nil
}

// What CheckJSON accepts is what encoding/json accepts, without repeated keys.
func FuzzCheckJSON(f *testing.F) {
	keys := make([]string, 80)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":%d`, i%79, i)
	}
	for _, seed := range []string{
		``, ` `, `{}`, `[]`, ` { "a" : [ 1 , -0 , 0.5 , 1e9 , 1E+2 , -1.25e-3 ] } `, `"\u00e9\ud800\n\/"`, `nul`, `true`, `[true,false,null]`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\ud800":1,"\udc00":2}`, `{"a":{"a":1},"b":{"a":1}}`, `01`, `-`, `1.`, `1e`, `.5`, `+1`, `--1`, `1 2`, `[1,]`, `{"a":1,}`, `{,}`,
		`{"a"}`, `{"a":}`, `{1:2}`, `"`, `"\`, `"\u12`, `"\u12g4"`, `"\x"`, "\"\x00\"", "\"\t\"", "\"\xff\"", `[`, `{`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, "\u00a0{}", "\ufeff{}", `]`, `"\"`, `["\u0000"]`,
		`{` + strings.Join(keys, ",") + `}`, `{` + strings.Join(keys[:79], ",") + `}`,
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth), strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, got := byTokens(data), CheckJSON(data)
		if (want == nil) != (got == nil) {
			t.Fatalf("%q: %v, encoding/json says %v", data, got, want)
		}
	})
}
