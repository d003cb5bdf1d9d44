package verify_test

import (
	"context"
	"path/filepath"
	"testing"

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
