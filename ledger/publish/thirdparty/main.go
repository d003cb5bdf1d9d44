// Thirdparty checks a published ledger with code that is not ours: tessera's
// fsck and torchwood. It is a module of its own so that their requirements are
// not Assent's.
//
//	thirdparty DIR VKEY [PROOF ENTRY | WITNESS]
//
// With WITNESS (a vkey) it also checks that torchwood finds that witness's
// cosignature under the checkpoint. It prints one line a check and exits 1 if any of them fails. With PROOF and
// ENTRY (files) it also checks a tlog-proof of that entry.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 3 || len(os.Args) > 5 {
		fmt.Fprintln(os.Stderr, "usage: thirdparty DIR VKEY [PROOF ENTRY | WITNESS]")
		os.Exit(64)
	}
	dir, vkey := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(64)
	}
	failed := false
	report := func(name string, err error) {
		if err != nil {
			failed = true
			fmt.Printf("%s: FAILED: %v\n", name, err)
			return
		}
		fmt.Printf("%s: ok\n", name)
	}
	// fsck does not return when it finds a bad tile and has but one worker.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	report("fsck", checkTessera(ctx, dir, verifier))
	report("torchwood", checkTorchwood(ctx, dir, verifier))
	if len(os.Args) == 5 {
		report("proof", checkProof(os.Args[3], os.Args[4], verifier))
	}
	if len(os.Args) == 4 {
		report("cosigned", checkCosigned(dir, os.Args[3], verifier))
	}
	if failed {
		os.Exit(1)
	}
}

func checkCosigned(dir, witness string, v note.Verifier) error {
	w, err := torchwood.NewCosignatureVerifier(witness)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(dir + "/checkpoint")
	if err != nil {
		return err
	}
	_, _, err = torchwood.VerifyCheckpoint(signed, torchwood.ThresholdPolicy(2, policy(v), torchwood.SingleVerifierPolicy(w)))
	return err
}

func checkTessera(ctx context.Context, dir string, v note.Verifier) error {
	done := make(chan error, 1)
	go func() {
		done <- fsck.New(v.Name(), v, client.FileFetcher{Root: dir}, leafHashes, fsck.Opts{N: 4}).Check(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.New("it did not come to an end")
	}
}

// leafHashes is what tessera's own fsck command does with a bundle.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, e := range b.Entries {
		h := rfc6962.DefaultHasher.HashLeaf(e)
		out = append(out, h)
	}
	return out, nil
}

func checkTorchwood(ctx context.Context, dir string, v note.Verifier) error {
	signed, err := os.ReadFile(dir + "/checkpoint")
	if err != nil {
		return err
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy(v))
	if err != nil {
		return err
	}
	files, err := torchwood.NewTileFS(os.DirFS(dir))
	if err != nil {
		return err
	}
	reader, err := torchwood.NewClient(files)
	if err != nil {
		return err
	}
	n := int64(0)
	for i := range reader.AllEntries(ctx, c.Tree, 0) {
		if i != n {
			return fmt.Errorf("entry %d after %d", i, n-1)
		}
		n++
	}
	if err := reader.Err(); err != nil {
		return err
	}
	if n != c.N {
		return fmt.Errorf("%d of %d entries", n, c.N)
	}
	return nil
}

func checkProof(proofFile, entryFile string, v note.Verifier) error {
	proof, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	leaf := sha256.Sum256(append([]byte{0}, entry...))
	return torchwood.VerifyProof(policy(v), tlog.Hash(leaf), proof)
}

func policy(v note.Verifier) torchwood.Policy {
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
}
