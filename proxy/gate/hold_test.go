package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
	"github.com/assent-iom/assent/proxy"
)

const ticket = "a signed ticket"

// desk is an inbox in memory.
type desk struct {
	mu      sync.Mutex
	asked   []policy.Decision
	given   []policy.Approval
	prior   policy.Prior
	no      *approval.Ticket
	claimed int
	onHold  func() // called when something is held
}

func (d *desk) Hold(_ context.Context, held policy.Decision) (approval.Request, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, held)
	if d.onHold != nil {
		d.onHold()
	}
	return approval.Request{ID: "req_1", Items: []approval.Item{approval.NewItem(held)}}, nil
}

func (d *desk) Given(context.Context, string) ([]policy.Approval, *approval.Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.given, d.no, nil
}

func (d *desk) Prior(context.Context, string, string) (policy.Prior, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.prior, nil
}

func (d *desk) Claim(_ context.Context, all []policy.Approval, _ string) (signed []approval.Signed, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(all) > 0 && d.claimed > 0 {
		return nil, approval.ErrUsed
	}
	for range all {
		d.claimed++
		signed = append(signed, approval.Signed{Ticket: []byte(ticket)})
	}
	return signed, nil
}

func (d *desk) approve() {
	sum := sha256.Sum256([]byte(ticket))
	d.given = []policy.Approval{{ID: "sha256:" + hex.EncodeToString(sum[:]), Request: "req_1", By: "dana"}}
}

// heldUntilApproved holds what nobody has approved.
type heldUntilApproved struct{}

func (heldUntilApproved) Decide(_ context.Context, a model.Action, _ model.Snapshot, m policy.Mode, at time.Time, id string, approvals ...policy.Approval) policy.Decision {
	d := policy.Decision{ID: id, Mode: m, At: at, Action: a, Verdict: policy.Allow, Grant: "shop/x", Approvals: approvals}
	if len(approvals) == 0 {
		d.Verdict, d.Findings = policy.Hold, []policy.Finding{{Code: "AS2008", Title: "it waits", Why: "w", Repair: "r", Verdict: policy.Hold}}
	}
	return d
}

func holdingGate(t *testing.T, h Holds, b *book, wait time.Duration) *Gate {
	t.Helper()
	g, err := New(Config{
		Decider: heldUntilApproved{}, Ledger: b, Mode: policy.Enforce, Holds: h, Wait: wait,
		Snapshot: func() model.Snapshot { return nil },
		Message:  func(d policy.Decision) string { return d.Verdict.String() + " " + d.Request },
		Now:      func() time.Time { return time.Unix(1_800_000_000, 0) },
		Rand:     rand.NewChaCha8([32]byte{1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func deletion() proxy.Asked { return ask(stub{decode: action(model.Delete)}) }

func TestAHeldCallGoesOnWhenItIsApproved(t *testing.T) {
	h, b := &desk{}, &book{}
	h.onHold = h.approve
	paused, resumed := 0, 0
	in := deletion()
	in.Pause = func() func() { paused++; return func() { resumed++ } }
	p := holdingGate(t, h, b, time.Minute).Judge(t.Context(), in)
	if p.Refusal != nil || b.kinds() != "approval change-decision" || paused != 1 || resumed != 1 {
		t.Fatalf("%+v, recorded %q, paused %d, resumed %d", p.Refusal, b.kinds(), paused, resumed)
	}
	for _, e := range b.entries {
		if !strings.Contains(string(e.Statement), "dana") {
			t.Errorf("%s does not say who approved: %s", e.Kind, e.Statement)
		}
	}
	if again := holdingGate(t, h, b, 0).Judge(t.Context(), in); again.Refusal == nil {
		t.Error("the approval was used twice")
	}
}

func TestAHeldCallIsRefusedWhenNobodyAnswers(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	h := &desk{onHold: leave}
	for name, c := range map[string]struct {
		ctx  context.Context
		wait time.Duration
	}{"it may not wait": {t.Context(), 0}, "its client leaves": {left, time.Hour}, "its time is over": {t.Context(), time.Millisecond}} {
		b := &book{}
		p := holdingGate(t, h, b, c.wait).Judge(c.ctx, deletion())
		if p.Refusal == nil || p.Refusal.Message != "hold req_1" || b.kinds() != "change-decision" {
			t.Errorf("%s: %+v, recorded %q", name, p.Refusal, b.kinds())
		}
	}
}

func TestANoRefusesTheCallThatWaits(t *testing.T) {
	h, b := &desk{}, &book{}
	h.onHold = func() { h.no = &approval.Ticket{Request: "req_1", By: "dana", Reason: "not today"} }
	p := holdingGate(t, h, b, time.Minute).Judge(t.Context(), deletion())
	if p.Refusal == nil || p.Refusal.Message != "deny req_1" || !strings.Contains(string(b.entries[0].Statement), "not today") {
		t.Errorf("%+v", p.Refusal)
	}
}

// An approval is asked for again, and used, on every retry: it is no answer that
// the denials remember.
func TestAHeldCallIsNotRememberedAsRefused(t *testing.T) {
	h, b := &desk{}, &book{}
	g := holdingGate(t, h, b, 0)
	in := deletion()
	in.Call.Header.Set("Amz-Sdk-Invocation-Id", "one")
	if p := g.Judge(t.Context(), in); p.Refusal == nil {
		t.Fatal("it passed")
	}
	h.approve()
	if p := g.Judge(t.Context(), in); p.Refusal != nil {
		t.Errorf("the retry does not see the approval: %+v", p.Refusal)
	}
}

func TestEveryClientIsHeldNoLongerThanItWaits(t *testing.T) {
	for ua, want := range map[string]struct {
		wait  time.Duration
		beats bool
	}{
		"aws-cli/2.31 md/awscrt": {time.Hour, true}, "Boto3/1.43 md/Botocore": {time.Hour, true},
		"kubectl/v1.34.1 (linux/amd64)": {time.Hour, false}, "aws-sdk-go-v2/1.41": {time.Hour, false},
		"APN/1.0 HashiCorp/1.0 Terraform/1.11.4": {time.Hour, false}, "curl/8.5": {unknownPatience, false}, "": {unknownPatience, false},
	} {
		if wait, beats := patience(ua, time.Hour); wait != want.wait || beats != want.beats {
			t.Errorf("%q: %s %v", ua, wait, beats)
		}
	}
	if wait, _ := patience("curl", time.Second); wait != time.Second {
		t.Errorf("longer than allowed: %s", wait)
	}
}
