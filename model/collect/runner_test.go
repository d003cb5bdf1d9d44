package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// place is a collector of one scope whose listings are played one after the other.
type place struct {
	mu       sync.Mutex
	listings []listing
	watching func(opened func(), change func([]model.Observation) error) error
	listed   int
	bad      error // of Scopes
}

type listing struct {
	urns []string
	err  error
}

var things = Scope{Platform: "p", Account: "a", Type: "thing"}

func (p *place) Name() string { return "p/a" }
func (p *place) Scopes(context.Context) ([]Scope, []Gap, error) {
	return []Scope{things}, []Gap{{Scope: Scope{Platform: "p", Account: "a", Type: "dark"}, State: Failed, Why: "it does not answer"}}, p.bad
}
func (p *place) List(_ context.Context, _ Scope, page func([]model.Observation) error) (string, error) {
	p.mu.Lock()
	l := p.listings[min(p.listed, len(p.listings)-1)]
	p.listed++
	p.mu.Unlock()
	for _, u := range l.urns {
		if err := page([]model.Observation{thing(u)}); err != nil {
			return "", err
		}
	}
	return "1", l.err
}

// watched is a place that tells of changes.
type watched struct{ *place }

func (w watched) Watch(ctx context.Context, _ Scope, mark string, opened func(), change func([]model.Observation) error) (string, error) {
	if w.watching == nil {
		<-ctx.Done()
		return mark, ctx.Err()
	}
	return mark, w.watching(opened, change)
}

func thing(urn string) model.Observation {
	return model.Observation{Resource: model.Resource{URN: model.URN(urn), Platform: "p", Account: "a", Type: "thing"}}
}

func many(n int) (urns []string) {
	for i := range n {
		urns = append(urns, fmt.Sprintf("thing-%03d", i))
	}
	return urns
}

type rig struct {
	*Runner
	graph *graph.Graph
}

