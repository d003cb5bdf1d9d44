package store

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/policy"
)

// rawFsync appends as much to a plain file and syncs it, again and again: what any
// durable record costs on this disk at this moment.
func rawFsync(b *testing.B, size int) (took []time.Duration) {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	data := make([]byte, size)
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
	return took
}

// unsigned signs checkpoints and no entry: what it leaves is the cost of the log itself.
type unsigned struct{ signature.Signer }

func (u unsigned) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	data, err := io.ReadAll(message)
	if err != nil || bytes.HasPrefix(data, []byte("DSSE")) {
		return make([]byte, ed25519.SignatureSize), err
	}
	return u.Signer.SignMessage(bytes.NewReader(data), opts...)
}

// BenchmarkAppend is the time from a statement to its receipt, as a multiple of what
// the same disk needs for a bare append with its sync; and the same for a log that does
// not sign its entries one by one. Statements are encoded beforehand: what that costs is
// ledger.BenchmarkDecisionStatement's.
func BenchmarkAppend(b *testing.B) {
	for _, signs := range []bool{true, false} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("signs=%v/callers=%d", signs, callers), func(b *testing.B) { benchmarkAppend(b, signs, callers) })
		}
	}
}

func benchmarkAppend(b *testing.B, signs bool, callers int) {
	dir := b.TempDir()
	s := open(b, dir)
	if !signs {
		signer, err := signature.LoadSignerFromPEMFile(filepath.Join(dir, KeyFile), crypto.SHA256, nil)
		if err != nil {
			b.Fatal(err)
		}
		key, err := seal.New(unsigned{signer}, s.keys.Load().seal.Origin())
		if err != nil {
			b.Fatal(err)
		}
		s.keys.Load().seal, s.write.seal = key, key
	}
	took := make([]time.Duration, b.N)
	entries := make([]ledger.Entry, b.N)
	for i := range entries {
		entries[i] = decide(b, decision(fmt.Sprintf("dec_%d", i), policy.Deny))
	}
	raw := rawFsync(b, 2<<10)
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
	raw = append(raw, rawFsync(b, 2<<10)...) // before and after: disks have moods
	slices.Sort(raw)
	slices.Sort(took)
	one, p50, p99 := raw[len(raw)/2], took[len(took)/2], took[len(took)*99/100]
	b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
	b.ReportMetric(float64(one.Microseconds()), "raw-µs")
	b.ReportMetric(float64(p50)/float64(one), "p50/raw")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()*one.Seconds(), "rate/raw")
}
