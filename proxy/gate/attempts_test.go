package gate

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
)

// deletionAttempt is one of the attempts that an SDK makes at one deletion.
func deletionAttempt(id string) proxy.Asked {
	in := deletion()
	in.Call.Header = in.Call.Header.Clone()
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", id)
	return in
}

// Law 6: a client's own retry of a held call joins that decision. The client gives up
// on its connection, tries again, and is approved: one decision, one change.
func TestLaw6TheRetryOfAHeldCallGoesOnWithIt(t *testing.T) {
	for _, order := range []string{"the client leaves, and retries", "the client retries before its leaving is noticed"} {
		t.Run(order, func(t *testing.T) {
			h, b := &desk{}, &book{}
			held := make(chan struct{}, 4)
			h.onHold = func() { held <- struct{}{} }
			g := holdingGate(t, h, b, time.Minute)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			first := make(chan proxy.Permit, 1)
			go func() { first <- g.Judge(ctx, deletionAttempt("one")) }()
			<-held
			if order == "the client leaves, and retries" {
				leave()
			}
			second := make(chan proxy.Permit, 1)
			go func() { second <- g.Judge(t.Context(), deletionAttempt("one")) }()
			p := <-first
			if p.Refusal == nil || !strings.Contains(p.Refusal.Message, "sent again") || p.DecisionID == "" {
				t.Fatalf("the first connection goes on: %+v", p.Refusal)
			}
			h.mu.Lock()
			h.approve()
			h.mu.Unlock()
			q := <-second
			if q.Refusal != nil || q.DecisionID != p.DecisionID {
				t.Fatalf("the retry does not join: %+v %s, %s", q.Refusal, q.DecisionID, p.DecisionID)
			}
			if b.kinds() != "approval change-decision" {
				t.Errorf("recorded %q", b.kinds())
			}
		})
	}
}

// A held call whose client does not come back is recorded once, as held.
func TestAHeldCallWhoseClientDoesNotComeBackIsRecordedOnce(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	h, b := &desk{onHold: leave}, &book{}
	g := holdingGate(t, h, b, time.Hour)
	g.rejoin = time.Millisecond
	if p := g.Judge(ctx, deletionAttempt("one")); p.Refusal == nil || b.kinds() != "change-decision" {
		t.Errorf("%+v, recorded %q", p.Refusal, b.kinds())
	}
	if len(g.tries.byKey) != 0 {
		t.Error("it is kept")
	}
}

// Law 6: a change that is on its way is not sent a second time by its client's
// retry, also when the answer came after the client had left; one whose client got
// its answer may be tried again.
func TestLaw6TheRetryOfASentCallIsNotSent(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, allowing(), b)
	first := g.Judge(t.Context(), deletionAttempt("one"))
	if first.Refusal != nil {
		t.Fatal(first.Refusal)
	}
	var wg sync.WaitGroup
	for range 3 { // while it is in flight
		wg.Go(func() {
			if p := g.Judge(t.Context(), deletionAttempt("one")); p.Refusal == nil || !strings.Contains(p.Refusal.Message, "it succeeded, status 200") || p.DecisionID != first.DecisionID {
				t.Errorf("%+v", p)
			}
		})
	}
	other := g.Judge(t.Context(), deletionAttempt("two"))
	if other.Refusal != nil {
		t.Error("another intention is kept from being sent")
	}
	if err := first.Close(t.Context(), proxy.Answered{Result: ledger.Succeeded, Status: 200, Left: true}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if p := g.Judge(t.Context(), deletionAttempt("one")); p.Refusal == nil { // its client had left
		t.Error("it is sent again, though its client never saw the answer")
	}
	if err := other.Close(t.Context(), proxy.Answered{Result: ledger.Failed, Status: 503}); err != nil {
		t.Fatal(err)
	}
	if p := g.Judge(t.Context(), deletionAttempt("two")); p.Refusal != nil {
		t.Error("a client that was told to try again may not")
	}
	if n := strings.Count(b.kinds(), "change-decision"); n != 3 {
		t.Errorf("%d decisions: %s", n, b.kinds())
	}
}

func allowing() Decider {
	return decider(func(a model.Action) policy.Decision {
		return policy.Decision{Verdict: policy.Allow, Grant: "shop/x", Action: a}
	})
}

// What was not sent may be tried again, and while observing nothing is ever refused.
func TestAnAttemptThatSentNothingIsForgotten(t *testing.T) {
	g := newGate(t, policy.Enforce, allowing(), &book{})
	for range 2 {
		p := g.Judge(t.Context(), deletionAttempt("one"))
		if p.Refusal != nil {
			t.Fatal(p.Refusal)
		}
		if err := p.Close(t.Context(), proxy.Answered{Result: ledger.NotForwarded, Left: true}); err != nil {
			t.Fatal(err)
		}
	}
	watching := newGate(t, policy.Observe, allowing(), &book{})
	for range 2 { // both in flight
		if p := watching.Judge(t.Context(), deletionAttempt("one")); p.Refusal != nil {
			t.Error("observing refuses")
		}
	}
}

// A retry that waits for what became of the call gives its turn back meanwhile: the
// call that it waits for needs one to record its outcome.
func TestARetryThatWaitsKeepsNobodyFromRecording(t *testing.T) {
	b := &book{}
	g := newGate(t, policy.Enforce, allowing(), b)
	first := g.Judge(t.Context(), deletionAttempt("one"))
	if first.Refusal != nil {
		t.Fatal(first.Refusal)
	}
	turn := make(chan struct{}, 1) // as proxy's turns: one body of this size at a time
	retry := deletionAttempt("one")
	waits := make(chan struct{})
	retry.Pause = func() func() {
		<-turn
		close(waits)
		return func() { turn <- struct{}{} }
	}
	turn <- struct{}{}
	told := make(chan proxy.Permit, 1)
	go func() { told <- g.Judge(t.Context(), retry) }()
	select {
	case <-waits:
	case <-time.After(5 * time.Second):
		t.Fatal("the retry waits and keeps its turn: the outcome can never be recorded")
	}
	turn <- struct{}{}
	if err := first.Close(t.Context(), proxy.Answered{Result: ledger.Succeeded, Status: 200}); err != nil {
		t.Fatal(err)
	}
	<-turn
	if p := <-told; p.Refusal == nil || p.DecisionID != first.DecisionID {
		t.Errorf("%+v", p)
	}
}
