package ledger

import (
	"bytes"
	"fmt"

	"github.com/assent-iom/assent/model"
)

// Object is kept beside the log under a name that tells what it has to be:
// facts/DIGEST of its bytes, intent/DIGEST of the documents in it. Losing one loses
// the means to judge again, and no evidence.
type Object struct {
	Name string
	Data []byte
}

// The kinds of objects, and the bound of each one.
const (
	FactsObject  = "facts/"
	IntentObject = "intent/"
	MaxObject    = 4 << 20
)

// FactsObjectOf encodes facts, free of secrets that have a known form.
func FactsObjectOf(f model.Facts) (Object, error) {
	data, err := encodeJSON(f)
	if err != nil {
		return Object{}, fmt.Errorf("encoding facts: %w", err)
	}
	data = Scrub(data)
	return Object{FactsObject + "sha256:" + sha256Hex(data), data}, nil
}

// ParseFacts reads the object of a digest.
func ParseFacts(digest string, data []byte) (model.Facts, error) {
	var f model.Facts
	if "sha256:"+sha256Hex(data) != digest {
		return f, fmt.Errorf("reading facts: these are not %s", digest)
	}
	if err := decodeJSON(data, &f); err != nil {
		return f, fmt.Errorf("reading facts: %w", err)
	}
	return f, nil
}

// Unsecret returns data, or nothing if there is a secret of a known form in it: a
// text that is named by its digest cannot be kept without it.
func Unsecret(data []byte) []byte {
	if !bytes.Equal(Scrub(data), data) {
		return nil
	}
	return data
}

// Redacted reports whether the last net took something out of a decision's action, so
// that what is recorded is not what was judged. What a veil or a decoder took out was
// gone before.
func Redacted(data []byte) bool {
	st, err := Read(data)
	if err != nil || st.Kind != KindDecision {
		return false
	}
	var p struct {
		Action model.Action `json:"action"`
		Digest string       `json:"actionDigest"`
	}
	return decodeJSON(st.wire.Predicate, &p) == nil && p.Action.DigestString() != p.Digest
}
