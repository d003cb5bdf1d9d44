package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/decide"
)

// Models is where the model is kept: a file of this machine, or a database that
// many share.
type Models interface {
	Load(context.Context) ([]model.Resource, []model.Relation, error)
	Save(context.Context, []model.Observation) error
	Executed(ctx context.Context, changed []model.Built, gone []model.URN) error
	ReadBack(context.Context, []model.Built) error
	Built(context.Context) ([]model.Built, error)
	BuiltOf(context.Context, model.URN) (model.Built, bool, error)
	Looked(context.Context, []modelstore.Look) error
	Looks(context.Context) ([]modelstore.Look, error)
	Heard(context.Context, modelstore.Heard) error
	AllHeard(context.Context) ([]modelstore.Heard, error)
	Salt(ctx context.Context, fresh []byte) ([]byte, error)
	Close() error
}

// Shared is a model that many share.
type Shared struct {
	URL string // of its database; empty: it is not shared
	// MaxAge is how long the database may not be heard before nothing is destroyed by
	// what is known; 0: DefaultMaxAge.
	MaxAge time.Duration
}

// DefaultMaxAge is long enough for a database's failover, and short enough that what
// others have built meanwhile can be counted.
const DefaultMaxAge = 30 * time.Second

// OpenModels opens the model where it is kept.
func OpenModels(ctx context.Context, path string, shared Shared) (Models, error) {
	if shared.URL != "" {
		return postgres.Open(ctx, postgres.Config{URL: shared.URL, NewGraph: newGraph})
	}
	return modelstore.Open(path)
}

func newGraph() postgres.Graph { return graph.New(graph.Config{}) }

// Memory is a model in memory, and where what it learns is kept.
type Memory struct {
	*collect.Passing
	Models  // nil: it is kept nowhere
	Graph   *graph.Graph
	Veil    *model.Veil        // what is in it was veiled with
	writer  *modelstore.Writer // to a file
	replica *postgres.Replica  // of a database
	now     func() time.Time
	maxAge  time.Duration
	trouble func(what string, err error)
	ending  chan struct{} // closed by hurry, once
	once    sync.Once

	mu    sync.Mutex
	holds map[string]bool // by collector: this process runs it; guarded by mu
}

// OpenMemory loads the model from where it is kept.
func OpenMemory(ctx context.Context, path string, shared Shared, now func() time.Time, trouble func(what string, err error)) (*Memory, error) {
	veil := model.NewVeil(saltOf())
	m := &Memory{Graph: graph.New(graph.Config{Veil: veil}), Veil: veil, now: now, maxAge: cmp.Or(shared.MaxAge, DefaultMaxAge), trouble: trouble, ending: make(chan struct{}), holds: map[string]bool{}}
	m.Passing = collect.NewPassing(collect.Config{Graph: m.Graph, Veil: veil})
	if shared.URL != "" {
		return m, m.follow(ctx, shared.URL)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return m, err
	}
	s, err := modelstore.Open(path)
	if err != nil {
		return m, err
	}
	if err := season(ctx, veil, s); err != nil {
		return m, errors.Join(err, s.Close())
	}
	if err := m.Graph.LoadFrom(func(see func(*model.Resource)) ([]model.Relation, error) { return s.Each(ctx, see) }); err != nil {
		return m, errors.Join(err, s.Close())
	}
	m.Models, m.writer = s, modelstore.NewWriter(s)
	m.Passing = collect.NewPassing(collect.Config{Graph: m.Graph, Veil: veil, Saver: m.writer, OnSaveError: func(err error) { trouble("saving the model", err) }})
	return m, nil
}

// saltOf makes a salt.
func saltOf() []byte {
	salt := make([]byte, model.SaltBytes)
	_, _ = rand.Read(salt) // which never fails
	return salt
}

// season gives a veil the salt of a model.
func season(ctx context.Context, veil *model.Veil, of Models) error {
	salt, err := of.Salt(ctx, saltOf())
	if err == nil {
		veil.Season(salt)
	}
	return err
}

// VeilOf is the veil of a model.
func VeilOf(ctx context.Context, of Models) (*model.Veil, error) {
	veil := model.NewVeil(nil)
	return veil, season(ctx, veil, of)
}

// replicated is a shared model of which this process has a replica: how things were built is
// asked of that.
type replicated struct {
	*postgres.Store
	replica *postgres.Replica
}

func (o replicated) Executed(ctx context.Context, changed []model.Built, gone []model.URN) error {
	return o.replica.Executed(ctx, changed, gone)
}

func (o replicated) ReadBack(ctx context.Context, all []model.Built) error {
	return o.replica.ReadBack(ctx, all)
}

func (o replicated) BuiltOf(_ context.Context, urn model.URN) (model.Built, bool, error) {
	b, ok := o.replica.BuiltOf(urn)
	return b, ok, nil
}

