package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

func testCompaction(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	s := open(t, url)
	r := start(t, ReplicaConfig{Store: s, SnapshotEvery: 300, KeepEvents: 50})
	for i := range 3000 {
		r.Apply([]model.Observation{see(fmt.Sprintf("urn-%d", i%1500), fmt.Sprintf(`{"n":%d,"SubnetId":"urn-%d"}`, i, (i+1)%1500), true),
			{Relations: []model.Relation{{From: "urn-1", To: "urn-2", Type: "attached"}}}})
		if i%100 == 0 {
			level(t, r)
		}
	}
	level(t, r)
	compacted := r.Counts().Compacts
	until(t, "a snapshot is made", func() bool {
		if r.Counts().Compacts > compacted {
			return true
		}
		compacted = min(compacted, r.Counts().Compacts)
		for range 50 {
			r.Apply([]model.Observation{see("more", fmt.Sprintf(`{"n":%d}`, time.Now().UnixNano()), true)})
		}
		level(t, r)
		return false
	})
	kept := func() (n, snapshots int64) {
		must(t, s.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM assent_event), (SELECT count(DISTINCT seq) FROM assent_snapshot)").Scan(&n, &snapshots))
		return n, snapshots
	}
	level(t, r)
	head, err := s.Head(t.Context())
	must(t, err)
	if n, snapshots := kept(); n >= head || snapshots != 1 {
		t.Errorf("%d of %d events are kept, and %d snapshots", n, head, snapshots)
	}
	if digest(r.cfg.Graph) != digest(loaded(t, s)) {
		t.Error("what opens is not what was followed")
	}
	late := start(t, ReplicaConfig{Store: open(t, url)})
	if digest(late.cfg.Graph) != digest(r.cfg.Graph) {
		t.Error("who comes late knows something else")
	}
	must(t, r.Close()) // and what it still folds
	r = start(t, ReplicaConfig{Store: open(t, url)})
	// Folded exactly: after it no more is kept than was asked for.
	l, won, err := s.Acquire(t.Context(), "test", "test", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	r.Apply([]model.Observation{see("one more", "{}", true)})
	level(t, r, late)
	must(t, s.Compact(t.Context(), l, 50))
	if n, snapshots := kept(); n != 50 || snapshots != 1 {
		t.Errorf("%d events are kept, and %d snapshots", n, snapshots)
	}
	r.Apply([]model.Observation{see("and another", "{}", true)})
	level(t, r, late)
	if digest(r.cfg.Graph) != digest(loaded(t, s)) || digest(late.cfg.Graph) != digest(r.cfg.Graph) || late.Counts().Reloads != 0 {
		t.Error("a compaction changed what is known")
	}
	l.Fence--
	r.Apply([]model.Observation{see("too late", "{}", true)})
	level(t, r)
	if err := s.Compact(t.Context(), l, 50); err == nil || !strings.Contains(err.Error(), "the lease is over") {
		t.Errorf("%v", err)
	}
}

func testTooFarBehind(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	a, b := start(t, ReplicaConfig{Store: open(t, url)}), start(t, ReplicaConfig{Store: open(t, url)})
	a.Apply([]model.Observation{see("stays", `{"v":1}`, true), see("goes", `{}`, true)})
	level(t, a, b)
	// b hears nothing for a while: its turn is taken.
	b.turn.Lock()
	a.Apply([]model.Observation{gone("goes"), see("stays", `{"v":2}`, true), see("comes", `{}`, true)})
	level(t, a)
	for i := range 2 * pageRows { // more than it reads at once
		a.Apply([]model.Observation{see("busy", fmt.Sprintf(`{"n":%d}`, i), true)})
	}
	level(t, a)
	l, won, err := a.cfg.Store.Acquire(t.Context(), "test", "test", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	must(t, a.cfg.Store.Compact(t.Context(), l, 1))
	b.turn.Unlock()
	b.Apply([]model.Observation{see("mine", `{}`, true)})
	level(t, a, b)
	if digest(a.cfg.Graph) != digest(b.cfg.Graph) {
		t.Error("they know different things")
	}
	if _, there := b.cfg.Graph.Snapshot().Resource("goes"); there || b.Counts().Reloads != 1 {
		t.Errorf("%+v", b.Counts())
	}
}

func testWentBack(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	s := open(t, url)
	r := start(t, ReplicaConfig{Store: s})
	r.Apply([]model.Observation{see("old", `{}`, true)})
	level(t, r)
	for range 5 {
		r.Apply([]model.Observation{see("lost", `{}`, true)})
		level(t, r)
	}
	// The primary fails, and its standby did not have the last events. It goes on with
	// their numbers. The follower is cut off at that moment, as it would be.
	_, err := s.pool.Exec(t.Context(), `WITH d AS (DELETE FROM assent_event WHERE seq > 1), w AS (UPDATE assent_writer SET batch = 1)
		UPDATE assent_log SET head = 1`)
	must(t, err)
	other := open(t, url)
	for i := range 8 {
		must(t, other.Save(t.Context(), []model.Observation{see(fmt.Sprintf("new-%d", i), `{}`, true)}))
	}
	_, err = s.pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	must(t, err)
	want := digest(loaded(t, open(t, url)))
	until(t, "the follower has found its way", func() bool {
		return r.Counts().Reloads > 0 && digest(r.cfg.Graph) == want
	})
}

func testLease(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	s, ctx := open(t, url), t.Context()
	const long = time.Hour
	one, won, err := s.Acquire(ctx, "c", "one", long)
	if err != nil || !won || one.Fence != 1 {
		t.Fatal(one, won, err)
	}
	if l, won, err := s.Acquire(ctx, "c", "two", long); err != nil || won || l.Holder != "one" {
		t.Errorf("%+v %v %v", l, won, err)
	}
	if l, won, err := s.Acquire(ctx, "c", "one", long); err != nil || !won || l.Fence != 1 {
		t.Errorf("a renewed lease: %+v %v %v", l, won, err)
	}
	if all, err := s.Leases(ctx); err != nil || len(all) != 1 || all[0].Holder != "one" {
		t.Errorf("%+v %v", all, err)
	}
	expire(t, s)
	two, won, err := s.Acquire(ctx, "c", "two", long)
	if err != nil || !won || two.Fence != 2 {
		t.Errorf("%+v %v %v", two, won, err)
	}
	must(t, s.Release(ctx, one)) // it is not its own any more
	if _, won, err := s.Acquire(ctx, "c", "one", long); err != nil || won {
		t.Errorf("%v %v", won, err)
	}
	must(t, s.Release(ctx, two))

	// Of many who want one, one has it; when it ends, another.
	const short = 600 * time.Millisecond
	holders := make(chan string)
	var gone []context.CancelFunc
	for i := range 3 {
		who, cancel := context.WithCancel(ctx)
		gone = append(gone, cancel)
		go func() {
			held, _, release, err := s.Hold(who, "d", fmt.Sprint(i), short)
			if err != nil {
				return
			}
			holders <- fmt.Sprint(i)
			<-held.Done()
			release()
			holders <- "ended " + fmt.Sprint(i)
		}()
	}
	first := <-holders
	if all, err := s.Leases(ctx); err != nil || len(all) != 1 || all[0].Holder != first {
		t.Logf("%+v %v", all, err) // on a machine that stands still it is another's already
	}
	gone[first[0]-'0']()
	seen := map[string]bool{}
	for !seen["ended "+first] || len(seen) < 2 {
		seen[<-holders] = true
	}
	for _, cancel := range gone {
		cancel()
	}
	go func() {
		for range holders { // the rest may end
		}
	}()
}

// expire ends every lease, as time would.
func expire(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), "UPDATE assent_lease SET until = clock_timestamp() - interval '1 second'")
	must(t, err)
}

