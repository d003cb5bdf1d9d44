package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

// testBaselines: what one proxy has built, the others know without asking; so also
// while the database is away, and when they were not there for a while.
func testBaselines(t *testing.T, pg *pgtest.Server) {
	at, ctx, day := pg.Database(t), t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	a, b := start(t, ReplicaConfig{Store: open(t, at)}), start(t, ReplicaConfig{Store: open(t, at)})
	made := model.Built{URN: "u", Type: "t", At: day, Decision: "d1", Made: &model.Making{At: day, Actor: "maker"}}
	must(t, a.Executed(ctx, []model.Built{made}, nil))
	if one, ok := a.BuiltOf("u"); !ok || one.Decision != "d1" {
		t.Errorf("who has written it has not read it: %+v", one)
	}
	heard := func(r *Replica, what string, ok func(model.Built, bool) bool) {
		t.Helper()
		until(t, what, func() bool { return ok(r.BuiltOf("u")) })
	}
	heard(b, "the other hears of it", func(one model.Built, ok bool) bool { return ok && one.Decision == "d1" && !one.Settled() })
	made.Attrs, made.ReadAt, made.Made = json.RawMessage(`{"a":1}`), day.Add(time.Second), nil
	must(t, b.ReadBack(ctx, []model.Built{made}))
	heard(a, "and of how it was found", func(one model.Built, ok bool) bool {
		return ok && one.Settled() && string(one.Attrs) == `{"a":1}` && one.Made != nil && one.Made.Actor == "maker"
	})
	if one, ok, err := a.cfg.Store.BuiltOf(ctx, "u"); err != nil || !ok || one.Made == nil {
		t.Errorf("the database says %+v, %v, %v", one, ok, err)
	}
	pg.Down(t)
	if one, ok := b.BuiltOf("u"); !ok || string(one.Attrs) != `{"a":1}` {
		t.Errorf("while the database is away: %+v, %v", one, ok)
	}
	pg.Up(t)
	until(t, "it is back", func() bool { return a.Executed(ctx, nil, []model.URN{"u"}) == nil })
	if _, ok := a.BuiltOf("u"); ok {
		t.Error("what is gone is known")
	}
	heard(b, "and that it is gone", func(_ model.Built, ok bool) bool { return !ok })
	if _, ok, err := a.cfg.Store.BuiltOf(ctx, "u"); err != nil || ok {
		t.Errorf("%v, %v", ok, err)
	}
	// What is gone leaves no row behind for ever, and who missed it hears it all the same.
	must(t, a.Executed(ctx, []model.Built{made}, nil))
	late := baselines{all: map[string]baseline{}, rev: -1}
	must(t, late.follow(ctx, a.cfg.Store.pool, false))
	if _, ok := late.of("u"); !ok {
		t.Fatal("it is not known")
	}
	must(t, a.Executed(ctx, nil, []model.URN{"u"}))
	if out, err := pg.PSQL(fmt.Sprintf("UPDATE assent_built_log SET rev = rev + %d", keepGone), at); err != nil {
		t.Fatal(out)
	}
	l, won, err := a.cfg.Store.Acquire(ctx, "test", "test", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	a.Apply([]model.Observation{see("x", "{}", true)})
	level(t, a, b)
	must(t, a.cfg.Store.Compact(ctx, l, 10))
	if out, err := pg.PSQL("SELECT count(*) FROM assent_built", at); err != nil || out != "0" {
		t.Errorf("%s rows, %v", out, err)
	}
	must(t, late.follow(ctx, a.cfg.Store.pool, false))
	if _, ok := late.of("u"); ok {
		t.Error("who was away believes that it is there")
	}
	// A database that was put back to an older state is believed.
	must(t, a.Executed(ctx, []model.Built{made}, nil))
	must(t, late.follow(ctx, a.cfg.Store.pool, false))
	if out, err := pg.PSQL("DELETE FROM assent_built; UPDATE assent_built_log SET rev = 1, tail = 0", at); err != nil {
		t.Fatal(out)
	}
	must(t, late.follow(ctx, a.cfg.Store.pool, false))
	if _, ok := late.of("u"); ok {
		t.Error("what the database has lost is known")
	}
}

// What this process has written is not undone by what the log said before, nor made
// again by it after.
func TestWhatIsOlderChangesNoBaseline(t *testing.T) {
	b := baselines{all: map[string]baseline{}, rev: 3}
	body := func(d string) []byte { return []byte(`{"urn":"u","decision":"` + d + `"}`) }
	must(t, b.take([]change{{"u", body("own"), 5}}))
	must(t, b.put([]change{{"u", body("older"), 4}}))
	if one, ok := b.of("u"); !ok || one.Decision != "own" {
		t.Errorf("%+v", one)
	}
	must(t, b.take([]change{{"u", nil, 6}}))
	must(t, b.put([]change{{"u", body("own"), 5}}))
	if one, ok := b.of("u"); ok {
		t.Errorf("what is gone came back: %+v", one)
	}
	b.rev = 7
	delete(b.all, "u")
	must(t, b.take([]change{{"u", body("late"), 6}}))
	if one, ok := b.of("u"); ok {
		t.Errorf("what is gone came back: %+v", one)
	}
}

func testHeard(t *testing.T, pg *pgtest.Server) {
	at := pg.Database(t)
	s := open(t, at)
	if out, err := pg.PSQL(fmt.Sprintf("INSERT INTO assent_heard SELECT 'old-' || i, i, '{}' FROM generate_series(0, %d) i", maxHeard-2), at); err != nil {
		t.Fatal(out)
	}
	when := time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	for i := range 3 {
		for range 2 { // SQS may hand a message out twice, and to two proxies
			must(t, s.Heard(t.Context(), store.Heard{ID: fmt.Sprint("new-", i), At: when, Body: []byte(`{"a":1}`)}))
		}
	}
	all, err := open(t, at).AllHeard(t.Context())
	if err != nil || len(all) != maxHeard {
		t.Fatalf("%d are kept, %v", len(all), err)
	}
	if last := all[len(all)-1]; last.ID != "new-2" || !last.At.Equal(when) || string(last.Body) != `{"a":1}` || all[0].ID != "old-2" {
		t.Errorf("%+v … %+v", all[0], last)
	}
	must(t, s.Heard(t.Context(), store.Heard{ID: "bad\x00\xff", At: when, Body: []byte("\"\xff\"")}))
	if all, err = s.AllHeard(t.Context()); err != nil || !strings.Contains(fmt.Sprint(all), "bad\uFFFD") {
		t.Errorf("what is no text is lost: %v", err)
	}
}
