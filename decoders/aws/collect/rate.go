package collect

import (
	"context"
	"sync"
	"time"
)

// bucket holds the calls that may be sent to one service in one region.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	rate   float64 // tokens a second
	at     time.Time
}

func newBucket(now time.Time) *bucket { return &bucket{tokens: burst, rate: fullRate, at: now} }

// take takes one token, and says how long its holder has to wait for it to be
// there.
func (b *bucket) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens = min(burst, b.tokens+passed*b.rate)
		b.at = now
	}
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}

// answered notes whether the service was in trouble with the rate.
func (b *bucket) answered(throttled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if throttled {
		b.rate = max(leastRate, b.rate/2)
		b.tokens = min(b.tokens, 0)
		return
	}
	b.rate = min(fullRate, b.rate+0.1)
}

// sleep waits, or returns why it did not.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
