package cli

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
)

// A proof that would not hold is not given out: neither of an entry nor of growth.
func TestNoProofIsGivenOutThatDoesNotHold(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Config{Dir: dir, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		e, err := ledger.HeartbeatEntry(ledger.Heartbeat{Process: "p", At: time.Now(), Started: time.Now()})
		if err == nil {
			_, err = s.Append(ctx, e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := growthProof(ctx, s, 3, 6); err != nil {
		t.Errorf("a log that holds: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, store.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE entries SET leaf = zeroblob(32) WHERE idx = 1`); err != nil {
		t.Fatal(err)
	}
	s, err = store.Open(ctx, store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := growthProof(ctx, s, 3, 6); err == nil || !strings.Contains(err.Error(), "ledger verify") {
		t.Errorf("of growth: %v", err)
	}
	if _, err := entryProof(ctx, s, "2"); err == nil || !strings.Contains(err.Error(), "ledger verify") {
		t.Errorf("of an entry: %v", err)
	}
}
