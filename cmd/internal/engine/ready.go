package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// unready is how long a ledger that could not be written makes the engine not
// ready: a probe takes traffic away, and without traffic nobody would notice that
// the disk has room again.
const unready = 30 * time.Second

// watched is a ledger that remembers when it could not be written.
type watched struct {
	ledger.Writer
	now  func() time.Time
	last atomic.Pointer[failure]
}

type failure struct {
	at  time.Time
	err error
}

// Append implements ledger.Writer.
func (w *watched) Append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	r, err := w.Writer.Append(ctx, e)
	switch {
	case err != nil:
		w.last.Store(&failure{w.now(), err})
	case w.last.Load() != nil:
		w.last.Store(nil)
	}
	return r, err
}

// Ready returns why a change would not be judged and recorded now.
func (e *Engine) Ready() error {
	switch f := e.book.last.Load(); {
	case e.server == nil:
		return errors.New("starting")
	case e.closing.Load():
		return errors.New("ending: calls in flight may finish, and no others are taken")
	case f != nil && e.cfg.Now().Sub(f.at) < unready:
		return fmt.Errorf("the ledger could not be written at %s: %w", f.at.UTC().Format(time.RFC3339), f.err)
	}
	return nil
}