func testFence(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	a, b := start(t, ReplicaConfig{Store: open(t, url)}), start(t, ReplicaConfig{Store: open(t, url)})
	ctx := t.Context()
	old, won, err := a.cfg.Store.Acquire(ctx, "aws/1", a.Name(), time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	must(t, a.Collected(ctx, old, []model.Observation{see("x", "{}", true), see("y", "{}", true)}))
	level(t, a, b)
	// a is paused; its lease ends, and b lists the scope: y is gone, z is new.
	expire(t, a.cfg.Store)
	now, won, err := b.cfg.Store.Acquire(ctx, "aws/1", b.Name(), time.Hour)
	if err != nil || !won || now.Fence <= old.Fence {
		t.Fatal(now, won, err)
	}
	must(t, b.Collected(ctx, now, []model.Observation{see("z", "{}", true), gone("y")}))
	level(t, a, b)
	// a wakes up and goes on with what it believes: it has seen y, and misses x and z.
	must(t, a.Collected(ctx, old, []model.Observation{see("y", "{}", true), gone("x"), gone("z")}))
	level(t, a, b)
	if c := a.Counts(); c.Fenced != 3 {
		t.Errorf("%+v", c)
	}
	for _, r := range []*Replica{a, b} {
		snap := r.cfg.Graph.Snapshot()
		_, x := snap.Resource("x")
		_, y := snap.Resource("y")
		if _, z := snap.Resource("z"); !x || y || !z {
			t.Errorf("x %v, y %v, z %v", x, y, z)
		}
	}
	// A lease that is over and nobody else's yet is over all the same.
	expire(t, a.cfg.Store)
	must(t, b.Collected(ctx, now, []model.Observation{gone("x"), gone("z")}))
	level(t, a, b)
	if c := b.Counts(); c.Fenced != 2 || digest(a.cfg.Graph) != digest(b.cfg.Graph) {
		t.Errorf("%+v", c)
	}
}

func testBuilt(t *testing.T, pg *pgtest.Server) {
	s, ctx, at := open(t, pg.Database(t)), t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	only := func() model.Built {
		t.Helper()
		all, err := s.Built(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	must(t, s.Executed(ctx, []model.Built{{URN: "u", Type: "t", At: at, Actor: "a", Decision: "d1"}}, nil))
	first := only()
	if first.Settled() || first.Actor != "a" {
		t.Errorf("%+v", first)
	}
	first.Attrs, first.ReadAt = []byte(`{"a":1}`), at.Add(time.Second)
	must(t, s.ReadBack(ctx, []model.Built{first}))
	if b := only(); !b.Settled() || string(b.Attrs) != `{"a":1}` {
		t.Errorf("%+v", b)
	}
	must(t, s.Executed(ctx, []model.Built{{URN: "u", Type: "t", At: at.Add(time.Minute), Decision: "d2"}}, nil))
	must(t, s.ReadBack(ctx, []model.Built{first})) // late: of the change before
	if b := only(); b.Settled() || b.Decision != "d2" || string(b.Attrs) != `{"a":1}` {
		t.Errorf("an older reading took the place of a newer change: %+v", b)
	}
	must(t, s.Looked(ctx, []store.Look{{Collector: "c", Body: []byte(`{"a":1}`)}}))
	must(t, s.Looked(ctx, []store.Look{{Collector: "c", Body: []byte(`{"a":2}`)}, {Collector: "b", Body: []byte(`{}`)}}))
	if all, err := s.Looks(ctx); err != nil || len(all) != 2 || all[1].Collector != "c" || string(all[1].Body) != `{"a":2}` {
		t.Errorf("%v, %v", all, err)
	}
	must(t, s.Executed(ctx, nil, []model.URN{"u"}))
	if all, err := s.Built(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func testFormat(t *testing.T, pg *pgtest.Server) {
	at := pg.Database(t)
	if out, err := pg.PSQL("CREATE TABLE assent_format (format integer); INSERT INTO assent_format VALUES (1); "+logTables+
		` INSERT INTO assent_event VALUES (1, 'w', 1, now(), '{"resource":{"urn":"kept","platform":"","type":"","seen_at":"2026-01-01T00:00:00Z"}}'); UPDATE assent_log SET head = 1`, at); err != nil {
		t.Fatal(out)
	}
	s := open(t, at)
	if _, there := loaded(t, s).Snapshot().Resource("kept"); !there {
		t.Error("what was in the older tables is lost")
	}
	must(t, s.Save(t.Context(), []model.Observation{see("new", "{}", true)}))
	if _, err := pg.PSQL("UPDATE assent_format SET format = 99", at); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{URL: at, NewGraph: newGraph})
	if !errors.Is(err, ErrFormat) || Away(err) || !strings.Contains(err.Error(), "upgrade assent") {
		t.Errorf("%v", err)
	}
	if _, err := Start(t.Context(), ReplicaConfig{Store: s, Graph: newGraph()}); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}

func testSecrets(t *testing.T, pg *pgtest.Server) {
	wrong := strings.Replace(pg.Database(t), pgtest.Password, "s3cr%40t-w0rd", 1)
	_, err := Open(t.Context(), Config{URL: wrong, NewGraph: newGraph})
	if err == nil || Away(err) || strings.Contains(err.Error(), "s3cr") || !strings.Contains(err.Error(), "PGPASSWORD") {
		t.Errorf("%v", err)
	}
	u, perr := url.Parse(pg.URL())
	must(t, perr)
	u.Path = "/nowhere"
	if _, err = Open(t.Context(), Config{URL: u.String(), NewGraph: newGraph}); err == nil || Away(err) || strings.Contains(err.Error(), pgtest.Password) || !strings.Contains(err.Error(), "createdb") {
		t.Errorf("%v", err)
	}
	if shown := Redacted(pg.URL()); strings.Contains(shown, pgtest.Password) || !strings.Contains(shown, pgtest.Role) {
		t.Error(shown)
	}
}

func testAway(t *testing.T, pg *pgtest.Server) {
	at := pg.Database(t)
	a, b := start(t, ReplicaConfig{Store: open(t, at)}), start(t, ReplicaConfig{Store: open(t, at)})
	a.Apply([]model.Observation{see("before", "{}", true)})
	level(t, a, b)
	if since, behind := a.Behind(time.Now()); behind && time.Since(since) < 3*time.Second {
		t.Errorf("behind since %s", since)
	}
	pg.Down(t)
	for i := range 700 { // more than a batch
		a.Apply([]model.Observation{see(fmt.Sprintf("a-%d", i), "{}", true)})
		b.Apply([]model.Observation{see(fmt.Sprintf("b-%d", i), "{}", true)})
	}
	if _, there := a.cfg.Graph.Snapshot().Resource("a-699"); !there {
		t.Error("it stopped learning")
	}
	for _, r := range []*Replica{a, b} {
		until(t, "it says that it is behind", func() bool {
			since, behind := r.Behind(time.Now())
			return behind && !since.IsZero() && r.Away() != nil
		})
	}
	pg.Up(t)
	level(t, a, b)
	for _, r := range []*Replica{a, b} {
		until(t, "it is not behind any more", func() bool { _, behind := r.Behind(time.Now()); return !behind && r.Away() == nil })
		if c := r.Counts(); c.Unsaved != 0 || c.Written != map[*Replica]uint64{a: 701, b: 700}[r] {
			t.Errorf("%+v", c)
		}
	}
	if head, err := a.cfg.Store.Head(t.Context()); err != nil || head != 1401 {
		t.Errorf("%d events: %v", head, err)
	}
	if digest(a.cfg.Graph) != digest(b.cfg.Graph) {
		t.Error("they know different things")
	}
}

func testAwayAtStart(t *testing.T, pg *pgtest.Server) {
	at := pg.Database(t)
	must(t, open(t, at).Save(t.Context(), []model.Observation{see("known", "{}", true)}))
	pg.Down(t)
	s, err := New(t.Context(), Config{URL: at, NewGraph: newGraph})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	troubles := make(chan error, 8)
	r := start(t, ReplicaConfig{Store: s, Trouble: func(err error) { troubles <- err }})
	if since, behind := r.Behind(time.Now()); !behind || !since.IsZero() {
		t.Errorf("it says that it knows everything until %s", since)
	}
	if err := <-troubles; strings.Contains(err.Error(), pgtest.Password) {
		t.Error(err)
	}
	r.Apply([]model.Observation{see("learnt", "{}", true)})
	pg.Up(t)
	until(t, "it has joined", func() bool { _, behind := r.Behind(time.Now()); return !behind })
	level(t, r)
	if digest(r.cfg.Graph) != digest(loaded(t, s)) || r.cfg.Graph.(interface{ Size() int }).Size() != 2 {
		t.Error("it knows something else")
	}
}
