package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
)

const (
	// queueSize bounds what waits for the disk: a full `describe-instances` page
	// fifty times over. When it is full, Put waits, which slows learning, not calls.
	queueSize = 50_000
	// batchSize bounds one transaction, so that other processes get their turn.
	batchSize = 500
	// settleTime is how long more is waited for before a transaction: what one of
	// them costs, and takes from the calls that are passing, is the same for one
	// observation and for fifty.
	settleTime = 20 * time.Millisecond
)

// Saver is where a Writer saves: a Store.
type Saver interface {
	Save(context.Context, []model.Observation) error
}

// Writer saves observations in the background. Its goroutine ends with Close.
type Writer struct {
	store Saver
	wake  chan struct{} // capacity 1: a doorbell
	hurry chan struct{} // capacity 1: somebody waits for the disk
	done  chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex // guards what follows
	room   *sync.Cond // rung when the queue got shorter, or the writer ended
	queue  []model.Observation
	busy   bool // a batch is being saved
	closed bool
	err    error // the first that Save returned; nothing is saved after it
}

// NewWriter starts a writer over a store.
func NewWriter(s Saver) *Writer {
	w := &Writer{store: s, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{})}
	w.room = sync.NewCond(&w.mu)
	go w.run()
	return w
}

// Put queues observations. It returns the error that stopped the writer, if one
// did: the model then lives in memory only.
func (w *Writer) Put(observations []model.Observation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) >= queueSize && w.err == nil && !w.closed {
		w.room.Wait()
	}
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return fmt.Errorf("saving model: the writer is closed")
	}
	w.queue = append(w.queue, observations...)
	ring(w.wake)
	if len(w.queue) >= batchSize {
		ring(w.hurry)
	}
	return nil
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it has been rung and not yet answered
	}
}

// Flush returns when all that was put before is on disk, or could not be.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ring(w.hurry)
	for (len(w.queue) > 0 || w.busy) && w.err == nil {
		w.room.Wait()
	}
	return w.err
}

// Close saves what is queued and ends the writer. The store stays open.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.room.Broadcast()
	w.mu.Unlock()
	ring(w.wake)
	ring(w.hurry)
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *Writer) run() {
	defer close(w.done)
	for {
		w.mu.Lock()
		n := min(len(w.queue), batchSize)
		batch := w.queue[:n:n]
		w.queue = w.queue[n:]
		if len(w.queue) == 0 {
			w.queue = nil // let go of what was saved
		}
		w.busy = n > 0
		closed := w.closed
		w.mu.Unlock()
		if n == 0 {
			if closed {
				return
			}
			<-w.wake
			w.settle()
			continue
		}
		err := w.store.Save(context.Background(), batch) // bounded by busyTimeout
		w.mu.Lock()
		w.busy, w.err = false, err
		w.room.Broadcast()
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// settle waits for what comes with the first observation.
func (w *Writer) settle() {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.hurry:
	}
}
