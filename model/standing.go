package model

// Standing is how a resource stands against what was built by way of the proxy. The
// zero value says that nobody knows.
type Standing struct {
	URN URN `json:"urn"`
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

// Reconciled is a Snapshot that knows what was built, too.
type Reconciled interface {
	Snapshot
	// Standing tells how a resource stands.
	Standing(URN) Standing
}
