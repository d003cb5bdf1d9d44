package model

// Standing is how a resource stands against what was built by way of the proxy. The
// zero value says that nobody knows.
type Standing struct {
	URN URN `json:"urn"`
	// Built: somebody built it by way of the proxy, or its owner has adopted it.
	Built bool `json:"built,omitempty"`
	// Settled: it was read back after its last change, and what differs since is drift.
	Settled bool `json:"settled,omitempty"`
	// Drifted are the fields that somebody else has changed since: those that a service
	// computes, and those of controllers, left out.
	Drifted []Deviation `json:"drifted,omitempty"`
}

// Deviation is one field that is not as it was read back.
type Deviation struct {
	Path string `json:"path"` // members with dots between, [NAME] for the item of a list
	// Was and Now are its values; nil: it was, or is, not there.
	Was any `json:"was,omitempty"`
	Now any `json:"now,omitempty"`
	// Critical: who may reach it, who may use it, how it is encrypted.
	Critical bool `json:"critical,omitempty"`
}

// Grave returns the drift in critical fields.
func (s Standing) Grave() (out []Deviation) {
	for _, d := range s.Drifted {
		if d.Critical {
			out = append(out, d)
		}
	}
	return out
}

// Portrait is what a resource is in portable words: what it is for, and what is known of
// it, each with where that stands in its attributes (Property.Native).
type Portrait struct {
	URN        URN        `json:"urn"`
	Capability string     `json:"capability,omitempty"`
	Props      []Property `json:"props,omitempty"`
}

// Portraying is a Snapshot that says in portable words what its resources are.
type Portraying interface {
	Snapshot
	Portrait(URN) Portrait
}

// Reconciled is a Snapshot that knows what was built, too.
type Reconciled interface {
	Snapshot
	// Standing tells how a resource stands.
	Standing(URN) Standing
}
