package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
)

// patience bounds what a test waits for, on a machine that is busy with other things.
const patience = 2 * time.Minute

// TestSharedModel starts one PostgreSQL for all that need one.
func TestSharedModel(t *testing.T) {
	s := pgtest.Start(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *pgtest.Server)
	}{
		{"events are in one order, that of their commits", testOrder},
		{"a batch is appended once, however often it is tried", testOnce},
		{"graph and store agree", testAgree},
		{"three proxies see every event, in one order, and end alike", testThree},
		{"nobody goes back on what it has learnt itself", testOwnStays},
		{"a compacted log opens as before, and is bounded", testCompaction},
		{"who is too far behind loads anew", testTooFarBehind},
		{"a log that went back is noticed", testWentBack},
		{"a lease is held by one, and handed over when it ends", testLease},
		{"a holder that was paused sweeps nothing", testFence},
		{"what is no text is taken all the same", testNoText},
		{"what was read back belongs to the change that it was read after", testBuilt},
		{"what one has built the others know, and need not ask", testBaselines},
		{"events are kept once, and not for ever", testHeard},
		{"tables of an older format are brought to this one, newer ones are refused", testFormat},
		{"no error has the password", testSecrets},
		{"a database that is away is waited for, and nothing is lost", testAway},
		{"a database that is away at the start is joined later", testAwayAtStart},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

func newGraph() Graph { return graph.New(graph.Config{}) }

func open(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url, NewGraph: newGraph})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func start(t *testing.T, cfg ReplicaConfig) *Replica {
	t.Helper()
	if cfg.Graph == nil {
		cfg.Graph = newGraph()
	}
	r, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func see(urn, attrs string, whole bool, aliases ...string) model.Observation {
	return model.Observation{Whole: whole, Resource: model.Resource{URN: model.URN(urn), Attrs: json.RawMessage(attrs), Aliases: aliases,
		SeenAt: time.Unix(9, 0).UTC(), Tags: map[string]string{"a": "b"}}}
}

func gone(urn string) model.Observation {
	return model.Observation{Gone: true, Resource: model.Resource{URN: model.URN(urn)}}
}

func digest(g Graph) string { return g.Snapshot().Version().Digest }

// level waits until replicas have all that is in the log.
func level(t *testing.T, all ...*Replica) {
	t.Helper()
	for _, r := range all {
		ctx, end := context.WithTimeout(t.Context(), patience)
		must(t, r.Flush(ctx))
		end()
	}
	head, err := all[0].cfg.Store.Head(t.Context())
	must(t, err)
	for _, r := range all {
		until(t, fmt.Sprintf("event %d is followed", head), func() bool { return r.Counts().Seq >= head })
	}
}

// loaded is the graph of what the store holds.
func loaded(t *testing.T, s *Store) Graph {
	t.Helper()
	g := newGraph()
	resources, relations, err := s.Load(t.Context())
	must(t, err)
	g.Load(resources, relations)
	return g
}

func testOrder(t *testing.T, pg *pgtest.Server) {
	s := open(t, pg.Database(t))
	ctx := t.Context()
	begin := func() pgx.Tx {
		tx, err := s.pool.Begin(ctx)
		must(t, err)
		return tx
	}
	put := func(tx pgx.Tx, who string) error {
		body, err := encode(see(who, "{}", true))
		must(t, err)
		_, err = tx.Exec(ctx, "SELECT assent_append($1, 1, $2, $3, $4)", who, []string{body}, []string{""}, []int64{0})
		return err
	}
	seqs := func() (all []string) {
		page, err := readEvents(ctx, s.pool, 0)
		must(t, err)
		for _, e := range page {
			all = append(all, fmt.Sprint(e.seq, e.seen.Resource.URN))
		}
		return all
	}
	undone, first, second := begin(), begin(), begin()
	must(t, put(undone, "undone"))
	must(t, undone.Rollback(ctx)) // its number is free again
	must(t, put(first, "first"))
	_, err := second.Exec(ctx, "SET LOCAL lock_timeout = 0")
	must(t, err)
	waits := make(chan error, 1)
	go func() { // it cannot be numbered, and so cannot be seen, before the first is
		err := put(second, "second")
		waits <- errors.Join(err, second.Commit(ctx))
	}()
	until(t, "the second waits for the first", func() bool {
		var n int
		must(t, s.pool.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&n))
		return n > 0
	})
	if got := seqs(); len(got) != 0 {
		t.Errorf("before any commit: %q", got)
	}
	must(t, first.Commit(ctx))
	must(t, <-waits)
	if got := fmt.Sprint(seqs()); got != "[1first 2second]" && got != "[1 first 2 second]" {
		t.Errorf("%s", got)
	}
}