func newRig(t *testing.T, c Collector, known []string) *rig {
	t.Helper()
	g := graph.New(graph.Config{})
	p := NewPassing(Config{Graph: g})
	var all []model.Observation
	for _, u := range known {
		all = append(all, thing(u))
	}
	all = append(all, model.Observation{Resource: model.Resource{URN: "elsewhere", Platform: "p", Account: "b", Type: "thing"}},
		model.Observation{Resource: model.Resource{URN: "other", Platform: "p", Account: "a", Type: "other"}})
	p.Learn(all, "before", time.Unix(1, 0))
	r, err := NewRunner(RunnerConfig{Collectors: []Collector{c}, Learn: p, Snapshot: g.Snapshot, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{r, g}
}

func (r *rig) has(urn string) bool {
	_, ok := r.graph.Snapshot().Resource(model.URN(urn))
	return ok
}

func TestNothingIsSweptFromAnIncompleteListing(t *testing.T) {
	for _, c := range []struct {
		err   error
		state State
	}{
		{fmt.Errorf("listing: %w", ErrDenied), Denied}, {ErrTruncated, Truncated}, {errors.New("connection reset"), Failed}, {nil, Complete},
		{fmt.Errorf("%w: a policy: %w", ErrDetails, ErrDenied), Partial},
	} {
		all := c.err == nil || c.state == Partial
		r := newRig(t, &place{listings: []listing{{[]string{"a"}, c.err}}}, []string{"a", "b"})
		if err := r.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.has("b") == all || !r.has("a") || !r.has("elsewhere") || !r.has("other") {
			t.Errorf("after a listing that ended with %v: a %v, b %v, elsewhere %v, other %v", c.err, r.has("a"), r.has("b"), r.has("elsewhere"), r.has("other"))
		}
		v := r.Covers(things)
		if v.State != c.state || v.Fresh(time.Now(), time.Hour) != all || (v.Why == "") != (c.err == nil) {
			t.Errorf("%+v", v)
		}
		if _, gaps := r.Coverage(); len(gaps) != map[bool]int{true: 1, false: 2}[c.err == nil] {
			t.Errorf("gaps %+v", gaps)
		}
	}
}

func TestNotFoundIsNotNotLooked(t *testing.T) {
	r := newRig(t, &place{listings: []listing{{}}}, nil)
	if v := r.Covers(things); v.State != NotLooked || v.Fresh(time.Now(), time.Hour) {
		t.Errorf("before it was looked: %+v", v)
	}
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := r.Covers(things); v.State != Complete || !v.Fresh(time.Now(), time.Hour) {
		t.Errorf("after it was looked: %+v", v)
	}
	north := things
	north.Region = "north"
	if v := r.Covers(north); v.State != Complete {
		t.Errorf("one region of what was listed whole: %+v", v)
	}
	other := things
	other.Type = "other"
	if v := r.Covers(other); v.State != NotLooked {
		t.Errorf("what nobody listed: %+v", v)
	}
}

func TestMostOfAScopeIsNotGoneBecauseOneListingSaysSo(t *testing.T) {
	all := many(40)
	r := newRig(t, &place{listings: []listing{{urns: all[:2]}, {urns: all}}}, all)
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.has(all[39]) {
		t.Error("one bad listing emptied the model")
	}
	r = newRig(t, &place{listings: []listing{{urns: all[:2]}, {urns: all[:3]}}}, all)
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.has(all[39]) || !r.has(all[2]) || !r.has(all[0]) {
		t.Error("two listings do not empty it")
	}
	r = newRig(t, &place{listings: []listing{{urns: all[:2]}, {err: errors.New("reset")}}}, all)
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.has(all[39]) {
		t.Error("a second listing that failed counts as a second one")
	}
}

func TestWhatWasSeenMeanwhileStays(t *testing.T) {
	p := &place{listings: []listing{{}}}
	r := newRig(t, p, nil)
	r.cfg.Learn.Learn([]model.Observation{thing("new")}, "traffic", time.Now().Add(time.Minute)) // while the listing is on its way
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.has("new") {
		t.Error("a listing that began before something was made took it away")
	}
}

func TestACollectorThatKnowsNothingIsSaidSo(t *testing.T) {
	r := newRig(t, &place{bad: ErrDenied}, []string{"a"})
	if err := r.Once(t.Context()); err == nil || !strings.Contains(err.Error(), "p/a") {
		t.Errorf("%v", err)
	}
	if _, gaps := r.Coverage(); len(gaps) != 1 || gaps[0].State != Denied {
		t.Errorf("%+v", gaps)
	}
	if r.Looked("p/a") || !r.has("a") {
		t.Error("it is said to be known")
	}
}

func TestChangesAreFollowedAndListedAgainWhenLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{listings: []listing{{urns: []string{"a"}}, {err: errors.New("reset")}, {urns: []string{"c"}}}}
		ctx, end := context.WithCancel(t.Context())
		step := make(chan error)
		p.watching = func(opened func(), change func([]model.Observation) error) error {
			opened()
			_ = change([]model.Observation{thing("b")})
			select {
			case err := <-step:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r := newRig(t, watched{p}, nil)
		ended := make(chan struct{})
		go func() { r.Run(ctx); close(ended) }()
		synctest.Wait()
		if v := r.Covers(things); !v.Watched || !r.has("a") || !r.has("b") {
			t.Errorf("%+v, a %v, b %v", v, r.has("a"), r.has("b"))
		}
		time.Sleep(time.Hour)
		if v := r.Covers(things); !v.Fresh(time.Now(), time.Second) {
			t.Error("what is watched grew stale")
		}
		step <- errors.New("reset")
		synctest.Wait()
		if v := r.Covers(things); v.Watched || v.Fresh(time.Now(), time.Second) {
			t.Error("a watch that ended is said to go on")
		}
		time.Sleep(firstPause) // and is opened again
		synctest.Wait()
		if v := r.Covers(things); !v.Watched {
			t.Error("it was not opened again")
		}
		step <- ErrLost
		time.Sleep(3 * firstPause) // one listing fails meanwhile
		synctest.Wait()
		if v := r.Covers(things); !v.Watched || r.has("a") || !r.has("c") {
			t.Errorf("%+v, a %v, c %v", v, r.has("a"), r.has("c"))
		}
		end()
		<-ended
	})
}

func TestTwoCollectorsOfOneNameAreAMistake(t *testing.T) {
	g := graph.New(graph.Config{})
	if _, err := NewRunner(RunnerConfig{Collectors: []Collector{&place{}, &place{}}, Learn: NewPassing(Config{Graph: g}), Snapshot: g.Snapshot, Now: time.Now}); err == nil {
		t.Error("nobody minds")
	}
}
