package collect

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/assent-iom/assent/model/graph"
)

// again is a runner of the next process: it has what the last one kept, through JSON.
func again(t *testing.T, r *rig, c Collector) *Runner {
	t.Helper()
	text, err := json.Marshal(r.Kept())
	if err != nil {
		t.Fatal(err)
	}
	var before []Kept
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	next, err := NewRunner(RunnerConfig{Collectors: []Collector{c}, Learn: NewPassing(Config{Graph: g}), Snapshot: g.Snapshot, Now: time.Now, Before: before})
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestNotFoundIsNotNotLookedAfterARestartEither(t *testing.T) {
	r := newRig(t, &place{listings: []listing{{}}}, nil)
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := again(t, r, &place{listings: []listing{{err: errors.New("reset")}, {}}})
	if v := next.Covers(things); v.State != Complete || v.Fresh(time.Now(), time.Hour) || v.ListedAt.IsZero() {
		t.Errorf("what was looked at: %+v", v)
	}
	other := things
	other.Type = "other"
	if v := next.Covers(other); v.State != NotLooked {
		t.Errorf("what nobody has looked at: %+v", v)
	}
	if next.Looked("p/a") {
		t.Error("an earlier process's look for scopes counts as this one's")
	}
	if _, gaps := next.Coverage(); len(gaps) != 1 || gaps[0].Type != "dark" {
		t.Errorf("the gaps are forgotten: %+v", gaps)
	}
	if err := next.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := next.Covers(things); v.State != Failed || v.Fresh(time.Now(), time.Hour) || v.ListedAt.IsZero() {
		t.Errorf("a listing that failed: %+v", v)
	}
	if err := next.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := next.Covers(things); v.State != Complete || v.Earlier || !v.Fresh(time.Now(), time.Hour) {
		t.Errorf("a listing of its own: %+v", v)
	}
}

// A kind that a place does not have any more is not kept for ever; one of a place that
// this process does not look at is.
func TestWhatIsKeptIsOutgrown(t *testing.T) {
	r := newRig(t, &place{listings: []listing{{}}}, nil)
	if err := r.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, far := things, things
	old.Type, far.Account = "old", "b"
	r.change("p/a", old, func(c *Coverage) { c.State = Complete })
	r.change("p/b", far, func(c *Coverage) { c.State = Complete })
	next := again(t, r, &place{listings: []listing{{}}})
	if err := next.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := next.Covers(old); v.State != NotLooked {
		t.Errorf("%+v", v)
	}
	if v := next.Covers(far); v.State != Complete {
		t.Errorf("%+v", v)
	}
	if all := next.Kept(); len(all) != 2 || len(all[0].Coverage) != 1 || all[1].Collector != "p/b" {
		t.Errorf("%+v", all)
	}
}

// Until when everything is known is when the last whole listing of this process began,
// or what a watch that has not stalled must have told since.
func TestUntilWhenEverythingIsKnown(t *testing.T) {
	listed := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	kept := func(c Coverage, after time.Duration) []Kept {
		c.Scope, c.ListedAt = things, listed
		return []Kept{{Collector: "p/a", At: listed.Add(after), Coverage: []Coverage{c}}}
	}
	for _, c := range []struct {
		name  string
		kept  []Kept
		after time.Duration
		known bool
	}{
		{"listed", kept(Coverage{State: Complete}, time.Hour), 0, true},
		{"listed by an earlier process", kept(Coverage{State: Complete, Earlier: true}, time.Hour), 0, false},
		{"not wholly", kept(Coverage{State: Partial}, time.Hour), 0, false},
		{"failed since", kept(Coverage{State: Failed, Watched: true}, time.Hour), 0, false},
		{"followed", kept(Coverage{State: Complete, Watched: true}, time.Hour), time.Hour - MaxStall, true},
		{"followed for a moment", kept(Coverage{State: Complete, Watched: true}, time.Second), 0, true},
		{"not looked at", nil, 0, false},
	} {
		want := time.Time{}
		if c.known {
			want = listed.Add(c.after)
		}
		if got := Until(c.kept)(things); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
	}
	everywhere, one := kept(Coverage{State: Complete}, 0), things
	one.Region = "one"
	if got := Until(everywhere)(one); !got.Equal(listed) {
		t.Errorf("one region of all: %s", got)
	}
}
