package verify_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
)

// published publishes the log in a directory as it is now.
func published(t testing.TB, dir string) (public, vkey string) {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := publish.Publish(context.Background(), s, s.Public(), nil); err != nil {
		t.Fatal(err)
	}
	return s.Public(), s.VKey()
}

func TestThePublishedFormSaysWhatTheLedgerSays(t *testing.T) {
	dir := honest(t)
	public, vkey := published(t, dir)
	got, err := verify.Public(t.Context(), public, verify.Options{VKey: vkey})
	if err != nil || got.Kind != verify.OK || got.Verified != 14 || got.Decisions != 7 || got.Outcomes != 5 {
		t.Fatalf("%+v, %v", got, err)
	}
	want := check(t, dir, verify.Options{})
	if got.Root != want.Root || got.Origin != want.Origin || got.VKey != want.VKey {
		t.Errorf("%+v, the ledger itself %+v", got, want)
	}
}

func TestOpenDecisionsShowInThePublishedForm(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := openStore(t, dir)
	d := decision(0)
	of := record(t, s, d)
	public, vkey := published(t, dir)
	got, err := verify.Public(t.Context(), public, verify.Options{VKey: vkey})
	if err != nil || got.Kind != verify.Incomplete || got.Open != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	conclude(t, s, d, of)
	refused := decision(2)
	of = record(t, s, refused)
	statement, err := ledger.OutcomeStatement(ledger.Outcome{Decision: refused.ID, Of: of, Result: ledger.Succeeded, CompletedAt: at}, refused)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), ledger.Entry{Kind: ledger.KindOutcome, Key: refused.ID, Run: "run_1", Statement: statement}); err == nil {
		t.Error("an outcome of a refused decision was taken")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	published(t, dir)
	if got, err = verify.Public(t.Context(), public, verify.Options{VKey: vkey}); err != nil || got.Kind != verify.OK {
		t.Errorf("%+v, %v", got, err)
	}
}

// Hashes alone show every change of bytes, through a change of key too, and say that
// they are all.
func TestHashesAloneShowWhatWasChanged(t *testing.T) {
	dir := honest(t)
	if _, _, err := store.Rotate(t.Context(), store.Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader}, ledger.Rotation{Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	public, vkey := published(t, dir)
	opts := verify.Options{VKey: vkey, HashesOnly: true}
	for name, verified := range map[string]func() (verify.Report, error){
		"database":  func() (verify.Report, error) { return verify.Dir(t.Context(), dir, opts) },
		"published": func() (verify.Report, error) { return verify.Public(t.Context(), public, opts) },
	} {
		if r, err := verified(); err != nil || r.Kind != verify.OK || r.Verified != 15 || r.Rotations != 1 || r.Decisions != 0 || !r.HashesOnly {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	bundle := filepath.Join(public, "tile", "entries", "000.p", "15")
	data, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for at := 100; at < len(data); at += len(data) / 40 {
		data[at] ^= 1
		if err := os.WriteFile(bundle, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := verify.Public(t.Context(), public, opts); err != nil || r.Kind != verify.Tampered && r.Kind != verify.Untrusted {
			t.Errorf("byte %d: %v, %v", at, r.Kind, err)
		}
		data[at] ^= 1
	}
}
