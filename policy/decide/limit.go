package decide

import (
	"context"
	"sync"
	"time"
)

// limit is a context that is over at a time. Judges ask it between their steps; a
// timer, which costs as much as many a verdict, runs only once somebody waits for it.
type limit struct {
	context.Context
	until time.Time

	mu    sync.Mutex // guards what follows
	timed context.Context
	stop  context.CancelFunc
}

// Deadline implements context.Context.
func (l *limit) Deadline() (time.Time, bool) {
	if at, ok := l.Context.Deadline(); ok && at.Before(l.until) {
		return at, true
	}
	return l.until, true
}

// Err implements context.Context.
func (l *limit) Err() error {
	if err := l.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(l.until) {
		return context.DeadlineExceeded
	}
	return nil
}

// Done implements context.Context.
func (l *limit) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.timed, l.stop = context.WithDeadline(l.Context, l.until)
	}
	return l.timed.Done()
}

// end stops the timer, if there is one.
func (l *limit) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
}
