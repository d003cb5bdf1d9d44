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
func (w written) Find(context.Context, string) ([]ledger.Stored, error) { return nil, nil }
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
	decide("seen before", model.Delete, ledger.Unresolved, thing("old", model.RoleTarget))
	decide("answered", model.Delete, ledger.Succeeded, thing("here", model.RoleTarget))
	looked := reconcile.Looked{
		Seen: func(u model.URN) (model.Resource, bool) {
			r := model.Resource{URN: u, Account: "1", Region: "r", SeenAt: late, Source: "aws/1"}
			switch u {
			case "tagged":
				r.Source = model.SourceTags
			case "old":
				r.SeenAt = at
			}
			return r, u == "here" || u == "tagged" || u == "old"
		},
		Listed: func(t model.Target, platform, account, region string) time.Time {
			switch {
			case t.Type == "unlisted" || platform != "aws" || account != "1" || region != "r":
				return time.Time{}
			case t.Type == "early":
				return at.Add(time.Minute)
			}
			return late
		},
	}
	resolved, left, err := reconcile.ByWhatExists(t.Context(), log, looked)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range resolved {
		got[r.Decision] = r.Result
	}
	want := map[string]string{"made": ledger.Succeeded, "not made": ledger.Failed, "deleted": ledger.Succeeded, "not deleted": ledger.Failed}
	if fmt.Sprint(got) != fmt.Sprint(want) || left != 7 {
		t.Errorf("%v, %d left; want %v", got, left, want)
	}

	e, err := ledger.ReconcileEntry(ledger.Reconciliation{At: late, Origin: "o", Resolved: resolved})
	add(ledger.KindReconcile, "", e.Statement, err)
	if resolved, left, err = reconcile.ByWhatExists(t.Context(), log, looked); err != nil || len(resolved) != 0 || left != 7 {
		t.Errorf("once more: %v, %d left, %v", resolved, left, err)
	}
}
