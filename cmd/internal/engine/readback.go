package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/reconcile"
)

const (
	// maxReadBacks bounds the changes that wait to be read back. What finds no place is
	// read back by the next listing.
	maxReadBacks = 1024
	// readBackTime bounds one reading.
	readBackTime = 20 * time.Second
	// lastReads bounds what the end of a run waits for what it changed to be read back.
	lastReads = 30 * time.Second
)

// reader can read one resource, and says which are its own.
type reader interface {
	collect.Collector
	collect.Getter
	Holds(model.URN) bool
}

// readBacks reads each change back as soon as it is executed, so that what somebody
// changes a moment later is seen as that.
type readBacks struct {
	queue   chan model.Built
	end     context.CancelFunc
	done    chan struct{}
	dropped atomic.Bool // one found no place
}

// startReadBacks starts it: read reads a resource into the model and gives what was
// built as it is now, keep keeps that under the name that it was built by. It ends
// with close, or with finish.
func startReadBacks(now func() time.Time, read func(context.Context, model.Built) (model.Built, error), keep func(was model.URN, b model.Built) error, trouble func(error)) *readBacks {
	ctx, end := context.WithCancel(context.Background())
	r := &readBacks{queue: make(chan model.Built, maxReadBacks), end: end, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			select {
			case <-ctx.Done():
				return
			case b, open := <-r.queue:
				if !open {
					return
				}
				began, was := now().UTC(), b.URN
				one, cancel := context.WithTimeout(ctx, readBackTime)
				b, err := read(one, b)
				cancel()
				if err == nil {
					b.ReadAt = began
					err = keep(was, b)
				}
				if err != nil && !errors.Is(err, errNobody) && ctx.Err() == nil {
					trouble(err)
				}
			}
		}
	}()
	return r
}

// add asks for a change to be read back. It does not block.
func (r *readBacks) add(b model.Built) {
	select {
	case r.queue <- b:
	default:
		r.dropped.Store(true)
	}
}

// finish reads back what waits, for as long as ctx lets it, and ends. Nothing may be
// added after it.
func (r *readBacks) finish(ctx context.Context) {
	close(r.queue)
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	r.close()
}

func (r *readBacks) close() {
	r.end()
	<-r.done
}

var errNobody = errors.New("nobody can read it alone")

// readers are those who can read one resource. They are asked what there is to read
// before they are asked for it, once.
type readers struct {
	all []reader

	mu     sync.Mutex // guards opened
	opened []bool
}

func readersOf(all []collect.Collector) *readers {
	r := &readers{}
	for _, c := range all {
		if one, ok := c.(reader); ok {
			r.all = append(r.all, one)
		}
	}
	r.opened = make([]bool, len(r.all))
	return r
}

// open asks every reader that was not asked what there is.
func (r *readers) open(ctx context.Context) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, one := range r.all {
		if r.opened[i] {
			continue
		}
		if _, _, bad := one.Scopes(ctx); bad != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", one.Name(), bad))
			continue
		}
		r.opened[i] = true
	}
	return err
}

// readNow reads what was built into the model, and gives it as it is now, under the name
// that the model knows it by.
func (e *Engine) readNow(ctx context.Context, r *readers, b model.Built) (model.Built, error) {
	bad := r.open(ctx)
	urn, ok := known(e.memory.Graph.Snapshot(), b.URN)
	if !ok || model.Commits(string(urn)) { // nobody can be asked for a name that is not known
		return b, errors.Join(errNobody, bad)
	}
	for _, one := range r.all {
		if !one.Holds(urn) {
			continue
		}
		_, was := e.memory.Graph.Snapshot().Resource(urn)
		seen, err := one.Get(ctx, urn)
		if err != nil {
			return b, err
		}
		if _, is := e.memory.Graph.Snapshot().Resource(urn); was && !is { // what was read is older than that
			return b, fmt.Errorf("%s: it went while it was read: %w", urn, collect.ErrAbsent)
		}
		e.memory.Learn(seen, "read back", e.cfg.Now().UTC())
		if res, ok := e.memory.Graph.Snapshot().Resource(urn); ok {
			b.URN, b.Type, b.Attrs, b.Tags = res.URN, res.Type, res.Attrs, res.Tags
			return b, nil
		}
	}
	return b, errors.Join(errNobody, bad)
}

// known is the name under which the model knows what a call names: its account may not
// be in the call, but its id tells. Without a star it is its own.
func known(s model.Snapshot, urn model.URN) (model.URN, bool) {
	text := string(urn)
	if !strings.Contains(text, "*") {
		return urn, true
	}
	if own, ok := s.Resolve(text); ok {
		return own, true
	}
	id := text[strings.LastIndexAny(text, ":/")+1:]
	if own, ok := s.Resolve(id); ok && len(id) > 5 && model.NewPattern(text).Fits(string(own)) {
		return own, true
	}
	return "", false
}

// readBack has changes read back by the collectors that can.
func (e *Engine) readBack(all []collect.Collector) {
	r := readersOf(all)
	if len(r.all) == 0 || e.builds == nil {
		return
	}
	e.builds.back.Store(startReadBacks(e.cfg.Now,
		func(ctx context.Context, b model.Built) (model.Built, error) { return e.readNow(ctx, r, b) },
		func(was model.URN, b model.Built) error {
			old, known, err := e.memory.BuiltOf(context.Background(), was)
			if err != nil {
				return err
			}
			if known && len(old.Held) > 0 && old.At.Equal(b.At) {
				old.URN, old.Made = b.URN, b.Made
				b = reconcile.ReadBack(old, model.Resource{URN: b.URN, Type: b.Type, Attrs: b.Attrs, Tags: b.Tags}, b.ReadAt)
			}
			if was != b.URN { // it is known by its own name from now on
				if err := e.memory.Executed(context.Background(), []model.Built{b}, []model.URN{was}); err != nil {
					return err
				}
			}
			return e.memory.ReadBack(context.Background(), []model.Built{b})
		},
		func(err error) { e.cfg.Trouble("reading a change back", err) }))
}

// scoped is a collector of nothing but what somebody asks for.
type scoped struct {
	collect.Collector
	wanted func(collect.Scope) bool
}

// Scopes implements collect.Collector.
func (s scoped) Scopes(ctx context.Context) ([]collect.Scope, []collect.Gap, error) {
	all, gaps, err := s.Collector.Scopes(ctx)
	return slices.DeleteFunc(all, func(x collect.Scope) bool { return !s.wanted(x) }), gaps, err
}

// readRest lists the kinds of what this engine changed and could not read alone, or had
// no place for, and takes what it finds as what was built. It is bounded by ctx.
func (e *Engine) readRest(ctx context.Context, all []collect.Collector, mine map[string]bool) error {
	built, err := e.memory.Built(ctx)
	if err != nil {
		return err
	}
	kinds := map[string]bool{}
	for _, b := range built {
		if !b.Settled() && mine[b.Decision] {
			kinds[b.Type] = true
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	some := make([]collect.Collector, len(all))
	for i, c := range all {
		some[i] = scoped{c, func(s collect.Scope) bool { return kinds[s.Type] }}
	}
	runner, err := collect.NewRunner(collect.RunnerConfig{Collectors: some, Learn: e.memory, Snapshot: e.memory.Graph.Snapshot, Veil: e.memory.Veil, Now: e.cfg.Now})
	if err != nil {
		return err
	}
	return errors.Join(runner.Once(ctx), Settle(ctx, e.memory, e.memory.Graph.Snapshot(), runner))
}
