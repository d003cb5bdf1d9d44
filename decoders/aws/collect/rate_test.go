package collect

import (
	"net/http"
	"testing"
	"time"
)

// Calls keep to the rate, throttling halves it, good answers mend it.
func TestTheRateIsKept(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(now)
	var waited time.Duration
	for range 100 {
		waited = b.take(now)
		if waited > 0 {
			now = now.Add(waited)
		}
	}
	if took := now.Sub(time.Unix(0, 0)).Seconds(); took < 7.9 || took > 8.1 { // 20 at once, 80 at 10 a second
		t.Errorf("100 calls in %.1f s", took)
	}
	b.answered(true)
	b.answered(true)
	if b.rate != fullRate/4 || b.take(now) < 400*time.Millisecond {
		t.Errorf("rate %v after two refusals", b.rate)
	}
	for range 100 {
		b.answered(true)
	}
	if b.rate != leastRate {
		t.Errorf("rate %v after many", b.rate)
	}
	for range 1000 {
		b.answered(false)
	}
	if b.rate != fullRate {
		t.Errorf("rate %v after all is well", b.rate)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0, "Thu, 01 Jan 2026 00:00:09 GMT": 9 * time.Second, "Wed, 31 Dec 2025 00:00:09 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
