package tlog

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	sumdb "golang.org/x/mod/sumdb/tlog"

	"github.com/assent-iom/assent/ledger"
)

// grow returns n leaf hashes, their roots at every size, and the same tree in
// the Go project's own implementation.
func grow(t testing.TB, n int) (leaves []ledger.Hash, roots []ledger.Hash, theirs sumdb.HashReader) {
	t.Helper()
	var stored []sumdb.Hash
	reader := sumdb.HashReaderFunc(func(indexes []int64) ([]sumdb.Hash, error) {
		out := make([]sumdb.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	var r Range
	roots = append(roots, r.Root())
	for i := range n {
		entry := fmt.Appendf(nil, "entry %d", i)
		hashes, err := sumdb.StoredHashes(int64(i), entry, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		leaves = append(leaves, LeafHash(entry))
		r.Append(leaves[i])
		roots = append(roots, r.Root())
	}
	return leaves, roots, reader
}

func subtrees(leaves []ledger.Hash) Subtrees {
	return FromLeaves(func(i uint64) (ledger.Hash, error) { return leaves[i], nil })
}

func TestLaw10TreeIsThatOfTheGoSumdb(t *testing.T) {
	const n = 70
	leaves, roots, theirs := grow(t, n)
	for size := 1; size <= n; size++ {
		root, err := sumdb.TreeHash(int64(size), theirs)
		if err != nil || ledger.Hash(root) != roots[size] {
			t.Fatalf("size %d: root %v, theirs %v (%v)", size, roots[size], root, err)
		}
		for index := range size {
			proof, err := Inclusion(subtrees(leaves), uint64(index), uint64(size))
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyInclusion(proof, uint64(index), uint64(size), leaves[index], roots[size]); err != nil {
				t.Fatalf("entry %d of %d: %v", index, size, err)
			}
			if err := sumdb.CheckRecord(theirProof(proof), int64(size), root, int64(index), sumdb.Hash(leaves[index])); err != nil {
				t.Fatalf("entry %d of %d: sumdb: %v", index, size, err)
			}
		}
		for old := 1; old <= size; old++ {
			proof, err := Consistency(subtrees(leaves), uint64(old), uint64(size))
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyConsistency(proof, uint64(old), uint64(size), roots[old], roots[size]); err != nil {
				t.Fatalf("%d to %d: %v", old, size, err)
			}
			if err := sumdb.CheckTree(theirProof(proof), int64(size), root, int64(old), sumdb.Hash(roots[old])); err != nil {
				t.Fatalf("%d to %d: sumdb: %v", old, size, err)
			}
		}
	}
}

func theirProof(p []ledger.Hash) []sumdb.Hash {
	out := make([]sumdb.Hash, len(p))
	for i, h := range p {
		out[i] = sumdb.Hash(h)
	}
	return out
}

func TestProofsOfSomethingElseDoNotHold(t *testing.T) {
	leaves, roots, _ := grow(t, 21)
	proof, _ := Inclusion(subtrees(leaves), 5, 21)
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"another entry", VerifyInclusion(proof, 5, 21, leaves[6], roots[21])},
		{"another place", VerifyInclusion(proof, 4, 21, leaves[5], roots[21])},
		{"another root", VerifyInclusion(proof, 5, 21, leaves[5], roots[20])},
		{"beyond the end", VerifyInclusion(proof, 21, 21, leaves[5], roots[21])},
		{"cut short", VerifyInclusion(proof[:len(proof)-1], 5, 21, leaves[5], roots[21])},
		{"too long", VerifyInclusion(append(proof, roots[1]), 5, 21, leaves[5], roots[21])},
		{"growth from nothing", VerifyConsistency(nil, 0, 21, EmptyRoot(), roots[21])},
		{"shrinking", VerifyConsistency(nil, 21, 20, roots[21], roots[20])},
		{"fork", VerifyConsistency(nil, 21, 21, roots[20], roots[21])},
		{"no proof", VerifyConsistency(nil, 20, 21, roots[20], roots[21])},
	} {
		if tt.err == nil {
			t.Errorf("%s: holds", tt.name)
		}
	}
}

func TestRangeSurvivesBeingWrittenDown(t *testing.T) {
	leaves, roots, _ := grow(t, 40)
	var r Range
	for i, leaf := range leaves {
		data, _ := r.MarshalBinary()
		var again Range
		if err := again.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		kept := again.Clone()
		again.Append(leaf)
		if again.Root() != roots[i+1] || kept.Root() != roots[i] {
			t.Fatalf("size %d: another root after a round trip", i)
		}
		r = again
	}
	data, _ := r.MarshalBinary()
	if err := new(Range).UnmarshalBinary(data[:len(data)-1]); err == nil {
		t.Error("a range that is cut short was accepted")
	}
}

func testKey(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func TestCheckpointIsReadOnlyAsItWasSigned(t *testing.T) {
	signer, verifier := testKey(t, "example.org/log")
	c := Checkpoint{Origin: "example.org/log", Size: 7, Root: LeafHash([]byte("x"))}
	signed, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenCheckpoint(signed, verifier); err != nil || got != c {
		t.Fatalf("got %v, %v", got, err)
	}
	for i := range signed {
		bad := bytes.Clone(signed)
		bad[i] ^= 1
		if got, err := OpenCheckpoint(bad, verifier); err == nil && got != c {
			t.Fatalf("byte %d flipped: read as %v", i, got)
		}
	}
	// signed, but not in the one form
	for _, text := range []string{
		"example.org/log\n07\n" + strings.SplitN(c.Text(), "\n", 3)[2],
		c.Text() + "an extension\n", "example.org/other\n" + strings.SplitN(c.Text(), "\n", 2)[1],
		"example.org/log\n7\nAAAA\n", "example.org/log\n-1\n" + strings.SplitN(c.Text(), "\n", 3)[2],
	} {
		odd, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCheckpoint(odd, verifier); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	signer, verifier := testKey(f, "example.org/log")
	signed, _ := Checkpoint{Origin: "example.org/log", Size: 1}.Sign(signer)
	f.Add(signed)
	f.Add([]byte("example.org/log\n1\nAAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := OpenCheckpoint(data, verifier); err == nil && c.Size != 1 {
			t.Fatalf("accepted a checkpoint of size %d that was never signed", c.Size)
		}
		if c, err := parseText(string(data)); err == nil && c.Text() != string(data) {
			t.Fatal("two spellings of one checkpoint")
		}
	})
}

func BenchmarkAppendAndRoot(b *testing.B) {
	var r Range
	leaf := LeafHash([]byte("entry"))
	for b.Loop() {
		r.Append(leaf)
		_ = r.Root()
	}
}
