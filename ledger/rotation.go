package ledger

import (
	"context"
	"errors"
	"time"
)

// Rotation is how a log goes over to another key: from the entry that says so on,
// the next key signs entries and checkpoints. It is signed by both, the key that
// goes first: who trusts the one can follow to the other, and neither holder alone
// can say so.
type Rotation struct {
	Origin string    `json:"origin"` // the log's name, which stays
	From   string    `json:"from"`   // vkeys
	To     string    `json:"to"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // who asked for it
	Reason string    `json:"reason,omitempty"`
	// Until is how long what is published bears the old key's signature too.
	Until time.Time `json:"until,omitzero"`
}

// RotationKey is under which all rotations of a log are found.
const RotationKey = "log-key"

const rotationURI = "urn:assent:ledger:key:"

// RotationEntry encodes a rotation.
func RotationEntry(r Rotation) (Entry, error) {
	r.At, r.Until = r.At.UTC(), r.Until.UTC()
	r.By, r.Reason = short(r.By), short(r.Reason)
	return noteEntry(KindKey, RotationKey, rotationURI+r.Origin, r)
}

// ParseRotation reads a rotation back from its envelope or statement.
func ParseRotation(data []byte) (Rotation, error) {
	r, err := parseNote[Rotation](KindKey, data)
	if err == nil && (r.From == "" || r.To == "" || r.From == r.To) {
		err = errors.New("reading key: it does not say from which key to which other")
	}
	return r, err
}

// VKeyAt returns the key that signs the entry of an index, and the checkpoints of that
// many entries. newest is the log's key now.
func VKeyAt(ctx context.Context, log Reader, index uint64, newest string) (string, error) {
	rotations, err := log.Find(ctx, RotationKey)
	if err != nil {
		return "", err
	}
	for _, e := range rotations {
		if e.Index >= index {
			r, err := ParseRotation(e.Envelope)
			return r.From, err
		}
	}
	return newest, nil
}
