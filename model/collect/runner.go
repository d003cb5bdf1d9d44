package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/assent-iom/assent/model"
)

const (
	// DefaultParallel is how many listings of one collector run at a time. Each waits
	// for the network most of the time; more would only meet the rate limit sooner.
	DefaultParallel = 4
	// DefaultEvery is how often what cannot be watched is listed again, and how often
	// new scopes are looked for.
	DefaultEvery = 10 * time.Minute
	// firstPause and longestPause bound the pauses after failures; they double.
	firstPause   = time.Second
	longestPause = 2 * time.Minute
	// maxScopes bounds one collector: clusters serve some hundred kinds, an account has
	// some thousand types and regions.
	maxScopes = 20_000
	// maxScope bounds what one listing remembers, in resources.
	maxScope = 1_000_000
)

// Learner takes observations in: a Passing.
type Learner interface {
	Learn(observations []model.Observation, source string, at time.Time) model.Version
}

// RunnerConfig configures a Runner.
type RunnerConfig struct {
	Collectors []Collector
	Learn      Learner
	Snapshot   func() model.Snapshot // what is known, for what is not there any more
	Veil       *model.Veil           // of the model: what is known goes by veiled names
	Now        func() time.Time
	Parallel   int           // listings of one collector at a time; 0: DefaultParallel
	Every      time.Duration // 0: DefaultEvery
	// Lease lets one process of many run a collector; nil: this is the only one.
	Lease Lease
	// Progress is told when the coverage of a scope changes. It MUST NOT block, and
	// may be nil.
	Progress func(collector string, c Coverage)
	// Before is what earlier processes have kept.
	Before []Kept
}

// Lease waits until this process may run a collector, and returns how long it may:
// until held ends. What is read meanwhile is given to learn. release is called when
// all that was started has ended. Its error is that ctx ended.
type Lease func(ctx context.Context, collector string) (held context.Context, learn Learner, release func(), err error)

// Runner runs collectors and knows how well each scope is covered. Its methods may
// be called from anywhere.
type Runner struct {
	cfg  RunnerConfig
	room map[string]chan struct{} // by collector; a place for each listing

	mu     sync.Mutex // guards what follows
	covers map[Scope]Coverage
	by     map[Scope]string   // whose the scopes in covers are
	gaps   map[string][]Gap   // by collector, of the last look for scopes
	scopes map[string]error   // by collector: whether its scopes are known, nil when they are
	lent   map[string]Learner // by collector: of the lease that it runs under
}

// NewRunner checks that the collectors have names of their own.
func NewRunner(cfg RunnerConfig) (*Runner, error) {
	if cfg.Learn == nil || cfg.Snapshot == nil || cfg.Now == nil {
		return nil, errors.New("collecting: no model or no clock")
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = DefaultParallel
	}
	if cfg.Every <= 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, Coverage) {}
	}
	r := &Runner{cfg: cfg, room: map[string]chan struct{}{}, covers: map[Scope]Coverage{}, by: map[Scope]string{}, gaps: map[string][]Gap{}, scopes: map[string]error{}, lent: map[string]Learner{}}
	for _, c := range cfg.Collectors {
		if _, twice := r.room[c.Name()]; twice {
			return nil, fmt.Errorf("collecting: two collectors are called %s", c.Name())
		}
		r.room[c.Name()] = make(chan struct{}, cfg.Parallel)
	}
	r.recall(cfg.Before)
	return r, nil
}

// Once lists every scope of every collector one time. Its error joins those of
// collectors that could not even say what there is; what is missing of the others
// is in Coverage.
func (r *Runner) Once(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(r.cfg.Collectors))
	for i, c := range r.cfg.Collectors {
		all.Go(func() {
			if err := r.under(ctx, c, func(ctx context.Context) error { return r.once(ctx, c) }); err != nil {
				errs[i] = fmt.Errorf("collecting %s: %w", c.Name(), err)
			}
		})
	}
	all.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func (r *Runner) once(ctx context.Context, c Collector) error {
	scopes, err := r.discover(ctx, c)
	if err != nil {
		return err
	}
	var some sync.WaitGroup
	for _, s := range scopes {
		some.Go(func() { _, _ = r.list(ctx, c, s) }) // it is in the coverage
	}
	some.Wait()
	return ctx.Err()
}

