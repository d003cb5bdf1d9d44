package engine

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
	"github.com/assent-iom/assent/policy"
)

const acme = model.URN("arn:aws:s3:::acme")

// leftOpen is a ledger in which a proxy has let a bucket be made, and nobody has seen the
// answer.
func leftOpen(t *testing.T, dir string, at time.Time) *store.Store {
	t.Helper()
	open := func() *store.Store {
		s, err := store.Open(t.Context(), store.Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	statement, err := ledger.DecisionStatement(policy.Decision{ID: "dec_1", At: at, Verdict: policy.Allow, Action: model.Action{ID: "dec_1", At: at, Platform: "aws", Service: "s3", Operation: "CreateBucket",
		Verb: model.Create, Account: "1", Region: "us-east-1", Targets: []model.Target{{URN: acme, Type: "s3:bucket", Role: model.RoleCreated}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), ledger.Entry{Kind: ledger.KindDecision, Key: "dec_1", Statement: statement}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // the proxy ends
		t.Fatal(err)
	}
	s = open()
	t.Cleanup(func() { s.Close() })
	return s
}

func bucketSeen(at time.Time) []model.Observation {
	return []model.Observation{{Whole: true, Resource: model.Resource{URN: acme, Platform: "aws", Type: "s3:bucket", Account: "1", Region: "us-east-1", SeenAt: at, Source: "aws/1"}}}
}

func bucketsLooked(state collect.State, at time.Time) []collect.Kept {
	return []collect.Kept{{Collector: "aws/1", At: at, Coverage: []collect.Coverage{{
		Scope: collect.Scope{Platform: "aws", Account: "1", Region: "us-east-1", Type: "s3:bucket"}, State: state, ListedAt: at,
	}}}}
}

// A decision that a proxy left open is unknown, until a listing tells what became of it;
// that is recorded, once.
func TestAListingTellsWhatBecameOfAnOpenDecision(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := leftOpen(t, dir, at)
	later := at.Add(time.Hour)
	g := graph.New(graph.Config{})
	g.Apply(bucketSeen(later.Add(time.Second)))
	for _, c := range []struct {
		state collect.State
		want  int
	}{{collect.Failed, 0}, {collect.Complete, 1}, {collect.Complete, 0}} {
		looks := Looks{bucketsLooked(c.state, later), g.Snapshot()}
		before := s.Size()
		resolved, err := Resolve(t.Context(), s, looks, later, func(ctx context.Context, e ledger.Entry) error {
			_, err := s.Append(ctx, e)
			return err
		})
		if err != nil || len(resolved) != c.want || s.Size() != before+uint64(c.want) {
			t.Errorf("%s: %+v, %d more entries, %v", c.state, resolved, s.Size()-before, err)
		}
	}
	last, err := s.Get(t.Context(), s.Size()-1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ledger.ParseReconciliation(last.Envelope)
	if err != nil || len(r.Resolved) != 1 || r.Resolved[0].Decision != "dec_1" || r.Resolved[0].Result != ledger.Succeeded {
		t.Errorf("%+v %v", r, err)
	}
	if got, err := verify.Dir(t.Context(), dir, verify.Options{}); err != nil || got.Kind != verify.OK {
		t.Errorf("%s %v %v", got.Kind, got.Problems, err)
	}
}

// Of proxies that share a model, each says in its own ledger what became of its calls, by
// what another has listed: never before that has arrived here.
func TestAProxySaysWhatBecameOfItsCallsByWhatAnotherHasListed(t *testing.T) {
	at := pgtest.Start(t).Database(t)
	reads, other := memoryOf(t, Shared{URL: at}), memoryOf(t, Shared{URL: at})
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := leftOpen(t, t.TempDir(), now)
	later := now.Add(time.Hour)
	var told []ledger.Resolved
	e := &Engine{memory: other, ledger: s, book: &watched{Writer: s, now: time.Now}, cfg: Config{Now: func() time.Time { return later }, Resolved: func(r ledger.Resolved) { told = append(told, r) }}}
	resolve := func(want int) {
		t.Helper()
		told = nil
		if err := e.resolve(t.Context(), nil); err != nil || len(told) != want {
			t.Errorf("%+v %v, want %d", told, err, want)
		}
	}
	resolve(0) // nobody has looked
	_, learn, release, err := reads.Lease(false)(t.Context(), "aws/1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for range 2000 { // much has to arrive
		learn.Learn(bucketSeen(later), "aws/1", later)
	}
	reads.hold("aws/1", true)
	if err := KeepLooks(t.Context(), reads, bucketsLooked(collect.Complete, later)); err != nil {
		t.Fatal(err)
	}
	resolve(1)
	if len(told) == 1 && told[0].Result != ledger.Succeeded {
		t.Errorf("%+v", told)
	}
	resolve(0)
}
