package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// log is a ledger in memory: entries are statements, which Parse reads too.
type log []ledger.Stored

func (l *log) add(t *testing.T, kind ledger.Kind, key string, statement []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	*l = append(*l, ledger.Stored{Index: uint64(len(*l)), Kind: kind, Key: key, Envelope: statement})
}

func (l log) Size() uint64 { return uint64(len(l)) }
func (l log) Get(context.Context, uint64) (ledger.Stored, error) {
	return ledger.Stored{}, ledger.ErrNotFound
}
func (l log) Find(context.Context, string) ([]ledger.Stored, error) { return nil, nil }
func (l log) Scan(_ context.Context, from uint64, f func(ledger.Stored) bool) error {
	for _, e := range l[from:] {
		if !f(e) {
			break
		}
	}
	return nil
}

// did records a decision and its outcome.
func (l *log) did(t *testing.T, platform, service, operation, id, request, result string) {
	t.Helper()
	d := policy.Decision{ID: id, At: at, Verdict: policy.Allow, Action: model.Action{ID: id, At: at, Platform: platform, Service: service, Operation: operation, Verb: model.Create}}
	if id == "dec_named" {
		d.Action.Region, d.Action.Targets = "shop", []model.Target{{URN: "k8s://prod/core/ConfigMap/shop/c"}}
	}
	if result == ledger.NotForwarded {
		d.Verdict = policy.Deny
	}
	s, err := ledger.DecisionStatement(d)
	l.add(t, ledger.KindDecision, id, s, err)
	if result == "" || result == ledger.NotForwarded {
		return
	}
	s, err = ledger.OutcomeStatement(ledger.Outcome{Decision: id, Result: result, RequestID: request, CompletedAt: at}, d)
	l.add(t, ledger.KindOutcome, id, s, err)
}

