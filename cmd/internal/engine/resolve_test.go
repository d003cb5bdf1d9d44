package engine

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/policy"
)

// A decision that a proxy left open is unknown, until a listing tells what became of it;
// that is recorded, once.
func TestAListingTellsWhatBecameOfAnOpenDecision(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	open := func() *store.Store {
		s, err := store.Open(t.Context(), store.Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	const bucket = model.URN("arn:aws:s3:::acme")
	statement, err := ledger.DecisionStatement(policy.Decision{ID: "dec_1", At: at, Verdict: policy.Allow, Action: model.Action{ID: "dec_1", At: at, Platform: "aws", Service: "s3", Operation: "CreateBucket",
		Verb: model.Create, Account: "1", Region: "us-east-1", Targets: []model.Target{{URN: bucket, Type: "s3:bucket", Role: model.RoleCreated}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), ledger.Entry{Kind: ledger.KindDecision, Key: "dec_1", Statement: statement}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // the proxy ends, and nobody has seen the answer
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	later := at.Add(time.Hour)
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{{Whole: true, Resource: model.Resource{URN: bucket, Platform: "aws", Type: "s3:bucket", Account: "1", Region: "us-east-1", SeenAt: later.Add(time.Second), Source: "aws/1"}}})
	state := collect.Failed
	covers := func(scope collect.Scope) collect.Coverage {
		if scope != (collect.Scope{Platform: "aws", Account: "1", Region: "us-east-1", Type: "s3:bucket"}) {
			t.Errorf("asked about %s", scope)
		}
		return collect.Coverage{Scope: scope, State: state, ListedAt: later}
	}
	for _, c := range []struct {
		state collect.State
		want  int
	}{{collect.Failed, 0}, {collect.Complete, 1}, {collect.Complete, 0}} {
		state = c.state
		e, n, err := Resolve(t.Context(), s, g.Snapshot(), covers, later)
		if err != nil || n != c.want {
			t.Errorf("%s: %d, %v", c.state, n, err)
		}
		if n > 0 {
			if _, err := s.Append(t.Context(), e); err != nil {
				t.Error(err)
			}
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