func testOnce(t *testing.T, pg *pgtest.Server) {
	s := open(t, pg.Database(t))
	for i, want := range []int64{1, -1, -1, 1} {
		number := int64(7)
		if i == 3 {
			number = 8
		}
		a, err := s.append(t.Context(), "me", number, []item{{seen: see("u", "{}", true)}})
		if err != nil || a.kept != want {
			t.Errorf("%d: %+v, %v", i, a, err)
		}
	}
	if head, err := s.Head(t.Context()); head != 2 || err != nil {
		t.Errorf("%d, %v", head, err)
	}
}

const (
	known  = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0ddddddd"
	vague  = "arn:aws:ec2:eu-west-1:*:instance/i-0ddddddd"
	second = "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0ccccccc"
)

func testAgree(t *testing.T, pg *pgtest.Server) {
	rel := model.Relation{From: "i-0ddddddd", To: "sg-0ccccccc", Type: "guarded-by"}
	bare := model.Observation{Whole: true, Resource: model.Resource{URN: known, Tags: map[string]string{}, Aliases: []string{}, SeenAt: time.Unix(10, 0)}}
	for name, history := range map[string][]model.Observation{
		"merge":      {see(known, `{"a":1,"b":{"x":1}}`, true), see(known, `{"b":{"y":2}}`, false)},
		"replace":    {see(known, `{"a":1}`, true), see(known, `{"b":"sg-0ccccccc"}`, true), see(second, `{}`, true)},
		"gone":       {see(known, `{}`, true, "alias-1"), gone("alias-1"), see(second, `{}`, true)},
		"stated":     {{Relations: []model.Relation{rel}}, see(known, `{}`, true, "i-0ddddddd"), see(second, `{}`, true, "sg-0ccccccc")},
		"cut":        {see(known, `{}`, true, "i-0ddddddd"), see(second, `{}`, true, "sg-0ccccccc"), {Relations: []model.Relation{rel}}, {Cut: []model.Relation{{From: known, To: second}}}},
		"vague":      {see(vague, `{"a":1}`, true), see(known, `{"b":1}`, false)},
		"not JSON":   {see(known, `{"a`, true)},
		"no tags":    {see(known, `{}`, true, "alias-1"), bare},
		"vague gone": {see(vague, `{"a":1}`, true), see(known, `{"b":1}`, false), gone(vague)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, pg.Database(t))
			g := newGraph()
			for _, o := range history {
				g.Apply([]model.Observation{o})
				must(t, s.Save(t.Context(), []model.Observation{o}))
			}
			if again := loaded(t, s); digest(g) != digest(again) {
				one, _ := g.Export()
				two, _ := again.Export()
				t.Errorf("in memory %+v\nin the log %+v", one, two)
			}
		})
	}
}

