package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/assent-iom/assent/model"
)

// Prior is what the things that an action changes were like when it was asked about.
type Prior map[model.URN]Then

// Then is what one thing was like: nothing of what it holds can be read from it.
type Then struct {
	// Built is the decision of its last change by way of the proxy; empty: none is known.
	Built string `json:"built,omitempty"`
	// Fields has a hash for each field.
	Fields map[string]string `json:"fields"`
}

// Digest is sha256:HEX of it; empty, where nothing was known.
func (p Prior) Digest() string {
	if len(p) == 0 {
		return ""
	}
	data, err := json.Marshal(p)
	if err != nil { // strings always encode
		panic(err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
