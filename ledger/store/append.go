package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// QueueBound is how many appends may wait. It is several full batches: more
// waiting than that means that the disk does not keep up, and a refusal now is
// kinder than a time-out later.
const QueueBound = 4096

// The bounds of one batch: large enough for any number of callers that SQLite
// keeps up with, small enough that a commit stays in milliseconds.
const (
	batchEntries = 256
	batchBytes   = 4 << 20
)

// ErrFull is returned when QueueBound appends are waiting already.
var ErrFull = errors.New("the ledger's queue is full: the disk does not keep up")

var errClosed = errors.New("the ledger is closed")

// The states of a request. Whoever moves it out of queued or taken owns what
// comes next.
const (
	queued    int32 = iota
	taken           // the writer has it
	abandoned       // the caller left before the writer had it: it is not written
	orphaned        // the caller left while it was being written
	answered
)

// request is one append on its way.
type request struct {
	about     ledger.About
	key       string
	statement []byte
	by        *seal.Seal // who signed it
	envelope  []byte
	objects   []ledger.Object // deflated
	leaf      ledger.Hash
	state     atomic.Int32
	done      chan struct{} // closed after receipt and err are set
	receipt   ledger.Receipt
	err       error
}

// Append records an entry. It is durable when Append returns nil. If it returns
// an error, nothing may be forwarded on the strength of the entry; if the caller
// left (ctx) while it was being written, the log says so itself with an outcome
// not_forwarded.
//
// An outcome is accepted once, for an open decision, at the place that the
// decision's receipt named; a decision id is accepted once.
func (s *Store) Append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	if s.cfg.ReadOnly {
		return ledger.Receipt{}, errors.New("appending to the ledger: it was opened read-only")
	}
	if err := s.failed.Load(); err != nil {
		return ledger.Receipt{}, *err
	}
	r, err := s.request(e)
	if err != nil {
		return ledger.Receipt{}, fmt.Errorf("appending to the ledger: %w", err)
	}
	if err := s.enqueue(r); err != nil {
		return ledger.Receipt{}, fmt.Errorf("appending to the ledger: %w", err)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(queued, abandoned) || r.state.CompareAndSwap(taken, orphaned) {
			return ledger.Receipt{}, fmt.Errorf("appending to the ledger: %w", context.Cause(ctx))
		}
		<-r.done // answered in this very moment
	}
	return r.receipt, r.err
}

// request checks, signs and hashes an entry, in the caller's goroutine.
func (s *Store) request(e ledger.Entry) (*request, error) {
	if len(e.Statement) > ledger.MaxStatement {
		return nil, fmt.Errorf("the statement has %d bytes, the limit is %d", len(e.Statement), ledger.MaxStatement)
	}
	about, err := ledger.Place(e.Statement)
	if err != nil {
		return nil, err
	}
	if about.Kind != e.Kind || about.Key != e.Key || about.Run != e.Run {
		return nil, fmt.Errorf("the entry is filed as %s %q of run %q, its statement says %s %q of run %q",
			e.Kind, e.Key, e.Run, about.Kind, about.Key, about.Run)
	}
	if about.Kind == ledger.KindGenesis {
		return nil, errors.New("a log has one genesis")
	}
	objects, err := s.deflate(e.Objects)
	if err != nil {
		return nil, err
	}
	r := &request{about: about, key: e.Key, statement: e.Statement, objects: objects, done: make(chan struct{})}
	return r, r.sign(s.keys.Load().seal)
}

// sign makes the envelope, and its hash.
func (r *request) sign(by *seal.Seal) (err error) {
	if r.envelope, err = by.Envelope(r.statement); err == nil {
		r.by, r.leaf = by, tlog.LeafHash(r.envelope)
	}
	return err
}

func (s *Store) enqueue(r *request) error {
	s.sending.RLock()
	defer s.sending.RUnlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.queue <- r:
		return nil
	default:
		return ErrFull
	}
}

// run is the writer goroutine: it takes whatever waits, commits it as one batch,
// and answers. It ends when the queue is closed and empty.
func (s *Store) run() {
	defer close(s.done)
	for first := range s.queue {
		orphans := s.commit(s.collect(first))
		// Entries that nobody waited for are closed at once; nobody can leave these.
		if len(orphans) > 0 {
			s.commit(orphans)
		}
	}
}

// collect takes what waits behind first, up to the bounds of a batch.
func (s *Store) collect(first *request) []*request {
	var batch []*request
	size := 0
	add := func(r *request) {
		if r.state.CompareAndSwap(queued, taken) {
			batch = append(batch, r)
			size += len(r.envelope)
			for _, o := range r.objects {
				size += len(o.Data)
			}
		}
	}
	add(first)
	for len(batch) < batchEntries && size < batchBytes {
		select {
		case r, ok := <-s.queue:
			if !ok {
				return batch
			}
			add(r)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch and answers its requests. It returns the outcomes of
// those whose caller had left meanwhile.
func (s *Store) commit(batch []*request) (orphans []*request) {
	if len(batch) == 0 {
		return nil
	}
	err := error(nil)
	if failed := s.failed.Load(); failed != nil {
		err = *failed
	} else if err = s.batch(batch); err != nil {
		err = fmt.Errorf("appending to the ledger: %w", err)
		if !errors.Is(err, errBusy) {
			s.fail(err)
		}
	} else if err := s.session.acknowledge(s.write.signed); err != nil {
		// They are on disk: what is lost is only that damage to them would show.
		s.cfg.Log.Warn("noting what is acknowledged", zap.Error(err))
	}
	for _, r := range batch {
		if err != nil {
			r.err, r.receipt = err, ledger.Receipt{}
		}
		close(r.done)
		if !r.state.CompareAndSwap(taken, answered) && r.err == nil && r.about.Awaits {
			if o, err := s.unsent(r); err == nil {
				orphans = append(orphans, o)
			} else {
				s.cfg.Log.Error("closing an abandoned decision", zap.String("decision", r.key), zap.Error(err))
			}
		}
	}
	if err == nil {
		s.size.Store(s.write.last.Size)
		if s.write.batches%markEvery == 0 {
			if err := s.raiseMark(); err != nil {
				s.cfg.Log.Warn("raising the ledger's high-water mark", zap.Error(err))
			}
		}
	}
	return orphans
}

// batch writes a batch, with the key that the log has.
func (s *Store) batch(requests []*request) error {
	err := s.write.batch(requests)
	if !errors.Is(err, errRotated) {
		return err
	}
	if err := s.follow(context.Background()); err != nil {
		return err
	}
	s.write.seal = s.keys.Load().seal
	return s.write.batch(requests)
}

// fail marks the log failed for the rest of this process.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w; the ledger takes no more entries until it is opened again", err)
	s.failed.CompareAndSwap(nil, &err)
	s.cfg.Log.Error("ledger failed", zap.Error(err))
}

// unsent makes the outcome of a decision whose caller was told that it could not
// be recorded, and who therefore sent nothing.
func (s *Store) unsent(r *request) (*request, error) {
	e, err := outcomeOf(r.envelope, r.receipt, ledger.NotForwarded, "the caller gave up waiting for the ledger", s.cfg.Now())
	if err != nil {
		return nil, err
	}
	o, err := s.request(e)
	if err == nil {
		o.state.Store(taken)
	}
	return o, err
}
