package inbox

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Inbox {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func dana(t *testing.T) (ssh.Signer, *intent.Set) {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return signer, &intent.Set{Actors: []*intent.Actor{{Name: "dana", Kind: "human", Identify: []intent.Identity{{SSH: line}}}}}
}

// held is a decision of a run that waits for dana.
func held(id, run, operation string) policy.Decision {
	return policy.Decision{ID: "dec_" + id, At: noon, Verdict: policy.Hold,
		Action: model.Action{Actor: model.Actor{ID: "bot"}, Run: run, Service: "ec2", Operation: operation, Verb: model.Delete},
		Needs:  []policy.Need{{Grant: "shop/x", From: "dana", People: []string{"dana"}, Count: 1, Within: time.Hour}}}
}

func answer(t *testing.T, b *Inbox, r approval.Request, what string) {
	t.Helper()
	signer, set := dana(t)
	ticket, err := r.Ticket(what, "dana", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := approval.Sign(ticket, signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Answer(t.Context(), signed, set, noon); err != nil {
		t.Fatal(err)
	}
}

func hold(t *testing.T, b *Inbox, d policy.Decision) approval.Request {
	t.Helper()
	r, err := b.Hold(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheHoldsOfARunAreOneRequest(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	first := hold(t, b, held("1", "run_1", "A"))
	second := hold(t, b, held("2", "run_1", "B"))
	if second.ID != first.ID || len(second.Items) != 2 {
		t.Errorf("%+v", second)
	}
	if again := hold(t, b, held("3", "run_2", "A")); again.ID != first.ID || len(again.Items) != 2 {
		t.Errorf("the same command, run again, asks again: %+v", again)
	}
	if other := hold(t, b, held("4", "run_2", "C")); other.ID == first.ID {
		t.Error("another run's action is in the request")
	}
	answer(t, b, second, approval.Yes)
	if later := hold(t, b, held("5", "run_1", "D")); later.ID == first.ID {
		t.Error("what was approved has grown")
	}
}

// Approvals are exact in scope, single-use, and expire: of two that want one at
// the same time, in two processes, one gets it.
func TestAnApprovalIsUsedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	b, other := open(t, path), open(t, path)
	d := held("1", "run_1", "A")
	answer(t, b, hold(t, b, d), approval.Yes)
	_, set := dana(t)
	scope := policy.Scope(d.Action)
	given, no, err := other.Given(t.Context(), scope, set, noon)
	if err != nil || no != nil || len(given) != 1 || given[0].By != "dana" || given[0].Scope != scope {
		t.Fatalf("%+v %v %v", given, no, err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for i := range 8 {
		wg.Go(func() {
			signed, err := []*Inbox{b, other}[i%2].Claim(context.Background(), given, "dec_"+string(rune('a'+i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && len(signed) == 1:
				got++
			case !errors.Is(err, approval.ErrUsed):
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if got != 1 {
		t.Errorf("the approval was used %d times", got)
	}
	if left, _, err := b.Given(t.Context(), scope, set, noon); err != nil || len(left) != 0 {
		t.Errorf("it can be used again: %+v %v", left, err)
	}
	if next := hold(t, b, held("9", "run_1", "A")); next.ID == "req_1" {
		t.Error("the next same call is in the request that was used up")
	}
}

func TestANoIsNotAskedAgain(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	d := held("1", "run_1", "A")
	r := hold(t, b, d)
	answer(t, b, r, approval.No)
	_, set := dana(t)
	given, no, err := b.Given(t.Context(), policy.Scope(d.Action), set, noon)
	if err != nil || len(given) > 0 || no == nil || no.By != "dana" {
		t.Errorf("%+v %+v %v", given, no, err)
	}
	if again, err := b.Hold(t.Context(), held("2", "run_2", "A")); !errors.Is(err, approval.ErrDenied) || again.ID != r.ID {
		t.Errorf("%+v %v", again, err)
	}
	later := held("3", "run_2", "A")
	later.At = noon.Add(approval.Waits)
	if again := hold(t, b, later); again.ID == r.ID {
		t.Error("it can never be asked again")
	}
}

// What stands in the file is not believed: whoever can write it has no key.
func TestTheFileIsNotTrusted(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	d := held("1", "run_1", "A")
	r := hold(t, b, d)
	answer(t, b, r, approval.Yes)
	_, set := dana(t)
	scope := policy.Scope(d.Action)
	for name, change := range map[string]string{
		"a changed ticket":    `UPDATE ticket SET body = CAST(replace(CAST(body AS TEXT), 'dec_', 'dec-') || ' ' AS BLOB)`,
		"another signature":   `UPDATE ticket SET signature = 'x'`,
		"a ticket of nothing": `UPDATE ticket SET body = x'7b7d'`,
	} {
		tx, err := b.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(change); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if given, _, err := b.Given(t.Context(), scope, set, noon); err != nil || len(given) != 0 {
			t.Errorf("%s: %+v %v", name, given, err)
		}
	}
	if given, _, err := b.Given(t.Context(), scope, nil, noon); err != nil || len(given) != 0 {
		t.Errorf("with nobody declared: %+v %v", given, err)
	}
}

func TestOpenRequestsAreBounded(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	tx, err := b.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxOpen {
		d := held("x", "run", "A")
		r := approval.Request{ID: "req_" + string(rune('A'+i)), Run: "other", Opened: noon, Expires: noon.Add(approval.Waits), Items: []approval.Item{approval.NewItem(d)}}
		r.Items[0].Scope = r.ID
		if err := save(t.Context(), tx, r, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Hold(t.Context(), held("1", "run_1", "B")); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	old := held("2", "run_1", "B")
	old.At = noon.Add(approval.Waits + kept + time.Hour)
	hold(t, b, old)
	if all, err := b.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d requests are kept: %v", len(all), err)
	}
}

// One actor's questions leave room for those of others.
func TestNoActorFillsTheInbox(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
	ask := func(actor string, i int) error {
		d := held(fmt.Sprint(i), "", fmt.Sprint("B", i))
		d.Action.Actor.ID = actor
		_, err := b.Hold(t.Context(), d)
		return err
	}
	for i := range maxOpenOfOne {
		if err := ask("agent:mallory", i); err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	if err := ask("agent:mallory", maxOpenOfOne); !errors.Is(err, ErrMany) {
		t.Errorf("one more: %v", err)
	}
	if err := ask("agent:alice", maxOpenOfOne+1); err != nil {
		t.Errorf("another's: %v", err)
	}
}

// A no holds until its request expires, a yes until it ends itself: after that neither
// is an answer to what is asked anew.
func TestAnAnswerIsNoneAfterItsTime(t *testing.T) {
	_, set := dana(t)
	for what, ends := range map[string]time.Duration{approval.No: approval.Waits, approval.Yes: time.Hour} {
		b := open(t, filepath.Join(t.TempDir(), "inbox.db"))
		d := held("1", "run_1", "A")
		answer(t, b, hold(t, b, d), what)
		for after, want := range map[time.Duration]bool{ends - time.Second: true, ends: false} {
			yes, no, err := b.Given(t.Context(), policy.Scope(d.Action), set, noon.Add(after))
			if err != nil || (len(yes) > 0 || no != nil) != want {
				t.Errorf("%s, %s later: %+v %+v %v", what, after, yes, no, err)
			}
		}
	}
}
