package gate

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// stub is a decoder whose answers a test chooses.
type stub struct {
	decode func(decoders.Call) (model.Action, error)
	learn  func() []model.Observation
}

func (stub) Name() string                                                      { return "stub" }
func (stub) Claims(decoders.Call) decoders.Claim                               { return decoders.Claim{Mine: true} }
func (s stub) Decode(_ context.Context, c decoders.Call) (model.Action, error) { return s.decode(c) }
func (s stub) Learn(decoders.Call, *decoders.Response) []model.Observation {
	if s.learn == nil {
		return nil
	}
	return s.learn()
}
func (stub) Refuse(decoders.Call, decoders.Refusal) *http.Response { return nil }

// decider answers every action alike, after looking what it was given.
type decider func(model.Action) policy.Decision

func (f decider) Decide(_ context.Context, a model.Action, s model.Snapshot, m policy.Mode, at time.Time, id string, _ ...policy.Approval) policy.Decision {
	d := f(a)
	d.ID, d.Mode, d.At, d.Action = id, m, at, a
	if s != nil {
		d.Basis.Model = s.Version()
	}
	return d
}

// book is a ledger in memory that can be broken.
type book struct {
	mu      sync.Mutex
	entries []ledger.Entry
	broken  error
}

func (b *book) Append(_ context.Context, e ledger.Entry) (ledger.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return ledger.Receipt{}, b.broken
	}
	b.entries = append(b.entries, e)
	return ledger.Receipt{Index: uint64(len(b.entries) - 1)}, nil
}

func (b *book) kinds() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.entries {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, " ")
}

func action(v model.Verb) func(decoders.Call) (model.Action, error) {
	return func(decoders.Call) (model.Action, error) {
		return model.Action{Platform: "stub", Service: "s", Operation: "Op", Verb: v, Fidelity: model.Exact,
			Targets: []model.Target{{URN: "urn:x", Type: "s:x", Role: model.RoleTarget}}}, nil
	}
}

func always(v policy.Verdict) decider {
	return func(model.Action) policy.Decision {
		d := policy.Decision{Verdict: v}
		if v != policy.Allow {
			d.Findings = []policy.Finding{{Code: "AS2001", Title: "no intent allows this", Why: "w", Repair: "r", Verdict: v}}
		}
		return d
	}
}

