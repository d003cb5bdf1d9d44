package store

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process has spent: on a machine that others use too it tells
// what something costs, which the clock on the wall does not.
func cpuTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
