package model

import "fmt"

// Verb says what an action does, in one word.
//
// list, read and reveal change nothing; reveal is a read that hands out a secret
// or a credential. Everything else changes something, and unknown is judged as
// if it did. The zero value is judged as unknown.
type Verb string

// The verbs.
const (
	List    Verb = "list"
	Read    Verb = "read"
	Reveal  Verb = "reveal"
	Create  Verb = "create"
	Update  Verb = "update"
	Scale   Verb = "scale"
	Enable  Verb = "enable"
	Disable Verb = "disable"
	Attach  Verb = "attach"
	Detach  Verb = "detach"
	Grant   Verb = "grant"
	Revoke  Verb = "revoke"
	Execute Verb = "execute"
	Delete  Verb = "delete"
	Unknown Verb = "unknown"
)

// Verbs returns every verb, reads first, in the order of the documentation.
func Verbs() []Verb {
	return []Verb{List, Read, Reveal, Create, Update, Scale, Enable, Disable,
		Attach, Detach, Grant, Revoke, Execute, Delete, Unknown}
}

// Mutates reports whether the verb is judged as a change. Anything that is not
// surely a read is: unknown, the zero value, and words from nowhere.
func (v Verb) Mutates() bool {
	return v != List && v != Read && v != Reveal
}

// Valid reports whether v is one of Verbs.
func (v Verb) Valid() bool {
	for _, known := range Verbs() {
		if v == known {
			return true
		}
	}
	return false
}

// Fidelity says how well a call was understood. The zero value is Opaque: a
// decoder has to claim more.
type Fidelity uint8

// The fidelities, in rising order.
const (
	Opaque  Fidelity = iota // the operation or the body was not understood
	Partial                 // understood, but Action.Unknown names parts that were not
	Exact                   // everything in the call was understood
)

// String returns opaque, partial or exact.
func (f Fidelity) String() string {
	switch f {
	case Partial:
		return "partial"
	case Exact:
		return "exact"
	default:
		return "opaque"
	}
}

// MarshalText writes the fidelity as its word.
func (f Fidelity) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (f *Fidelity) UnmarshalText(text []byte) error {
	switch string(text) {
	case "opaque":
		*f = Opaque
	case "partial":
		*f = Partial
	case "exact":
		*f = Exact
	default:
		return fmt.Errorf("fidelity %q: want opaque, partial or exact", text)
	}
	return nil
}
