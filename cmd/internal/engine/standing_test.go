package engine

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/gate"
)

// What is being changed has not drifted; what failed to change it has changed nothing;
// and of what had drifted before, a change of something else takes nothing for built.
func TestWhatIsUnderWayHasNotDrifted(t *testing.T) {
	const urn = model.URN("k8s://c/rbac.authorization.k8s.io/Role/n/r")
	s, err := modelstore.Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	built := model.Built{URN: urn, Type: "rbac.authorization.k8s.io/Role", At: day}
	if err := s.Executed(t.Context(), []model.Built{built}, nil); err != nil {
		t.Fatal(err)
	}
	built.Attrs, built.ReadAt = json.RawMessage(`{"rules":[{"verbs":["get"]}]}`), day.Add(time.Second)
	if err := s.ReadBack(t.Context(), []model.Built{built}); err != nil {
		t.Fatal(err)
	}
	now := day.Add(time.Minute)
	stands, err := newStandings(s, nil, func() time.Time { return now }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{{Whole: true, Resource: model.Resource{URN: urn, Platform: "kubernetes", Type: built.Type, Attrs: json.RawMessage(`{"rules":[{"verbs":["*"]}]}`)}}})
	drifted := func() int { return len(stands.on(g.Snapshot()).(model.Reconciled).Standing(urn).Drifted) }
	if drifted() != 1 {
		t.Fatalf("%d fields", drifted())
	}
	d := policy.Decision{ID: "dec_1", Verdict: policy.Allow, Action: model.Action{Platform: "kubernetes", Service: "rbac.authorization.k8s.io", Operation: "patch roles", Verb: model.Update,
		Params: json.RawMessage(`{"patch":{"metadata":{"labels":{"a":"b"}}},"patch_type":"merge"}`), Targets: []model.Target{{URN: urn, Type: built.Type, Role: model.RoleTarget}}}}
	refused := d
	refused.Verdict = policy.Deny
	stands.event(gate.Event{Decision: refused}, g.Snapshot())
	if drifted() != 1 {
		t.Error("what was refused is taken for under way")
	}
	stands.event(gate.Event{Decision: d}, g.Snapshot())
	if drifted() != 0 {
		t.Error("what is under way has drifted")
	}
	if held := stands.heldOf(urn); !slices.Equal(held, []string{"rules"}) {
		t.Errorf("held: %v", held)
	}
	stands.event(gate.Event{Decision: d, Outcome: &ledger.Outcome{Result: ledger.Failed}}, g.Snapshot())
	if drifted() != 1 {
		t.Error("what has failed is taken for a change")
	}
	about := d
	about.Action.Params = json.RawMessage(`{"patch":{"rules":[]},"patch_type":"merge"}`)
	stands.event(gate.Event{Decision: about}, g.Snapshot())
	if held := stands.heldOf(urn); len(held) != 0 {
		t.Errorf("what the change is about is held: %v", held)
	}
	stands.event(gate.Event{Decision: about, Outcome: &ledger.Outcome{Result: ledger.Succeeded}}, g.Snapshot())
	if drifted() != 0 {
		t.Error("what was not read back since has drifted")
	}
}

// However many changes are under way at once, no more than so many are remembered, and
// the newest are.
func TestWhatIsUnderWayIsBounded(t *testing.T) {
	s, err := modelstore.Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stands, err := newStandings(s, nil, func() time.Time { now = now.Add(time.Millisecond); return now }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	last := model.URN("")
	for i := range 2 * maxUnderWay {
		last = model.URN(fmt.Sprintf("arn:aws:sqs:us-east-1:123456789012:q%d", i))
		stands.event(gate.Event{Decision: policy.Decision{Verdict: policy.Allow, Action: model.Action{Verb: model.Update, Targets: []model.Target{{URN: last, Role: model.RoleTarget}}}}}, g.Snapshot())
		if len(stands.underWay) > maxUnderWay {
			t.Fatalf("%d are remembered", len(stands.underWay))
		}
	}
	if _, there := stands.underWay[last]; !there {
		t.Error("the newest is forgotten")
	}
}
