package beside

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// BenchmarkBesideTessera is the time of a durable append with 16 callers, in one run and
// on one disk: ours, from a statement to its receipt, signature and all, and that of
// tessera's POSIX driver, from the same bytes to their index.
func BenchmarkBesideTessera(b *testing.B) {
	const callers = 16
	entries := make([]ledger.Entry, b.N)
	for i := range entries {
		d := policy.Decision{ID: fmt.Sprint("dec_", i), At: time.Unix(1e9, 0), Verdict: policy.Deny, Action: model.Action{ID: fmt.Sprint(i), Verb: model.Create}}
		statement, err := ledger.DecisionStatement(d)
		if err != nil {
			b.Fatal(err)
		}
		entries[i] = ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Statement: statement}
	}
	p50 := func(add func(ledger.Entry) error) time.Duration {
		took := make([]time.Duration, b.N)
		var next atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
					began := time.Now()
					if err := add(entries[i]); err != nil {
						b.Error(err)
						return
					}
					took[i] = time.Since(began)
				}
			})
		}
		wg.Wait()
		slices.Sort(took)
		return took[len(took)/2]
	}
	own, err := store.Open(b.Context(), store.Config{Dir: filepath.Join(b.TempDir(), "ledger"), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	defer own.Close()
	skey, _, err := note.GenerateKey(rand.Reader, "bench")
	if err != nil {
		b.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		b.Fatal(err)
	}
	driver, err := posix.New(b.Context(), posix.Config{Path: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	other, shutdown, _, err := tessera.NewAppender(b.Context(), driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).WithBatching(256, 5*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	ours := p50(func(e ledger.Entry) error { _, err := own.Append(b.Context(), e); return err })
	theirs := p50(func(e ledger.Entry) error {
		_, err := other.Add(b.Context(), tessera.NewEntry(e.Statement))()
		return err
	})
	b.StopTimer()
	if err := shutdown(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(ours.Microseconds()), "ours-p50-µs")
	b.ReportMetric(float64(theirs.Microseconds()), "tessera-p50-µs")
	b.ReportMetric(float64(theirs)/float64(ours), "tessera/ours")
}
