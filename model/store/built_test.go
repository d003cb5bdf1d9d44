package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

// What was read back belongs to the change that it was read after.
func TestBuilt(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, at := t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	only := func() model.Built {
		t.Helper()
		all, err := s.Built(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Executed(ctx, []model.Built{{URN: "u", Type: "t", At: at, Actor: "a", Decision: "d1", Made: &model.Making{At: at, Actor: "a", Decision: "d1", Operation: "op"}}}, nil))
	first := only()
	if first.Settled() || first.Actor != "a" {
		t.Errorf("%+v", first)
	}
	first.Attrs, first.ReadAt = []byte(`{"a":1}`), at.Add(time.Second)
	must(s.ReadBack(ctx, []model.Built{first}))
	if b := only(); !b.Settled() || string(b.Attrs) != `{"a":1}` {
		t.Errorf("%+v", b)
	}
	must(s.Executed(ctx, []model.Built{{URN: "u", Type: "t", At: at.Add(time.Minute), Decision: "d2"}}, nil))
	if b := only(); b.Settled() || b.Decision != "d2" || string(b.Attrs) != `{"a":1}` {
		t.Errorf("%+v", b)
	}
	second := only()
	second.Attrs, second.ReadAt, second.Made = []byte(`{"a":2,"n":null}`), at.Add(2*time.Minute), nil
	must(s.ReadBack(ctx, []model.Built{second}))
	if b := only(); string(b.Attrs) != `{"a":2,"n":null}` || b.Made == nil || b.Made.Decision != "d1" {
		t.Errorf("who made it is forgotten with its next change: %+v", b)
	}
	must(s.Executed(ctx, []model.Built{{URN: "u", Type: "t", At: at.Add(time.Hour), Decision: "d2"}}, nil))
	must(s.ReadBack(ctx, []model.Built{first})) // late: of the change before
	if b := only(); b.Settled() || b.Decision != "d2" {
		t.Errorf("an older reading took the place of a newer change: %+v", b)
	}
	must(s.Executed(ctx, nil, []model.URN{"u"}))
	if all, err := s.Built(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
