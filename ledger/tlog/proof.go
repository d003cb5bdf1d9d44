package tlog

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/assent-iom/assent/ledger"
)

// Subtrees gives the hash of the complete subtree that covers the entries
// [index<<level, (index+1)<<level).
type Subtrees func(level int, index uint64) (ledger.Hash, error)

// FromLeaves makes Subtrees from leaf hashes alone: right for a proof now and
// then, since every proof costs as many hashes as there are entries.
func FromLeaves(leaf func(index uint64) (ledger.Hash, error)) Subtrees {
	var subtree Subtrees
	subtree = func(level int, index uint64) (ledger.Hash, error) {
		if level == 0 {
			return leaf(index)
		}
		left, err := subtree(level-1, 2*index)
		if err != nil {
			return ledger.Hash{}, err
		}
		right, err := subtree(level-1, 2*index+1)
		return NodeHash(left, right), err
	}
	return subtree
}

// Inclusion proves that entry index is in the tree of the given size
// (RFC 6962 §2.1.1).
func Inclusion(s Subtrees, index, size uint64) ([]ledger.Hash, error) {
	if index >= size {
		return nil, fmt.Errorf("proving entry %d: the tree has %d", index, size)
	}
	return inclusion(s, index, 0, size)
}

// inclusion proves index within the entries [lo, hi).
func inclusion(s Subtrees, index, lo, hi uint64) ([]ledger.Hash, error) {
	if hi-lo == 1 {
		return nil, nil
	}
	mid := lo + split(hi-lo)
	near, far := [2]uint64{lo, mid}, [2]uint64{mid, hi}
	if index >= mid {
		near, far = far, near
	}
	proof, err := inclusion(s, index, near[0], near[1])
	if err != nil {
		return nil, err
	}
	sibling, err := rangeHash(s, far[0], far[1])
	return append(proof, sibling), err
}

// Consistency proves that the tree of size old is the beginning of that of size
// size (RFC 6962 §2.1.2).
func Consistency(s Subtrees, old, size uint64) ([]ledger.Hash, error) {
	if old == 0 || old > size {
		return nil, fmt.Errorf("proving growth from %d to %d: want 1 ≤ old ≤ new", old, size)
	}
	return consistency(s, old, 0, size, true)
}

func consistency(s Subtrees, old, lo, hi uint64, whole bool) ([]ledger.Hash, error) {
	if old == hi {
		if whole {
			return nil, nil
		}
		h, err := rangeHash(s, lo, hi)
		return []ledger.Hash{h}, err
	}
	mid := lo + split(hi-lo)
	var proof []ledger.Hash
	var sibling ledger.Hash
	var err error
	if old <= mid {
		if proof, err = consistency(s, old, lo, mid, whole); err == nil {
			sibling, err = rangeHash(s, mid, hi)
		}
	} else {
		if proof, err = consistency(s, old, mid, hi, false); err == nil {
			sibling, err = rangeHash(s, lo, mid)
		}
	}
	return append(proof, sibling), err
}

// rangeHash returns the hash of the entries [lo, hi), where lo is a multiple of
// the largest power of two in hi-lo.
func rangeHash(s Subtrees, lo, hi uint64) (ledger.Hash, error) {
	if n := hi - lo; n&(n-1) == 0 {
		level := bits.TrailingZeros64(n)
		return s(level, lo>>level)
	}
	mid := lo + split(hi-lo)
	left, err := rangeHash(s, lo, mid)
	if err != nil {
		return ledger.Hash{}, err
	}
	right, err := rangeHash(s, mid, hi)
	return NodeHash(left, right), err
}

// Root returns the root of the tree of the first size entries.
func Root(s Subtrees, size uint64) (ledger.Hash, error) {
	if size == 0 {
		return EmptyRoot(), nil
	}
	return rangeHash(s, 0, size)
}

// split returns the largest power of two below n.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// ErrProof is returned for a proof that does not hold.
var ErrProof = errors.New("the proof does not hold")

// VerifyInclusion checks an inclusion proof (RFC 9162 §2.1.3.2).
func VerifyInclusion(proof []ledger.Hash, index, size uint64, leaf, root ledger.Hash) error {
	if index >= size {
		return ErrProof
	}
	fn, sn, r := index, size-1, leaf
	for _, p := range proof {
		if sn == 0 {
			return ErrProof
		}
		if fn&1 == 1 || fn == sn {
			r = NodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = NodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || r != root {
		return ErrProof
	}
	return nil
}

// VerifyConsistency checks a consistency proof (RFC 9162 §2.1.4.2).
func VerifyConsistency(proof []ledger.Hash, old, size uint64, oldRoot, root ledger.Hash) error {
	switch {
	case old == 0 || old > size:
		return ErrProof
	case old == size:
		if len(proof) != 0 || oldRoot != root {
			return ErrProof
		}
		return nil
	}
	if old&(old-1) == 0 { // a complete tree is its own first hash
		proof = append([]ledger.Hash{oldRoot}, proof...)
	}
	if len(proof) == 0 {
		return ErrProof
	}
	fn, sn := old-1, size-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return ErrProof
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = NodeHash(c, fr), NodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = NodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if fr != oldRoot || sr != root || sn != 0 {
		return ErrProof
	}
	return nil
}