func joined(t *testing.T, l log, events ...Event) Report {
	t.Helper()
	j := New(Config{Now: at})
	if err := j.Index(context.Background(), l, "log", l.Size(), ledger.Hash{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		j.Add(e)
	}
	return j.Report()
}

// trail and audit make events of changes that were done.
func trail(id, request, name string) Event {
	return Event{Source: CloudTrail, ID: id, Once: id, RequestID: request, At: at, Name: name, Verb: model.Create, Result: Applied}
}

func audit(id, name string) Event {
	e := Event{Source: KubeAudit, ID: id, Once: id, RequestID: id, At: at, Name: name, Verb: model.Create, Result: Applied}
	if strings.HasPrefix(id, decisionPrefix) {
		e.Decision = id
	}
	return e
}

func with(e Event, change func(*Event)) Event { change(&e); return e }

// Each event becomes exactly one thing.
func TestWhatBecomesOfAnEvent(t *testing.T) {
	var l log
	l.did(t, "aws", "s3", "CreateBucket", "dec_a", "REQ1", ledger.Succeeded)
	l.did(t, "aws", "s3", "DeleteBucket", "dec_lost", "", ledger.Unresolved)
	l.did(t, "kubernetes", "core", "create configmaps", "dec_k", "dec_k", ledger.Succeeded)
	l.did(t, "kubernetes", "core", "delete configmaps", "dec_named", "dec_named", ledger.Succeeded)
	l.did(t, "kubernetes", "core", "create pods", "dec_web", "", ledger.Unresolved)
	l.did(t, "kubernetes", "core", "create secrets", "dec_no", "", ledger.NotForwarded)
	for _, c := range []struct {
		name   string
		events []Event
		want   string
	}{
		{"our call", []Event{trail("e1", "REQ1", "s3:CreateBucket")}, "matched 1"},
		{"several events of our one call", []Event{trail("e1", "REQ1", "s3:CreateBucket"), trail("e2", "REQ1", "s3:PutObject")}, "matched 2"},
		{"the same event delivered twice", []Event{trail("e1", "REQ9", "s3:CreateBucket"), trail("e1", "REQ9", "s3:CreateBucket")}, "bypass 1"},
		{"another's call", []Event{trail("e1", "REQ9", "s3:CreateBucket")}, "bypass 1"},
		{"a read", []Event{with(trail("e1", "REQ9", "s3:GetObject"), func(e *Event) { e.Verb = model.Read })}, "reads 1"},
		{"what no table knows, and AWS calls a read", []Event{with(trail("e1", "R", "new:Peek"), func(e *Event) { e.Verb, e.ReadOnly = model.Unknown, true })}, "reads 1"},
		{"what no table knows", []Event{with(trail("e1", "R", "new:Poke"), func(e *Event) { e.Verb = model.Unknown })}, "bypass 1"},
		{"what AWS calls a read, and the table a change", []Event{with(trail("e1", "R", "s3:CreateBucket"), func(e *Event) { e.ReadOnly = true })}, "bypass 1"},
		{"a service-linked role's", []Event{with(trail("e1", "R", "s3:CreateBucket"), func(e *Event) { e.Own = "a service-linked role" })}, "own 1"},
		{"refused by AWS", []Event{with(trail("e1", "R", "s3:CreateBucket"), func(e *Event) { e.Result = Refused })}, "refused 1"},
		{"failed inside AWS", []Event{with(trail("e1", "R", "s3:CreateBucket"), func(e *Event) { e.Result = Unclear })}, "unknown 1"},
		{"without a request id", []Event{trail("e1", "", "s3:CreateBucket")}, "unknown 1"},
		{"an answer that nobody saw", []Event{trail("e1", "R", "s3:DeleteBucket")}, "unknown 1"},
		{"one lost answer explains one event", []Event{trail("e1", "R", "s3:DeleteBucket"), trail("e2", "R2", "s3:DeleteBucket")}, "bypass 1 unknown 1"},
		{"a lost answer, long ago", []Event{with(trail("e1", "R", "s3:DeleteBucket"), func(e *Event) { e.At = at.Add(time.Hour) })}, "bypass 1"},

		{"our audit id", []Event{audit("dec_k", "create configmaps")}, "matched 1"},
		{"no audit id of ours", []Event{audit("uuid", "create configmaps")}, "bypass 1"},
		{"our audit id, used again", []Event{audit("dec_k", "create configmaps"), with(audit("dec_k", "create configmaps"), func(e *Event) { e.Once = "later" })}, "bypass 1 matched 1"},
		{"our audit id, long after", []Event{with(audit("dec_k", "create configmaps"), func(e *Event) { e.At = at.AddDate(0, 0, 30) })}, "bypass 1"},
		{"our audit id, before it was decided", []Event{with(audit("dec_k", "create configmaps"), func(e *Event) { e.At = at.Add(-time.Hour) })}, "bypass 1"},
		{"our audit id, on another object", []Event{with(audit("dec_named", "delete configmaps"), func(e *Event) { e.Region, e.Object = "shop", "d" })}, "bypass 1"},
		{"our audit id, in another namespace", []Event{with(audit("dec_named", "delete configmaps"), func(e *Event) { e.Region, e.Object = "prod", "c" })}, "bypass 1"},
		{"our audit id, on its object", []Event{with(audit("dec_named", "delete configmaps"), func(e *Event) { e.Region, e.Object = "shop", "c" })}, "matched 1"},
		{"our audit id, on something else", []Event{audit("dec_k", "delete namespaces")}, "bypass 1"},
		{"an audit id that we never gave", []Event{audit("dec_z", "create configmaps")}, "bypass 1"},
		{"the audit id of a refusal", []Event{audit("dec_no", "create secrets")}, "bypass 1"},
		{"an id of another platform's decision", []Event{audit("dec_a", "s3:CreateBucket")}, "bypass 1"},
		{"our webhook has answered", []Event{with(audit("uuid", "create pods"), func(e *Event) { e.Vouched = "dec_web" })}, "matched 1 resolved 1"},
		{"our webhook refused", []Event{with(audit("uuid", "create secrets"), func(e *Event) { e.Vouched, e.Result = "dec_no", Refused })}, "matched 1"},
		{"our webhook refused, and it was done", []Event{with(audit("uuid", "create secrets"), func(e *Event) { e.Vouched = "dec_no" })}, "bypass 1"},
		{"a controller's", []Event{with(audit("uuid", "create pods"), func(e *Event) { e.Own = "a controller" })}, "own 1"},
		{"a controller's name with a stolen id", []Event{with(audit("dec_z", "create pods"), func(e *Event) { e.Own = "a controller" })}, "bypass 1"},
		{"a dry run", []Event{with(audit("uuid", "create pods"), func(e *Event) { e.Dry = true })}, "reads 1"},
		{"refused by the server", []Event{with(audit("uuid", "create pods"), func(e *Event) { e.Result = Refused })}, "refused 1"},
	} {
		r := joined(t, l, c.events...)
		if got := summary(r); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if uint64(len(r.Found)) != r.Bypasses || uint64(len(r.Untold)) != r.Unknown {
			t.Errorf("%s: the lists are not the counts: %+v", c.name, r)
		}
	}
}

func summary(r Report) string {
	var own uint64
	for _, n := range r.Own {
		own += n
	}
	var parts []string
	for _, c := range []struct {
		word string
		n    uint64
	}{{"bypass", r.Bypasses}, {"matched", r.Matched}, {"own", own}, {"reads", r.Reads}, {"refused", r.Refused}, {"unknown", r.Unknown}, {"resolved", uint64(len(r.Resolved))}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprint(c.word, " ", c.n))
		}
	}
	return strings.Join(parts, " ")
}

// A decision that succeeded by our word, and is not in a log that covers its time,
// is told; one outside of the log's time is not.
func TestWhatTheirLogLacksIsTold(t *testing.T) {
	var l log
	l.did(t, "aws", "s3", "CreateBucket", "dec_a", "REQ1", ledger.Succeeded)
	l.did(t, "aws", "s3", "CreateBucket", "dec_b", "REQ2", ledger.Succeeded)
	before, after := trail("e0", "R", "s3:GetObject"), trail("e9", "R", "s3:GetObject")
	before.Verb, after.Verb = model.Read, model.Read
	before.At, after.At = at.Add(-time.Minute), at.Add(time.Minute)
	if r := joined(t, l, before, trail("e1", "REQ1", "s3:CreateBucket"), after); !slices.Equal(r.Missing, []string{"dec_b"}) || r.Unconfirmed != 1 {
		t.Errorf("%+v", r)
	}
	if r := joined(t, l, after); len(r.Missing) != 0 {
		t.Errorf("the log does not reach so far back: %+v", r)
	}
}

// What lies outside of the time is not looked at.
func TestOnlyTheTimeAskedForCounts(t *testing.T) {
	j := New(Config{Now: at, Since: at, Until: at.Add(time.Hour)})
	for i, when := range []time.Duration{-time.Second, 0, time.Hour - time.Second, time.Hour} {
		j.Add(with(trail(fmt.Sprint(i), "R", "s3:CreateBucket"), func(e *Event) { e.At = at.Add(when) }))
	}
	if r := j.Report(); r.Bypasses != 2 || r.Events != 2 {
		t.Errorf("%+v", r)
	}
}
