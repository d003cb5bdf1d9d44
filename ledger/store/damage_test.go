package store_test

import (
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
)

// A byte of what was acknowledged, changed after the process was killed: the ledger is
// not opened, or not published, or all of it is there. It is never shorter in silence:
// SQLite by itself takes a damaged write-ahead log for one that ends there.
func TestDamageToWhatWasAcknowledgedIsNeverSilent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	c, out := child(t, dir, "a", 1<<20)
	all := acks(out, func(n int) {
		if n == 60 {
			c.Process.Kill()
		}
	})
	c.Wait() // killed: the error says so
	rounds := 60
	if testing.Short() {
		rounds = 12
	}
	rng := mrand.New(mrand.NewPCG(3, 4))
	shorter, elsewhere := 0, 0
	for round := range rounds {
		copied := filepath.Join(t.TempDir(), "ledger")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(copied, store.KeyFile), 0o600); err != nil {
			t.Fatal(err)
		}
		wal := filepath.Join(copied, store.Database+"-wal")
		data, err := os.ReadFile(wal)
		if err != nil || len(data) == 0 {
			t.Fatalf("the process left no write-ahead log: %v", err)
		}
		// The end of the log, where the mark does not reach yet, is damaged most.
		from := 0
		if round%2 == 0 {
			from = max(0, len(data)-64<<10)
		}
		data[from+rng.IntN(len(data)-from)] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(wal, data, 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := verify.Dir(t.Context(), copied, verify.Options{})
		verified := err == nil && report.Kind <= verify.Incomplete
		s, err := store.Open(t.Context(), store.Config{Dir: copied, Now: time.Now, Rand: rand.Reader})
		if err != nil {
			if !errors.Is(err, store.ErrRolledBack) {
				t.Logf("refused: %v", err)
			}
			shorter++
			if verified {
				t.Errorf("round %d: the ledger is refused, and verifies", round)
			}
			continue
		}
		_, err = publish.Publish(t.Context(), s, s.Public(), nil)
		whole := true
		for _, a := range all {
			e, err := s.Get(t.Context(), a.at)
			whole = whole && err == nil && e.LeafHash == a.leaf
		}
		if err == nil && !whole {
			t.Errorf("round %d: acknowledged entries are gone, and nobody says so", round)
		}
		if whole {
			elsewhere++
		}
		s.Close()
	}
	if shorter == 0 {
		t.Error("no damage met what was acknowledged")
	}
	t.Logf("%d damaged: %d refused, %d whole all the same", rounds, shorter, elsewhere)
}
