package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/policy"
)

// rawFsync is the median of appending as much to a plain file and syncing it:
// what any durable record costs on this disk at this moment.
func rawFsync(b *testing.B, size int) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	data := make([]byte, size)
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// BenchmarkAppend is the time from a statement to its receipt. Statements are
// encoded beforehand: what that costs is ledger.BenchmarkDecisionStatement's.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, b.TempDir())
			raw := rawFsync(b, 2<<10)
			took := make([]time.Duration, b.N)
			entries := make([]ledger.Entry, b.N)
			for i := range entries {
				entries[i] = decide(b, decision(fmt.Sprintf("dec_%d", i), policy.Deny))
			}
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						began := time.Now()
						if _, err := s.Append(b.Context(), entries[i]); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(began)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			p50, p99 := took[len(took)/2], took[len(took)*99/100]
			b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
			b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
			b.ReportMetric(float64(raw.Microseconds()), "raw-µs")
			b.ReportMetric(float64(p50)/float64(raw), "p50/raw")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()*raw.Seconds(), "rate/raw")
		})
	}
}
