package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// written is a ledger in memory.
type written []ledger.Stored

func (w written) Size() uint64 { return uint64(len(w)) }
func (w written) Get(context.Context, uint64) (ledger.Stored, error) {
	return ledger.Stored{}, ledger.ErrNotFound
}
func (w written) Find(_ context.Context, key string) (all []ledger.Stored, err error) {
	for _, s := range w {
		if s.Key == key {
			all = append(all, s)
		}
	}
	return all, nil
}
func (w written) Scan(_ context.Context, from uint64, f func(ledger.Stored) bool) error {
	for _, s := range w[from:] {
		if !f(s) {
			break
		}
	}
	return nil
}

// What exists tells what became of a call whose answer nobody saw, if it can: something
// that was to be made or deleted, of a listing that is whole and late enough.
func TestWhatExistsTellsWhatBecameOfACall(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	late := at.Add(time.Hour)
	var log written
	add := func(kind ledger.Kind, key string, statement []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, ledger.Stored{Index: uint64(len(log)), Kind: kind, Key: key, Envelope: statement})
	}
	decide := func(id string, verb model.Verb, result string, targets ...model.Target) {
		t.Helper()
		d := policy.Decision{ID: id, At: at, Verdict: policy.Allow, Action: model.Action{ID: id, At: at, Platform: "aws", Service: "ec2", Operation: "X", Verb: verb, Account: "1", Region: "r", Targets: targets}}
		statement, err := ledger.DecisionStatement(d)
		add(ledger.KindDecision, id, statement, err)
		statement, err = ledger.OutcomeStatement(ledger.Outcome{Decision: id, Result: result, CompletedAt: at}, d)
		add(ledger.KindOutcome, id, statement, err)
	}
	thing := func(urn, role string) model.Target { return model.Target{URN: model.URN(urn), Type: "t", Role: role} }
	decide("made", model.Create, ledger.Unresolved, thing("here", model.RoleCreated))
	decide("not made", model.Create, ledger.Unresolved, thing("absent", model.RoleCreated))
	decide("deleted", model.Delete, ledger.Unresolved, thing("absent", model.RoleTarget))
	decide("not deleted", model.Delete, ledger.Unresolved, thing("here", model.RoleTarget))
	decide("half", model.Delete, ledger.Unresolved, thing("here", model.RoleTarget), thing("absent", model.RoleTarget))
	decide("changed", model.Update, ledger.Unresolved, thing("here", model.RoleTarget))
	decide("nameless", model.Create, ledger.Unresolved, thing("t/*", model.RoleCreated))
	decide("unlisted", model.Delete, ledger.Unresolved, model.Target{URN: "absent", Type: "unlisted", Role: model.RoleTarget})
	decide("too early", model.Delete, ledger.Unresolved, model.Target{URN: "absent", Type: "early", Role: model.RoleTarget})
	decide("told by its tags", model.Delete, ledger.Unresolved, thing("tagged", model.RoleTarget))
	decide("of two kinds", model.Delete, ledger.Unresolved, thing("absent", model.RoleTarget), model.Target{URN: "absent", Type: "early", Role: model.RoleTarget})
	decide("moved", model.Delete, ledger.Unresolved, thing("elsewhere", model.RoleTarget))
	decide("answered", model.Delete, ledger.Succeeded, thing("here", model.RoleTarget))
	looked := reconcile.Looked{
		Seen: func(u model.URN) (model.Resource, bool) {
			r := model.Resource{URN: u, Platform: "aws", Type: "t", Account: "1", Region: "r", SeenAt: at, Source: "aws/1"}
			switch u {
			case "tagged":
				r.Source = model.SourceTags
			case "elsewhere":
				r.Region = "another"
			}
			return r, u == "here" || u == "tagged" || u == "elsewhere"
		},
		Until: func(platform, account, region, kind string) time.Time {
			switch {
			case kind == "unlisted" || platform != "aws" || account != "1" || region != "r":
				return time.Time{}
			case kind == "early":
				return at.Add(time.Minute)
			}
			return late
		},
	}
	var unseen reconcile.Unseen
	look := func() ([]ledger.Resolved, int, error) {
		t.Helper()
		if _, err := unseen.Follow(t.Context(), log); err != nil {
			t.Fatal(err)
		}
		return unseen.ByWhatExists(t.Context(), log, looked)
	}
	resolved, left, err := look()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range resolved {
		got[r.Decision] = r.Result
	}
	want := map[string]string{"made": ledger.Succeeded, "not made": ledger.Failed, "deleted": ledger.Succeeded, "not deleted": ledger.Failed}
	if fmt.Sprint(got) != fmt.Sprint(want) || left != 8 {
		t.Errorf("%v, %d left; want %v", got, left, want)
	}

	e, err := ledger.ReconcileEntry(ledger.Reconciliation{At: late, Origin: "o", Resolved: resolved})
	add(ledger.KindReconcile, "", e.Statement, err)
	if resolved, left, err = look(); err != nil || len(resolved) != 0 || left != 8 {
		t.Errorf("once more: %v, %d left, %v", resolved, left, err)
	}
}