// follow makes it a replica of a database. One that is away is waited for.
func (m *Memory) follow(ctx context.Context, url string) error {
	s, err := postgres.New(ctx, postgres.Config{URL: url, NewGraph: newGraph})
	if err != nil {
		return err
	}
	m.replica, err = postgres.Start(ctx, postgres.ReplicaConfig{Store: s, Graph: m.Graph,
		Trouble: func(err error) { m.trouble("the model's database is away; what is known grows old", err) }})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	m.Models = replicated{s, m.replica}
	m.Passing = collect.NewPassing(collect.Config{Graph: m.replica, Veil: m.Veil})
	if st, _ := m.Status(); st.Age >= 0 { // one that is away has no salt to give: until the next start a name with a secret is one of this process's own
		if err := season(ctx, m.Veil, m.Models); err != nil {
			m.trouble("the model's salt cannot be read", err)
		}
	}
	return nil
}

const (
	// builtPatience is how long what was executed waits for a database that is away.
	builtPatience = 5 * time.Minute
	builtPause    = time.Second
)

// Executed implements Models. It waits for a database that is away.
func (m *Memory) Executed(ctx context.Context, changed []model.Built, gone []model.URN) error {
	for began := time.Now(); ; {
		err := m.Models.Executed(ctx, changed, gone)
		if err == nil || m.replica == nil || !postgres.Away(err) || time.Since(began) > builtPatience {
			return err
		}
		select {
		case <-m.ending:
			return err
		case <-ctx.Done():
			return err
		case <-time.After(builtPause):
		}
	}
}

func (m *Memory) hold(collector string, holds bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds[collector] = holds
}

// Looked implements Models. Of a shared model, only who runs a collector, or ran it
// last, says how it has looked.
func (m *Memory) Looked(ctx context.Context, all []modelstore.Look) error {
	if m.replica != nil {
		m.mu.Lock()
		all = slices.DeleteFunc(all, func(l modelstore.Look) bool { return !m.holds[l.Collector] })
		m.mu.Unlock()
	}
	return m.Models.Looked(ctx, all)
}

// hurry ends all waiting: the process is about to end.
func (m *Memory) hurry() { m.once.Do(func() { close(m.ending) }) }

// Behind says how old the model is; nil: as new as it can be.
func (m *Memory) Behind() *model.Behind {
	if m.replica == nil {
		return nil
	}
	since, behind := m.replica.Behind(m.now())
	switch {
	case !behind:
		return nil
	case since.IsZero():
		return &model.Behind{}
	}
	return &model.Behind{Since: since.UTC(), Until: since.Add(m.maxAge).UTC()}
}

// Lease lets one of all that share the model run a collector; nil: it is not shared.
// Who does not wait is told that another does it: postgres.ErrHeld.
func (m *Memory) Lease(wait bool) collect.Lease {
	if m.replica == nil {
		return nil
	}
	return func(ctx context.Context, collector string) (context.Context, collect.Learner, func(), error) {
		take := m.replica.Hold
		if !wait {
			take = m.replica.Try
		}
		held, lease, release, err := take(ctx, "collect/"+collector)
		if err != nil {
			return nil, nil, nil, err
		}
		m.hold(collector, true)
		return held, leased{m, held, lease}, func() {
			_ = m.replica.Flush(held) // as long as it holds
			lost := held.Err() != nil && ctx.Err() == nil
			m.hold(collector, !lost) // who ran it last may still say how it has looked
			after, end := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			defer end()
			_ = m.replica.Flush(after) // what is not in the log by then is not taken any more
			release()
		}, nil
	}
}

// flushTime bounds the wait for what a collector has read to be kept.
const flushTime = 10 * time.Second

// leased takes in what a collector reads as long as its lease lasts.
type leased struct {
	m     *Memory
	held  context.Context
	lease postgres.Lease
}

// Learn implements collect.Learner. What is said when the lease is over is not heard.
func (l leased) Learn(observations []model.Observation, source string, at time.Time) model.Version {
	if len(observations) > 0 {
		_ = l.m.replica.Collected(l.held, l.lease, collect.Sourced(l.m.Veil.Observations(observations), source, at))
	}
	return l.m.Graph.Snapshot().Version()
}

// Status says how a shared model is doing; false: it is not shared.
func (m *Memory) Status() (postgres.Status, bool) {
	if m.replica == nil {
		return postgres.Status{}, false
	}
	return m.replica.Status(m.now(), m.maxAge), true
}

// Flush returns when all that was learnt is kept, or cannot be.
func (m *Memory) Flush(ctx context.Context) error {
	if m.replica != nil {
		ctx, end := context.WithTimeout(ctx, flushTime)
		defer end()
		return m.replica.Flush(ctx)
	}
	return m.writer.Flush()
}

// Close keeps what waits, and ends.
func (m *Memory) Close() error {
	var err error
	if m.writer != nil {
		err = m.writer.Close()
	}
	if m.replica != nil {
		err = m.replica.Close()
	}
	if m.Models != nil {
		err = errors.Join(err, m.Models.Close())
	}
	return err
}

// dated judges by a model whose age is known.
type dated struct {
	*decide.Engine
	behind func() *model.Behind
}

// Decide implements gate.Decider.
func (d dated) Decide(ctx context.Context, a model.Action, s model.Snapshot, mode policy.Mode, at time.Time, id string, approvals ...policy.Approval) policy.Decision {
	if b := d.behind(); b != nil {
		s = model.Dated{Snapshot: s, Behind: *b}
	}
	return d.Engine.Decide(ctx, a, s, mode, at, id, approvals...)
}
