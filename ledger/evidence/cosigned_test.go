package evidence

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/policy"
)

func cosigner(t *testing.T) *tlog.Cosigner {
	t.Helper()
	s, err := seal.File(filepath.Join(t.TempDir(), "key.pem"), "witness.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tlog.NewCosigner(s.Origin(), s.PublicKey(), s.NoteSigner().Sign)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A pack carries what witnesses have said of the log that it is from, whether they
// said it of the pack's own head or of a later one.
func TestAPackCarriesItsCosignatures(t *testing.T) {
	b := newBook(t)
	for range 12 {
		b.decide(policy.Allow, ledger.Succeeded)
	}
	w := cosigner(t)
	wants := verify.Options{VKey: b.VKey(), Witnesses: []string{w.VKey()}, Fresh: time.Hour, Now: b.now}
	dir, _ := build(t, b, month("soc2"))
	if r := checked(t, dir, wants); r.Kind != verify.Untrusted {
		t.Errorf("nobody has cosigned it: %v", r.Kind)
	}
	put := func() {
		t.Helper()
		if _, err := publish.Publish(t.Context(), b, b.Public(), func(_ context.Context, signed []byte, _ func(uint64) ([]ledger.Hash, error)) ([]byte, error) {
			return w.Cosign(signed, b.now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	dir, _ = build(t, b, month("soc2"))
	if r := checked(t, dir, wants); r.Kind != verify.OK || r.Cosigned != 1 {
		t.Errorf("its own head: %v %v", r.Kind, r.Problems)
	}
	for b.now.Before(end.AddDate(0, 0, 2)) { // the log goes on after the period
		b.decide(policy.Deny, "")
	}
	put()
	dir, pack := build(t, b, month("soc2"))
	if pack.Head.Cosigned <= pack.Head.Size {
		t.Fatalf("%+v", pack.Head)
	}
	wants.Now = b.now
	if r := checked(t, dir, wants); r.Kind != verify.OK || r.Cosigned != 1 {
		t.Errorf("a later head: %v %v", r.Kind, r.Problems)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey()}); r.Kind != verify.OK {
		t.Errorf("nobody asks for a witness: %v %v", r.Kind, r.Problems)
	}
	wants.Now = b.now.Add(2 * time.Hour)
	if r := checked(t, dir, wants); r.Kind != verify.RolledBack {
		t.Errorf("it is stale: %v", r.Kind)
	}
	wants.Now, wants.Witnesses = b.now, []string{cosigner(t).VKey()}
	if r := checked(t, dir, wants); r.Kind != verify.Untrusted {
		t.Errorf("another witness: %v", r.Kind)
	}
	wants.Witnesses = []string{w.VKey()}
	path := filepath.Join(dir, filepath.FromSlash(fileGrown))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(data); at += 7 {
		data[at] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := checked(t, dir, wants); r.Kind == verify.OK {
			t.Errorf("byte %d of the cosigned checkpoint: %v", at, r.Kind)
		}
		data[at] ^= 1
	}
}
