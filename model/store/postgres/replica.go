package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/model"
)

const (
	// maxQueue bounds what waits for the database: some minutes of a busy proxy. What
	// passing calls teach beyond it is counted and lost; collectors wait.
	maxQueue = 50_000
	// maxBatch bounds one transaction: how long others wait for their turn.
	maxBatch = 500
	// gather is how long more is waited for before a transaction.
	gather = 2 * time.Millisecond
	// firstPause and longestPause are between attempts to reach the database.
	firstPause   = 100 * time.Millisecond
	longestPause = 3 * time.Second
	// closeTime is how long what waits may take to be written at the end.
	closeTime = 5 * time.Second
	// compaction is the lease of whoever compacts.
	compaction = "log/compaction"
)

// ReplicaConfig configures a Replica.
type ReplicaConfig struct {
	Store *Store
	Graph Graph // becomes the model; nobody else may change it
	// Trouble is told, once each time it begins, of what does not work; nil: nobody.
	Trouble func(error)
	// SnapshotEvery, KeepEvents and Lease are for tests; 0: the constants.
	SnapshotEvery, KeepEvents int64
	Lease                     time.Duration
	// Followed is told of each event that is applied, in order, for tests; or nil.
	Followed func(seq int64, o model.Observation)
}

// Replica is a graph that follows the log, and what this process adds to it. Close
// it.
type Replica struct {
	cfg    ReplicaConfig
	name   string // as a writer and a holder of leases
	ctx    context.Context
	end    context.CancelFunc
	done   sync.WaitGroup
	builds baselines
	// folding: this process compacts, one at a time.
	folding atomic.Bool

	turn sync.Mutex // orders what the graph is told; taken before mu
	mu   sync.Mutex // guards what follows
	room *sync.Cond // rung when the queue got shorter, or something ended

	wake   chan struct{} // capacity 1: there is something to write
	queue  []item
	sent   []*sending // in the log, or on their way, and not yet followed
	number int64      // of the last batch
	closed bool

	at     position  // where the graph is
	head   int64     // of the log, as far as is known
	asOf   time.Time // until then the graph has everything; zero: it never had
	away   error     // why not now; nil: it follows
	counts Counts
}

// sending is a batch that has left the queue.
type sending struct {
	number int64
	items  []item
	done   bool // the database has said that it is in the log
}

// Counts says what happened so far.
type Counts struct {
	Followed uint64 `json:"followed"` // events that were applied
	Written  uint64 `json:"written"`  // events that this process appended
	Fenced   uint64 `json:"fenced"`   // of it, those refused since their lease was over
	Unsaved  uint64 `json:"unsaved"`  // and those that found no room while the database was away
	Reloads  uint64 `json:"reloads"`  // how often the place in the log was lost
	Compacts uint64 `json:"compacts"` // snapshots that this process made
	Waiting  int    `json:"waiting"`  // observations that are not in the log yet
	Seq      int64  `json:"seq"`      // the last event that was applied
	Head     int64  `json:"head"`     // the last event that is known of
}

// Status is how a replica is doing.
type Status struct {
	Counts
	Place string  `json:"place"`
	Age   float64 `json:"age_seconds"`     // -1: it was never reached
	Max   float64 `json:"max_age_seconds"` // past it nothing is destroyed by what is known
	Why   string  `json:"why,omitempty"`   // why it is not followed now
}

// Status says how it is doing, max being how old the model may grow.
func (r *Replica) Status(now time.Time, max time.Duration) Status {
	st := Status{Counts: r.Counts(), Place: r.cfg.Store.Place(), Age: -1, Max: max.Seconds()}
	if since, _ := r.Behind(now); !since.IsZero() {
		if st.Age = now.Sub(since).Seconds(); st.Age < 0 {
			st.Age = 0
		}
	}
	if err := r.Away(); err != nil {
		st.Why = err.Error()
	}
	return st
}

// Start loads the model into the graph and follows it until Close. When the database
// cannot be reached the graph stays as it is, and is brought up to it later; what is
// refused for good is an error.
func Start(ctx context.Context, cfg ReplicaConfig) (*Replica, error) {
	if cfg.Store == nil || cfg.Graph == nil {
		return nil, errors.New("following the shared model: no store or no graph")
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(error) {}
	}
	if cfg.SnapshotEvery <= 0 {
		cfg.SnapshotEvery = SnapshotEvery
	}
	if cfg.KeepEvents <= 0 {
		cfg.KeepEvents = KeepEvents
	}
	if cfg.Lease <= 0 {
		cfg.Lease = LeaseTime
	}
	r := &Replica{cfg: cfg, name: name(), wake: make(chan struct{}, 1), builds: baselines{all: map[string]baseline{}, rev: -1}}
	r.room = sync.NewCond(&r.mu)
	r.ctx, r.end = context.WithCancel(context.WithoutCancel(ctx))
	err := r.load(ctx)
	if err != nil && !Away(err) {
		r.end()
		return nil, err
	}
	r.failed(err)
	r.done.Go(r.follow)
	r.done.Go(r.write)
	return r, nil
}

