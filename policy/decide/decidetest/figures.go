package decidetest

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Figures runs a benchmark and says of one round what it costs, in CPU time of its
// own thread: on a machine that others use too the clock on the wall does not tell.
func Figures(b *testing.B, round func(i int)) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		from := cpuTime(b)
		round(i)
		took = append(took, cpuTime(b)-from)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-cpu-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-cpu-ns")
}

// Kept returns how many MiB what build makes keeps, and how much CPU time making it
// took on this thread.
func Kept[T any](b *testing.B, build func() T) (kept T, mib float64, took time.Duration) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	from := cpuTime(b)
	kept = build()
	took = cpuTime(b) - from
	runtime.GC()
	runtime.ReadMemStats(&after)
	return kept, float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / (1 << 20), took
}
