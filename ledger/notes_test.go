package ledger

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/policy"
)

// What is noted beside the decisions is read back as it was written.
func TestNotesRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	h := Heartbeat{Process: "a1", Started: at, At: at.Add(time.Minute), Every: time.Minute, Last: true, Mode: policy.Observe, Intent: "none", Calls: Calls{1, 2, 3}}
	r := Reconciliation{At: at, Sources: []Source{{Kind: "cloudtrail", Name: "a.json", Digest: "sha256:00", Events: 7}}, Origin: "log", Size: 9, Own: map[string]uint64{"x": 1}, Events: 7, Bypasses: 1}
	b := Bypass{Found: at, Source: "cloudtrail", Event: "e1", At: at, Actor: "mallory", Operation: "s3:CreateBucket", Why: "no decision belongs to it"}
	he, err1 := HeartbeatEntry(h)
	re, err2 := ReconcileEntry(r)
	be, err3 := BypassEntry(b)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if got, err := ParseHeartbeat(he.Statement); err != nil || got != h {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ParseReconciliation(re.Statement); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ParseBypass(be.Statement); err != nil || got != b {
		t.Errorf("%+v %v", got, err)
	}
	for _, e := range []Entry{he, re, be} {
		about, err := Describe(e.Statement)
		if placed, placeErr := Place(e.Statement); err != nil || placeErr != nil || about != placed || about.Kind != e.Kind || about.Key != e.Key || about.At.IsZero() {
			t.Errorf("%s: %+v %v, %v", e.Kind, about, err, placeErr)
		}
	}
	if be.Key != "bypass:cloudtrail:e1" {
		t.Error(be.Key)
	}
	if _, err := ParseBypass(bytes.Replace(be.Statement, []byte("mallory"), []byte("someone"), 1)); err == nil {
		t.Error("a bypass whose subject is something else is read")
	}
	if _, err := ParseBypass(he.Statement); err == nil {
		t.Error("a heartbeat is read as a bypass")
	}
}

// A stranger's texts, and lists of any length, fit in an entry; secrets do not.
func TestNotesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	b, err := BypassEntry(Bypass{Source: "k8s-audit", Event: "ghp_0123456789abcdefghij0123", Actor: long, Target: long, Operation: long, From: long, Why: long})
	if err != nil || len(b.Statement) > MaxStatement || bytes.Contains(b.Statement, []byte("ghp_0123")) || strings.Contains(b.Key, "ghp_0123") {
		t.Errorf("%d bytes, key %q, %v", len(b.Statement), b.Key, err)
	}
	r := Reconciliation{Sources: make([]Source, 5000), Resolved: make([]Resolved, 5000)}
	for i := range r.Sources {
		r.Sources[i] = Source{Kind: "cloudtrail", Name: long[:200], Digest: "sha256:" + long[:64]}
		r.Resolved[i] = Resolved{Decision: long[:30], Result: Succeeded, Event: long[:60]}
	}
	e, err := ReconcileEntry(r)
	if err != nil || len(e.Statement) > MaxStatement {
		t.Fatalf("%d bytes, %v", len(e.Statement), err)
	}
	if got, err := ParseReconciliation(e.Statement); err != nil || len(got.Truncated) != 2 || got.Truncated[0].Of != 5000 {
		t.Errorf("%+v %v", got.Truncated, err)
	}
	if len(r.Sources) != 5000 || r.Sources[0].Name != long[:200] {
		t.Error("the caller's own was changed")
	}
}