// What was read of a log is not read again, and what only a listing later than the end of
// a call tells is not told before.
func TestALogIsReadOnce(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	log := &counted{}
	add := func(kind ledger.Kind, key string, statement []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		log.written = append(log.written, ledger.Stored{Index: uint64(len(log.written)), Kind: kind, Key: key, Envelope: statement})
	}
	d := policy.Decision{ID: "d", At: at, Verdict: policy.Allow, Action: model.Action{ID: "d", At: at, Platform: "aws", Service: "s3", Operation: "X", Verb: model.Create,
		Targets: []model.Target{{URN: "u", Type: "t", Role: model.RoleCreated}}}}
	statement, err := ledger.DecisionStatement(d)
	add(ledger.KindDecision, d.ID, statement, err)
	ended := at.Add(time.Hour)
	statement, err = ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Result: ledger.Unresolved, CompletedAt: ended}, d)
	add(ledger.KindOutcome, d.ID, statement, err)

	var unseen reconcile.Unseen
	for range 2 {
		if more, err := unseen.Follow(t.Context(), log); err != nil || more || len(unseen.Open) != 1 {
			t.Errorf("%+v %v", unseen, err)
		}
	}
	if log.read != 2 {
		t.Errorf("%d entries were read of 2", log.read)
	}
	for _, c := range []struct {
		until time.Time
		want  int
	}{{ended.Add(-time.Minute), 0}, {ended.Add(time.Minute), 1}} {
		resolved, _, err := unseen.ByWhatExists(t.Context(), log, reconcile.Looked{
			Seen:  func(model.URN) (model.Resource, bool) { return model.Resource{}, false },
			Until: func(string, string, string, string) time.Time { return c.until },
		})
		if err != nil || len(resolved) != c.want {
			t.Errorf("known until %s: %+v %v", c.until, resolved, err)
		}
	}
	log.written = log.written[:1] // another log is in its place
	if more, err := unseen.Follow(t.Context(), log); err != nil || more || len(unseen.Open) != 0 || unseen.Size != 1 {
		t.Errorf("%+v %v", unseen, err)
	}
}

// counted counts what is read of a ledger in memory.
type counted struct {
	written
	read int
}

func (c *counted) Scan(ctx context.Context, from uint64, f func(ledger.Stored) bool) error {
	return c.written.Scan(ctx, from, func(s ledger.Stored) bool { c.read++; return f(s) })
}

// A long log is read in parts, so that what was read of it can be kept.
func TestALongLogIsReadInParts(t *testing.T) {
	log := &counted{written: make(written, 50_001)}
	for i := range log.written {
		log.written[i] = ledger.Stored{Index: uint64(i), Kind: ledger.KindHeartbeat}
	}
	var unseen reconcile.Unseen
	parts := 0
	for more := true; more; parts++ {
		var err error
		if more, err = unseen.Follow(t.Context(), log); err != nil {
			t.Fatal(err)
		}
	}
	if parts != 3 || unseen.Size != log.Size() {
		t.Errorf("%d of %d entries in %d parts", unseen.Size, log.Size(), parts)
	}
}
