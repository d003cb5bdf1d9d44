package verify

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// keys are the log's: the one that signs at the entry at hand, and how it came to it.
type keys struct {
	key      note.Verifier
	public   ed25519.PublicKey
	epoch    int        // counts the changes of key
	chain    []string   // vkeys, from the log's first on
	lost     bool       // a rotation does not hold: where it led to cannot be told
	expected []expected // keys that have to be in the chain
}

// expected is a key that the log has to have had.
type expected struct{ vkey, what string }

// pinKey takes the key that was given.
func (v *run) pinKey() error {
	v.report.Pinned = true
	vkey := strings.TrimSpace(v.opts.VKey)
	v.expected = append(v.expected, expected{vkey, "the key that was expected"})
	return v.trustKey(vkey)
}

// trustKey begins with a key; begin may find that the log began with another.
func (v *run) trustKey(vkey string) error {
	if err := v.useKey(vkey); err != nil {
		v.report.problem(NoIndex, Untrusted, "%v", err)
		return errStop
	}
	return nil
}

func (v *run) useKey(vkey string) error {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("the key %q cannot be read: %w", vkey, err)
	}
	public, err := tlog.PublicKey(vkey)
	if err != nil {
		return err
	}
	v.key, v.public, v.epoch = key, public, v.epoch+1
	v.report.VKey, v.report.Origin = vkey, key.Name()
	v.chain = append(v.chain, vkey)
	return nil
}

// begin takes the key that the first entry says the log begins with: whether it leads
// to the one that is expected is seen at the end.
func (v *run) begin(genesis []byte) {
	g, err := ledger.ParseGenesis(genesis)
	if err != nil || g.VKey == v.report.VKey {
		return // what is wrong with it is reported in its place
	}
	have, origin := v.keys, v.report.Origin
	v.chain = nil
	if v.useKey(g.VKey) != nil {
		v.keys, v.report.VKey, v.report.Origin = have, have.chain[0], origin
	}
}

// signed checks the signatures of an entry: one by the log's key, or, where it goes
// over to another, that one's too. next is the other.
func (v *run) signed(e ledger.Envelope) (next string, err error) {
	if len(e.Signatures) == 1 {
		return "", e.Verify(v.public)
	}
	r, err := ledger.ParseRotation(e.Payload)
	if err != nil {
		return "", fmt.Errorf("it has %d signatures, and is no change of the key: %w", len(e.Signatures), err)
	}
	key, err := note.NewVerifier(r.To)
	if err != nil {
		return "", fmt.Errorf("the next key %q: %w", r.To, err)
	}
	public, err := tlog.PublicKey(r.To)
	switch {
	case err != nil:
		return "", err
	case r.From != v.report.VKey || key.Name() != v.report.Origin || r.Origin != v.report.Origin:
		return "", fmt.Errorf("it goes from the key %s to %s, and the log's is %s", r.From, r.To, v.report.VKey)
	case slices.Contains(v.chain, r.To):
		return "", fmt.Errorf("it goes back to the key %s", r.To)
	}
	return r.To, e.Verify([]crypto.PublicKey{v.public, public}...)
}

// goOver follows a rotation that holds.
func (v *run) goOver(next string) error {
	v.report.Rotations++
	return v.useKey(next)
}

// trusted checks at the end that the log had the keys that it was to have.
func (v *run) trusted() {
	for _, e := range v.expected {
		if !slices.Contains(v.chain, e.vkey) && !v.lost {
			v.report.problem(NoIndex, Untrusted, "%s is none of the log's: it was begun with another key, %s", e.what, v.chain[0])
		}
	}
}

// known are all keys that a checkpoint beyond the end of the log may be signed by.
func (v *run) known() []note.Verifier {
	out := []note.Verifier{v.key}
	vkeys := slices.Clone(v.chain)
	for _, e := range v.expected {
		vkeys = append(vkeys, e.vkey)
	}
	for _, vkey := range vkeys {
		// A list with one key twice opens nothing.
		if key, err := note.NewVerifier(vkey); err == nil && !slices.ContainsFunc(out, func(o note.Verifier) bool { return o.KeyHash() == key.KeyHash() && o.Name() == key.Name() }) {
			out = append(out, key)
		}
	}
	return out
}

// passMarks compares what was kept elsewhere with the tree at its size now.
func (v *run) passMarks(size uint64, root ledger.Hash, atEnd bool) {
	kept := v.marks[:0]
	for _, m := range v.marks {
		if m.Size > size && !atEnd {
			kept = append(kept, m)
			continue
		}
		with := []note.Verifier{v.key}
		if m.Size > size {
			with = v.known()
		}
		_, err := tlog.OpenCheckpoint(m.signed, with...)
		switch {
		case err != nil:
			v.report.problem(NoIndex, Tampered, "%s does not verify: %v", m.from, err)
		case m.Size > size:
			v.report.problem(NoIndex, RolledBack, "the log ends at %d entries, %s has %d", size, m.from, m.Size)
		case m.Root != root:
			v.report.problem(NoIndex, RolledBack, "the first %d entries are not those of %s", size, m.from)
		}
	}
	v.marks = kept
}