// under does something as long as this process may run a collector.
func (r *Runner) under(ctx context.Context, c Collector, do func(context.Context) error) error {
	if r.cfg.Lease == nil {
		return do(ctx)
	}
	held, learn, release, err := r.cfg.Lease(ctx, c.Name())
	if err != nil {
		return err
	}
	defer release()
	r.mu.Lock()
	r.lent[c.Name()] = learn
	r.mu.Unlock()
	return do(held)
}

// Run lists everything, follows what can be watched, and lists the rest again, until
// ctx ends and everything it started has.
func (r *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range r.cfg.Collectors {
		all.Go(func() {
			for again := true; again; again = r.cfg.Lease != nil && ctx.Err() == nil {
				_ = r.under(ctx, c, func(held context.Context) error { r.keep(held, c); return nil })
			}
		})
	}
	all.Wait()
}

// keep runs one collector: a follower for each scope there is.
func (r *Runner) keep(ctx context.Context, c Collector) {
	var all sync.WaitGroup
	following := map[Scope]context.CancelFunc{}
	defer func() {
		for s, end := range following {
			end()
			if r.cfg.Lease != nil { // somebody else's from now on
				defer r.uncover(s)
			}
		}
		all.Wait()
	}()
	pause := firstPause
	for ctx.Err() == nil {
		scopes, err := r.discover(ctx, c)
		if err != nil {
			rest(ctx, pause)
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		for s, end := range following {
			if !slices.Contains(scopes, s) {
				end()
				delete(following, s)
				r.uncover(s)
			}
		}
		for _, s := range scopes {
			if following[s] == nil {
				inner, end := context.WithCancel(ctx)
				following[s] = end
				all.Go(func() { r.follow(inner, c, s) })
			}
		}
		rest(ctx, r.again(c))
	}
}

// again is when scopes are looked for anew.
func (r *Runner) again(c Collector) time.Duration {
	if often, ok := c.(interface{ Rediscover() time.Duration }); ok {
		return often.Rediscover()
	}
	return r.cfg.Every
}

// follow keeps one scope known.
func (r *Runner) follow(ctx context.Context, c Collector, s Scope) {
	pause := firstPause
	watcher, watches := c.(Watcher)
	for ctx.Err() == nil {
		mark, err := r.list(ctx, c, s)
		switch {
		case err != nil:
			rest(ctx, pause)
			pause = min(2*pause, longestPause)
			continue
		case !watches || mark == "":
			rest(ctx, r.cfg.Every)
		default:
			r.watch(ctx, watcher, c.Name(), s, mark)
		}
		pause = firstPause
	}
}

// watch follows a scope until its place in the changes is lost.
func (r *Runner) watch(ctx context.Context, w Watcher, name string, s Scope, mark string) {
	defer r.change(name, s, func(c *Coverage) { c.Watched = false })
	pause := firstPause
	for ctx.Err() == nil {
		began := r.cfg.Now()
		next, err := w.Watch(ctx, s, mark,
			func() {
				pause = firstPause
				r.change(name, s, func(c *Coverage) { c.Watched = true })
			},
			func(seen []model.Observation) error {
				r.learn(name, seen)
				return nil
			})
		if next != "" {
			mark = next
		}
		switch {
		case errors.Is(err, ErrLost):
			return
		case err != nil, r.cfg.Now().Sub(began) < firstPause: // or a stream that ends at once
			r.change(name, s, func(c *Coverage) { c.Watched = false })
			rest(ctx, pause)
			pause = min(2*pause, longestPause)
		}
	}
}

// discover asks a collector what there is.
func (r *Runner) discover(ctx context.Context, c Collector) ([]Scope, error) {
	scopes, gaps, err := c.Scopes(ctx)
	if err == nil && len(scopes) > maxScopes {
		gaps = append(gaps, Gap{State: Truncated, Why: fmt.Sprintf("%d scopes; the bound is %d", len(scopes), maxScopes)})
		scopes = scopes[:maxScopes]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scopes[c.Name()] = err
	if err == nil {
		r.gaps[c.Name()] = gaps
		r.outgrow(c.Name(), scopes)
	}
	return scopes, err
}

// list reads a scope once, and forgets what is not in it any more.
func (r *Runner) list(ctx context.Context, c Collector, s Scope) (string, error) {
	room := r.room[c.Name()]
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	began := r.cfg.Now().UTC()
	listed, mark, err := r.read(ctx, c, s)
	var gone []model.URN
	if sawAll(err) {
		var known int
		gone, known = vanished(r.cfg.Snapshot(), s, listed, began)
		if doubtful(len(gone), known) {
			var again map[model.URN]bool
			if again, mark, err = r.read(ctx, c, s); sawAll(err) {
				gone = slices.DeleteFunc(gone, func(u model.URN) bool { return again[u] })
			}
		}
	}
	if ctx.Err() != nil {
		return "", ctx.Err() // nothing was found out
	}
	if sawAll(err) {
		r.forget(c.Name(), gone)
	}
	r.change(c.Name(), s, func(v *Coverage) {
		v.State, v.Why, v.Count, v.Swept, v.LookedAt = stateOf(err), "", len(listed), 0, began
		if err != nil {
			v.Why = r.cfg.Veil.Text(err.Error())
		}
		if sawAll(err) {
			v.ListedAt, v.Swept, v.Earlier = began, len(gone), false
		}
	})
	return mark, err
}

// read hands the pages of one listing on.
func (r *Runner) read(ctx context.Context, c Collector, s Scope) (map[model.URN]bool, string, error) {
	listed := map[model.URN]bool{}
	mark, err := c.List(ctx, s, func(page []model.Observation) error {
		if len(listed)+len(page) > maxScope {
			return fmt.Errorf("%w of %d resources", ErrTruncated, maxScope)
		}
		for _, o := range page {
			listed[model.URN(r.cfg.Veil.Text(string(o.Resource.URN)))] = true
		}
		r.learn(c.Name(), page)
		return nil
	})
	return listed, mark, err
}

// learn hands on what is new. An observation of nothing but a URN is of something
// that the model knows as well already.
func (r *Runner) learn(name string, seen []model.Observation) {
	var news []model.Observation
	for _, o := range seen {
		if o.Gone || o.Whole || len(o.Resource.Attrs) > 0 || o.Resource.Type != "" || len(o.Relations)+len(o.Cut) > 0 {
			news = append(news, o)
		}
	}
	r.learner(name).Learn(news, name, r.cfg.Now().UTC())
}

// learner is who takes in what a collector reads.
func (r *Runner) learner(name string) Learner {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.lent[name]; l != nil {
		return l
	}
	return r.cfg.Learn
}

// forget takes what is gone out of the model.
func (r *Runner) forget(name string, gone []model.URN) {
	out := make([]model.Observation, len(gone))
	for i, u := range gone {
		out[i] = model.Observation{Gone: true, Resource: model.Resource{URN: u}}
	}
	r.learner(name).Learn(out, name, r.cfg.Now().UTC())
}

func (r *Runner) change(name string, s Scope, f func(*Coverage)) {
	r.mu.Lock()
	before := r.covers[s]
	after := before
	after.Scope = s
	f(&after)
	r.covers[s], r.by[s] = after, name
	r.mu.Unlock()
	if before != after {
		r.cfg.Progress(name, after)
	}
}

func (r *Runner) uncover(s Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.covers, s)
	delete(r.by, s)
}

// Covers says how well a scope is known: by its own listings, or by those of all
// regions together.
func (r *Runner) Covers(s Scope) Coverage {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.covers[s]; ok {
		return c
	}
	wide := s
	wide.Region = ""
	c := r.covers[wide]
	c.Scope = s
	return c
}

// Coverage returns how well each scope is known, sorted, and what could not be
// looked at.
func (r *Runner) Coverage() ([]Coverage, []Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Coverage, 0, len(r.covers))
	for _, c := range r.covers {
		all = append(all, c)
	}
	SortCoverage(all)
	var gaps []Gap
	for _, c := range r.cfg.Collectors {
		gaps = append(gaps, r.gaps[c.Name()]...)
		if err := r.scopes[c.Name()]; err != nil {
			gaps = append(gaps, Gap{State: stateOf(err), Why: c.Name() + ": " + err.Error()})
		}
	}
	for _, c := range all {
		if c.State != Complete {
			gaps = append(gaps, Gap{Scope: c.Scope, State: c.State, Why: c.Why})
		}
	}
	return all, gaps
}

// Looked reports whether a collector's scopes and gaps are known.
func (r *Runner) Looked(collector string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	err, looked := r.scopes[collector]
	return looked && err == nil
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