// events is how many a test uses; ASSENT_PG_EVENTS=200000 is the whole exam.
func events(t *testing.T) int {
	text := os.Getenv("ASSENT_PG_EVENTS")
	if text == "" {
		return 2_000
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

func testThree(t *testing.T, pg *pgtest.Server) {
	url, n := pg.Database(t), events(t)
	var all []*Replica
	last, holes := make([]int64, 3), make([]int64, 3)
	for i := range 3 {
		all = append(all, start(t, ReplicaConfig{Store: open(t, url), Followed: func(seq int64, _ model.Observation) {
			if seq != last[i]+1 { // by the one goroutine that follows
				holes[i]++
			}
			last[i] = seq
		}}))
	}
	began := time.Now()
	for i, r := range all {
		go func() {
			for j := i; j < n; j += 3 {
				// Every fourth is about one of the same hundred, so that they get in each other's way.
				urn := fmt.Sprintf("urn-%d", j%5000)
				if j%4 == 0 {
					urn = fmt.Sprintf("hot-%d", j%100)
				}
				o := see(urn, fmt.Sprintf(`{"by%d":%d}`, i, j), j%7 == 0)
				if j%97 == 0 {
					o = gone(urn)
				}
				until(t, "there is room", func() bool { return r.Counts().Waiting < maxQueue/2 })
				r.Apply([]model.Observation{o})
			}
		}()
	}
	head := func() int64 {
		h, err := all[0].cfg.Store.Head(t.Context())
		must(t, err)
		return h
	}
	for at := int64(0); at < int64(n); at = head() {
		until(t, "more is written", func() bool { return head() > at })
	}
	level(t, all...)
	want := digest(loaded(t, all[0].cfg.Store))
	for i, r := range all {
		if c := r.Counts(); holes[i] != 0 || last[i] != int64(n) || c.Reloads != 0 || c.Unsaved != 0 {
			t.Errorf("proxy %d: %d holes, at %d of %d, %+v", i, holes[i], last[i], n, c)
		}
		if got := digest(r.cfg.Graph); got != want {
			t.Errorf("proxy %d ends as %s, the log as %s", i, got, want)
		}
	}
	t.Logf("%d events, 3 followers, 0 holes: %.0f events/s", n, float64(n)/time.Since(began).Seconds())
}

func testOwnStays(t *testing.T, pg *pgtest.Server) {
	url := pg.Database(t)
	other, mine := open(t, url), start(t, ReplicaConfig{Store: open(t, url)})
	// While the log is held up, what others said before is not laid over what was
	// learnt here since.
	tx, err := other.pool.Begin(t.Context())
	must(t, err)
	body, err := encode(see("u", `{"a":"old"}`, true))
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT assent_append('other', 1, $1, $2, $3)", []string{body}, []string{""}, []int64{0})
	must(t, err)
	mine.Apply([]model.Observation{see("u", `{"a":"new"}`, true)})
	mine.Apply([]model.Observation{see("v", `{}`, true), gone("v")})
	var seen []string
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			res, _ := mine.cfg.Graph.Snapshot().Resource("u")
			if text := string(res.Attrs); len(seen) == 0 || seen[len(seen)-1] != text {
				seen = append(seen, text)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	must(t, tx.Commit(t.Context()))
	level(t, mine)
	close(stop)
	<-done
	if fmt.Sprint(seen) != `[{"a":"new"}]` {
		t.Errorf("it was seen as %s", seen)
	}
	if _, there := mine.cfg.Graph.Snapshot().Resource("v"); there {
		t.Error("what is gone came back")
	}
}

func testNoText(t *testing.T, pg *pgtest.Server) {
	r := start(t, ReplicaConfig{Store: open(t, pg.Database(t))})
	var all []model.Observation
	for i, bad := range []string{"a\x00b", "a\xffb", "a\\u0000b", strings.Repeat("x", 1<<20)} {
		o := see("urn-"+bad, `{"v":"`+bad+`"}`, true, "alias-"+bad)
		o.Resource.Name, o.Resource.Tags = fmt.Sprint(i, bad), map[string]string{bad: bad}
		all = append(all, o)
	}
	r.Apply(append(all, see("last", "{}", true)))
	level(t, r)
	if c := r.Counts(); c.Written != 5 || c.Unsaved != 0 {
		t.Errorf("%+v", c)
	}
	must(t, r.cfg.Store.Executed(t.Context(), []model.Built{{URN: "a\x00\xffb", Type: "t", At: time.Unix(1, 0)}}, nil))
}