// Name is this process's own, among the holders of leases.
func (r *Replica) Name() string { return r.name }

// load makes the tables and reads everything into the graph, which is empty.
func (r *Replica) load(ctx context.Context) error {
	if err := r.cfg.Store.Prepare(ctx); err != nil {
		return err
	}
	began := time.Now()
	at, err := r.cfg.Store.fold(ctx, r.cfg.Graph, r.name)
	if err == nil {
		err = r.cfg.Store.told("loading what was built", r.builds.follow(ctx, r.cfg.Store.pool, true))
	}
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.at, r.head, r.asOf = at, at.seq, began
	}
	return err
}

// Apply takes in what passing calls have taught: it is in the graph when Apply
// returns, and on its way to the log.
func (r *Replica) Apply(observations []model.Observation) model.Version {
	r.turn.Lock()
	defer r.turn.Unlock()
	v := r.cfg.Graph.Apply(observations)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.queue)+len(observations) > maxQueue {
		r.counts.Unsaved += uint64(len(observations))
		return v
	}
	for _, o := range observations {
		r.queue = append(r.queue, item{seen: o})
	}
	ring(r.wake)
	return v
}

// Collected takes in what a collector has read under a lease: it is in the graph once
// it is in the log, if the lease still holds then. It waits for room until ctx ends.
func (r *Replica) Collected(ctx context.Context, l Lease, observations []model.Observation) error {
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.room.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue)+len(observations) > maxQueue && len(r.queue) > 0 && ctx.Err() == nil && !r.closed {
		r.room.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.closed:
		return errors.New("saving the shared model: it is closed")
	}
	for _, o := range observations {
		r.queue = append(r.queue, item{o, l.Name, l.Fence})
	}
	ring(r.wake)
	return nil
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it has been rung and not yet answered
	}
}

// ErrHeld: somebody else has the lease.
var ErrHeld = errors.New("another proxy does it already")

// Try is Hold for those who do not wait: ErrHeld.
func (r *Replica) Try(ctx context.Context, name string) (held context.Context, l Lease, release func(), err error) {
	held, l, release, err = r.cfg.Store.try(ctx, name, r.name, r.cfg.Lease)
	if err == nil && held == nil {
		err = ErrHeld
	}
	return held, l, release, err
}

// Hold waits for a lease in this process's name.
func (r *Replica) Hold(ctx context.Context, name string) (held context.Context, l Lease, release func(), err error) {
	return r.cfg.Store.Hold(ctx, name, r.name, r.cfg.Lease)
}

// Flush returns when what was taken in before is in the log and in the graph, or ctx
// ends.
func (r *Replica) Flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.room.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue)+len(r.sent) > 0 && ctx.Err() == nil && r.ctx.Err() == nil {
		r.room.Wait()
	}
	if len(r.queue)+len(r.sent) > 0 {
		return fmt.Errorf("saving the shared model: %d observations are not in it yet", len(r.queue)+len(r.sent))
	}
	return nil
}

// Behind says until when the graph has everything, and whether that is longer ago
// than a follower that is well needs. A zero time: it never had.
func (r *Replica) Behind(now time.Time) (since time.Time, behind bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asOf.IsZero() {
		return time.Time{}, true
	}
	old := max(time.Since(r.asOf), time.Now().Round(0).Sub(r.asOf.Round(0))) // a machine that slept counts on one clock alone
	return now.Add(-old), old > 3*pollEvery
}

// Away is why the database cannot be followed now; nil: it is followed.
func (r *Replica) Away() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}

// Counts returns what happened so far.
func (r *Replica) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Seq, c.Head, c.Waiting = r.at.seq, r.head, len(r.queue)
	for _, s := range r.sent {
		c.Waiting += len(s.items)
	}
	return c
}

// Close writes what waits, if the database lets it, and ends.
func (r *Replica) Close() error {
	r.mu.Lock()
	r.closed = true
	r.room.Broadcast()
	r.mu.Unlock()
	ctx, end := context.WithTimeout(context.Background(), closeTime)
	defer end()
	err := r.Flush(ctx)
	r.end()
	r.mu.Lock()
	r.room.Broadcast()
	r.mu.Unlock()
	r.done.Wait()
	return err
}

// failed notes why the database cannot be followed, and tells it once.
func (r *Replica) failed(err error) {
	r.mu.Lock()
	first := r.away == nil && err != nil
	r.away = err
	r.mu.Unlock()
	if first && r.ctx.Err() == nil {
		r.cfg.Trouble(err)
	}
}
