// Package tlog is the Merkle tree of the ledger: hashes as in RFC 6962, an
// append that remembers O(log n) of them, proofs, and checkpoints as in
// https://c2sp.org/tlog-checkpoint. It is pure: no I/O, no clock, no goroutine.
//
// The words:
//
//   - leaf hash: SHA-256(0x00 ‖ entry); node hash: SHA-256(0x01 ‖ left ‖ right).
//   - Range: the compact range of a tree: the roots of its complete subtrees,
//     from the largest to the smallest. It is all that an append needs.
//   - checkpoint: the log's name, its size and its root, signed as a note.
//   - inclusion proof: an entry is in a tree; consistency proof: a smaller tree
//     is the beginning of a larger one.
//
// It does not store anything and does not know what an entry means.
package tlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/assent-iom/assent/ledger"
)

// LeafHash hashes one entry.
func LeafHash(entry []byte) ledger.Hash {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(entry)
	return ledger.Hash(h.Sum(nil))
}

// NodeHash hashes two subtrees of equal height.
func NodeHash(left, right ledger.Hash) ledger.Hash {
	var buf [65]byte
	buf[0] = 1
	copy(buf[1:], left[:])
	copy(buf[33:], right[:])
	return sha256.Sum256(buf[:])
}

// EmptyRoot is the root of a tree without entries.
func EmptyRoot() ledger.Hash { return sha256.Sum256(nil) }

// Range is the compact range of a tree. Its zero value is the empty tree.
type Range struct {
	size  uint64
	nodes []ledger.Hash // one for each bit that is set in size, highest first
}

// Size returns the number of entries.
func (r *Range) Size() uint64 { return r.size }

// Append adds one entry by its leaf hash.
func (r *Range) Append(leaf ledger.Hash) {
	for n := r.size; n&1 == 1; n >>= 1 {
		last := len(r.nodes) - 1
		leaf = NodeHash(r.nodes[last], leaf)
		r.nodes = r.nodes[:last]
	}
	r.nodes = append(r.nodes, leaf)
	r.size++
}

// Root returns the tree's root hash.
func (r *Range) Root() ledger.Hash {
	if r.size == 0 {
		return EmptyRoot()
	}
	last := len(r.nodes) - 1
	root := r.nodes[last]
	for i := last - 1; i >= 0; i-- {
		root = NodeHash(r.nodes[i], root)
	}
	return root
}

// Clone returns a copy that can be appended to on its own.
func (r *Range) Clone() Range {
	return Range{size: r.size, nodes: append([]ledger.Hash(nil), r.nodes...)}
}

// MarshalBinary writes the range: the size, big-endian, and the hashes.
func (r *Range) MarshalBinary() ([]byte, error) {
	out := binary.BigEndian.AppendUint64(make([]byte, 0, 8+32*len(r.nodes)), r.size)
	for _, n := range r.nodes {
		out = append(out, n[:]...)
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (r *Range) UnmarshalBinary(data []byte) error {
	if len(data) < 8 {
		return errors.New("reading compact range: too short")
	}
	size := binary.BigEndian.Uint64(data)
	if want := 8 + 32*bits.OnesCount64(size); len(data) != want {
		return fmt.Errorf("reading compact range: %d bytes, size %d needs %d", len(data), size, want)
	}
	r.size, r.nodes = size, nil
	for data = data[8:]; len(data) > 0; data = data[32:] {
		r.nodes = append(r.nodes, ledger.Hash(data[:32]))
	}
	return nil
}