func newGate(t *testing.T, mode policy.Mode, d Decider, b *book) *Gate {
	t.Helper()
	g, err := New(Config{
		Decider: d, Ledger: b, Mode: mode,
		Snapshot: func() model.Snapshot { return nil },
		Message:  func(d policy.Decision) string { return "refused " + d.ID },
		Now:      func() time.Time { return time.Unix(1_800_000_000, 0) },
		Rand:     rand.NewChaCha8([32]byte{1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ask(s stub) proxy.Asked {
	return proxy.Asked{Decoder: s, Actor: model.Actor{ID: "agent:a"}, Run: "run_1",
		Call: decoders.Call{Method: "POST", Host: "h", URL: &url.URL{Path: "/"}, Header: http.Header{}}}
}

func TestNothingLeavesBeforeItsDecisionIsDurable(t *testing.T) {
	for _, mode := range []policy.Mode{policy.Enforce, policy.Observe} {
		b := &book{broken: errors.New("disk full")}
		p := newGate(t, mode, always(policy.Allow), b).Judge(t.Context(), ask(stub{decode: action(model.Delete)}))
		if p.Refusal == nil || !strings.Contains(p.Refusal.Message, "disk full") {
			t.Errorf("%v: an unrecorded change was let pass: %+v", mode, p)
		}
	}
}

func TestReadsPassWithoutALedger(t *testing.T) {
	b := &book{broken: errors.New("disk full")}
	p := newGate(t, policy.Enforce, always(policy.Deny), b).Judge(t.Context(), ask(stub{decode: action(model.Read)}))
	if p.Refusal != nil || p.Close != nil {
		t.Errorf("a read was judged: %+v", p)
	}
}

func TestRevealsAreRecorded(t *testing.T) {
	b := &book{}
	newGate(t, policy.Enforce, always(policy.Allow), b).Judge(t.Context(), ask(stub{decode: action(model.Reveal)}))
	if b.kinds() != "change-decision" {
		t.Errorf("recorded: %s", b.kinds())
	}
}

func TestFailClosedNeverFallOver(t *testing.T) {
	boom := func(decoders.Call) (model.Action, error) { panic("boom") }
	broken := func(decoders.Call) (model.Action, error) { return model.Action{}, errors.New("two Actions") }
	cases := []struct {
		name   string
		decode func(decoders.Call) (model.Action, error)
		decide decider
		says   string
	}{
		{"a decoder panics", boom, always(policy.Allow), "AS1001"},
		{"a call contradicts itself", broken, always(policy.Allow), "AS1001"},
		{"a decision panics", action(model.Create), func(model.Action) policy.Decision { panic("boom") }, "AS5001"},
		{"a verdict is missing", action(model.Create), func(model.Action) policy.Decision { return policy.Decision{} }, ""},
		{"the verb is the zero value", action(""), always(policy.Deny), "AS2001"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			b := &book{}
			p := newGate(t, policy.Enforce, tc.decide, b).Judge(t.Context(), ask(stub{decode: tc.decode}))
			if p.Refusal == nil {
				t.Fatal("let pass")
			}
			if b.kinds() != "change-decision" || !strings.Contains(string(b.entries[0].Statement), tc.says) {
				t.Errorf("recorded %s", b.kinds())
			}
			b = &book{}
			p = newGate(t, policy.Observe, tc.decide, b).Judge(t.Context(), ask(stub{decode: tc.decode}))
			if p.Refusal != nil {
				t.Errorf("observe mode blocked: %+v", p.Refusal)
			}
			if b.kinds() != "change-decision" {
				t.Errorf("the gap was not recorded: %s", b.kinds())
			}
		})
	}
}

func TestTheOutcomeIsRecordedOnceTheAnswerIsKnown(t *testing.T) {
	b := &book{}
	p := newGate(t, policy.Enforce, always(policy.Allow), b).Judge(t.Context(), ask(stub{decode: action(model.Create)}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the client has left: the evidence stays
	if err := p.Close(ctx, proxy.Answered{Result: ledger.Succeeded, Status: 200, RequestID: "r1"}); err != nil {
		t.Fatal(err)
	}
	if b.kinds() != "change-decision change-outcome" {
		t.Fatalf("recorded: %s", b.kinds())
	}
	var statement struct {
		Predicate struct {
			Decision string         `json:"decision"`
			Of       ledger.Receipt `json:"of"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(b.entries[1].Statement, &statement); err != nil || statement.Predicate.Decision != p.DecisionID {
		t.Errorf("outcome of %q: %s (%v)", p.DecisionID, b.entries[1].Statement, err)
	}
}

func TestAClientsOwnRetryJoinsTheDecision(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, always(policy.Deny), b)
	in := ask(stub{decode: action(model.Delete)})
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", "one")
	first, second := g.Judge(t.Context(), in), g.Judge(t.Context(), in)
	if first.DecisionID != second.DecisionID || b.kinds() != "change-decision" {
		t.Errorf("a retry made another decision: %s, %s, %s", first.DecisionID, second.DecisionID, b.kinds())
	}
	in.Actor.ID = "agent:other"
	if other := g.Judge(t.Context(), in); other.DecisionID == first.DecisionID {
		t.Error("another actor joined the decision")
	}
}

// kubectl execs over a WebSocket (GET), and where that is refused over SPDY (POST).
// swapping is a decider whose documents a test changes.
type swapping struct {
	decider
	digest string
}

func (s *swapping) Digest() string { return s.digest }
func (s *swapping) Decide(ctx context.Context, a model.Action, m model.Snapshot, mode policy.Mode, at time.Time, id string, _ ...policy.Approval) policy.Decision {
	d := s.decider.Decide(ctx, a, m, mode, at, id)
	d.Basis.Intent = s.digest
	return d
}

func TestWhatIsNowDeclaredIsNotRefusedByAnOldDecision(t *testing.T) {
	b, d := &book{}, &swapping{always(policy.Deny), "sha256:old"}
	g := newGate(t, policy.Enforce, d, b)
	in := ask(stub{decode: action(model.Delete)})
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", "one")
	first := g.Judge(t.Context(), in)
	if again := g.Judge(t.Context(), in); first.Refusal == nil || again.DecisionID != first.DecisionID {
		t.Fatalf("a retry did not join: %+v %+v", first, again)
	}
	d.decider, d.digest = always(policy.Allow), "sha256:new"
	if p := g.Judge(t.Context(), in); p.Refusal != nil {
		t.Errorf("refused by what was declared before: %+v", p)
	}
	d.decider, d.digest = always(policy.Deny), "sha256:old"
	if p := g.Judge(t.Context(), in); p.DecisionID != first.DecisionID {
		t.Errorf("the same documents again, and another decision: %+v", p)
	}
}

func TestAFaultIsNotRemembered(t *testing.T) {
	b := &book{}
	d := decider(func(model.Action) policy.Decision { return policy.Decision{Verdict: policy.Deny, Fault: "time"} })
	g := newGate(t, policy.Enforce, d, b)
	in := ask(stub{decode: action(model.Delete)})
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", "one")
	if a, b := g.Judge(t.Context(), in), g.Judge(t.Context(), in); a.Refusal == nil || b.Refusal == nil || a.DecisionID == b.DecisionID {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestAnExecThatFallsBackJoinsTheDecision(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, always(policy.Deny), b)
	exec := func(operation, command string) string {
		in := ask(stub{decode: func(c decoders.Call) (model.Action, error) {
			a, err := action(model.Execute)(c)
			a.Operation, a.Native, a.Params = operation, json.RawMessage(`{"verb":"`+operation+`"}`), json.RawMessage(`["`+command+`"]`)
			return a, err
		}})
		in.Call.Header.Set("Kubectl-Session", "one")
		return g.Judge(t.Context(), in).DecisionID
	}
	first := exec("get pods/exec", "id")
	if exec("create pods/exec", "id") != first || b.kinds() != "change-decision" {
		t.Errorf("the fallback made another decision: %s", b.kinds())
	}
	if exec("create pods/exec", "sh") == first || exec("create pods/attach", "id") == first {
		t.Error("another command joined the decision")
	}
}

func TestADryRunIsToldWhatWouldHappen(t *testing.T) {
	b := &book{}
	decode := func(c decoders.Call) (model.Action, error) {
		a, err := action(model.Delete)(c)
		a.DryRun = true
		return a, err
	}
	p := newGate(t, policy.Enforce, always(policy.Deny), b).Judge(t.Context(), ask(stub{decode: decode}))
	if p.Refusal != nil || !strings.Contains(p.Warning, "AS2001") || b.kinds() != "" {
		t.Errorf("%+v, recorded %q", p, b.kinds())
	}
}

func TestAPanicInLearningIsAGapNotACrash(t *testing.T) {
	var gaps []string
	g := newGate(t, policy.Enforce, always(policy.Allow), &book{})
	g.cfg.Learn = func([]model.Observation) {}
	g.cfg.Gap = func(what string, _ error) { gaps = append(gaps, what) }
	p := g.Judge(t.Context(), ask(stub{decode: action(model.Read), learn: func() []model.Observation { panic("boom") }}))
	p.Learn(&decoders.Response{Status: 200})
	if len(gaps) != 1 {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestMessagesAreCutBetweenCharacters(t *testing.T) {
	got := cut(strings.Repeat("é", 300), maxMessage)
	if len(got) > maxMessage || strings.ContainsRune(got, '�') || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestDenialsAreBounded(t *testing.T) {
	d := newDenials(func() time.Time { return time.Unix(0, 0) })
	in := ask(stub{})
	for i := range denialsKept + 10 {
		in.Call.Header.Set("Amz-Sdk-Invocation-Id", string(rune(i))+"x")
		d.add(in, policy.Decision{ID: "d"}, decoders.Refusal{DecisionID: "d"})
	}
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", strings.Repeat("x", maxAttemptID+1))
	if key := attemptKey(in, model.Action{}, ""); key != "" {
		t.Errorf("an id of any length is kept: %d bytes", len(key))
	}
	if d.order.Len() != denialsKept || len(d.byKey) != denialsKept {
		t.Errorf("kept %d and %d", d.order.Len(), len(d.byKey))
	}
}

func TestAQuestionIsAnsweredAndNothingPasses(t *testing.T) {
	b := &book{}
	for _, v := range []policy.Verdict{policy.Allow, policy.Deny} {
		g := newGate(t, policy.Enforce, always(v), b)
		g.cfg.Question = true
		g.cfg.Message = func(d policy.Decision) string { return "verdict " + d.Verdict.String() }
		p := g.Judge(t.Context(), ask(stub{decode: action(model.Create)}))
		if p.Refusal == nil || p.Refusal.Message != "verdict "+v.String() || b.kinds() != "" {
			t.Errorf("%v: %+v, recorded %q", v, p, b.kinds())
		}
	}
}

func TestIdsSortByTimeAndDiffer(t *testing.T) {
	ids := &idSource{rand: rand.NewChaCha8([32]byte{2})}
	last, seen := "", map[string]bool{}
	for i := range 5000 {
		id, err := ids.next(time.UnixMilli(1_800_000_000_000 + int64(i/1000*16)))
		if err != nil || len(id) != len("dec_")+20 || seen[id] {
			t.Fatalf("id %d: %q %v", i, id, err)
		}
		seen[id] = true
		if i%1000 == 0 {
			if id <= last {
				t.Errorf("%q does not sort after %q", id, last)
			}
			last = id[:len("dec_")+8] + "zzzzzzzzzzzz" // no later id of these 16 ms is greater
		}
	}
}

func TestObservingWithoutIntentDoesNotWarn(t *testing.T) {
	for digest, warns := range map[string]bool{"none": false, "sha256:1": true} {
		d := func(a model.Action) policy.Decision {
			d := always(policy.Deny)(a)
			d.Basis.Intent = digest
			return d
		}
		p := newGate(t, policy.Observe, decider(d), &book{}).Judge(t.Context(), ask(stub{decode: action(model.Create)}))
		if (p.Warning != "") != warns {
			t.Errorf("intent %s: warning %q", digest, p.Warning)
		}
	}
}
