package evidence

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// A pack with no entry in it says that nothing was done: it shows that of no period.
func TestAPackWithoutEntriesShowsNothing(t *testing.T) {
	b := filled(t)
	whole := &builder{log: b, dir: filepath.Join(t.TempDir(), "pack"), params: month("soc2"), digests: map[string][32]byte{}}
	ctx := context.Background()
	if err := whole.span(ctx); err != nil {
		t.Fatal(err)
	}
	kept, err := b.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := whole.close(ctx, b.Size()); err != nil {
		t.Fatal(err)
	}
	whole.head.First, whole.head.End = whole.head.Size, whole.head.Size
	whole.opening, whole.head.Opening = nil, 0
	if _, err := whole.build(ctx); err != nil {
		t.Fatal(err)
	}
	if r := checked(t, whole.dir, verify.Options{VKey: b.VKey(), Since: kept}); r.Kind != verify.Tampered {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
}

// A proxy that fell silent in a period and came back after it was not there at its end.
func TestSilenceUpToTheEndOfAPeriodIsAGap(t *testing.T) {
	b := newBook(t)
	beat := func(at time.Time) {
		b.now = at
		b.append(ledger.HeartbeatEntry(ledger.Heartbeat{Process: "p", Started: start.AddDate(0, 0, -1), At: at, Every: 24 * time.Hour}))
	}
	for day := -2; day < 10; day++ {
		beat(start.AddDate(0, 0, day).Add(time.Hour))
		b.decide(policy.Allow, ledger.Succeeded)
	}
	beat(end.AddDate(0, 0, 5))
	_, pack := build(t, b, month("soc2"))
	silent := start.AddDate(0, 0, 11).Add(time.Hour)
	if len(pack.Gaps) != 1 || !pack.Gaps[0].From.Equal(silent) || !pack.Gaps[0].To.Equal(end) {
		t.Errorf("%+v", pack.Gaps)
	}
}

// The page is what its formats say.
func TestThePageHasNoFormatLeftInIt(t *testing.T) {
	dir, _ := build(t, filled(t), month("soc2"))
	if page := tree(t, dir)["index.html"]; strings.Contains(page, "%!") {
		t.Error(page[strings.Index(page, "%!"):][:80])
	}
}

// A pack is the same pack by another name; what is in it is files, and no pipe that
// somebody would have to write into.
func TestAPackIsAFolderOfPlainFiles(t *testing.T) {
	b := filled(t)
	dir, _ := build(t, b, month("soc2"))
	link := filepath.Join(t.TempDir(), "q4")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err) // not everybody may, on Windows
	}
	if r := checked(t, link, verify.Options{VKey: b.VKey()}); r.Kind != verify.OK {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
	page := filepath.Join(dir, "index.html")
	if err := os.Rename(page, link+".html"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(link+".html", page); err != nil {
		t.Fatal(err)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey()}); r.Kind != verify.Tampered {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
}

// A change that broken glass let through is no declared one, and one that never left is
// none that failed: every change is counted as one thing.
func TestEveryChangeIsCountedAsOneThing(t *testing.T) {
	b := newBook(t)
	b.now = start
	b.decide(policy.Allow, ledger.NotForwarded)
	b.decide(policy.Allow, ledger.Succeeded)
	b.now = b.now.Add(time.Hour)
	ticket := "alice breaks the glass of prod"
	o := policy.Override{ID: fmt.Sprintf("sha256:%x", digest([]byte(ticket))), Environment: "prod", Actor: "deploy", By: "alice", At: b.now, Expires: b.now.Add(time.Hour), Reason: "on fire"}
	d := policy.Decision{ID: "dec_glass", At: b.now, Verdict: policy.Allow, Grant: "break-glass prod", Overrides: []policy.Override{o}, Basis: policy.Basis{Intent: "sha256:00"},
		Action: model.Action{ID: "dec_glass", At: b.now, Platform: "aws", Service: "s3", Operation: "DeleteBucket", Verb: model.Delete, Actor: model.Actor{ID: "deploy"}}}
	for _, e := range []ledger.Override{
		{Override: o, At: b.now, ReviewDue: end, Ticket: ticket, Signature: "sig"},
		{Override: o, At: b.now, Decision: d.ID, Ticket: ticket, Signature: "sig"},
	} {
		b.append(ledger.OverrideEntry(e))
	}
	s, err := ledger.DecisionStatement(d)
	r := b.append(ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Statement: s}, err)
	s, err = ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Of: r, Result: ledger.Succeeded, CompletedAt: b.now}, d)
	b.append(ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Statement: s}, err)
	b.append(ledger.OverrideEntry(ledger.Override{Override: o, At: b.now, Finding: "justified", Reviewer: "bob", Ticket: "review", Signature: "sig"}))
	dir, pack := build(t, b, month("dora"))
	f := pack.Facts()
	if f.Changes != 3 || f.Declared != 2 || f.Emergency != 1 || f.Undeclared != 0 || f.Succeeded != 2 || f.Unsent != 1 || pack.Reviews != 1 {
		t.Errorf("%+v, %d reviews", f, pack.Reviews)
	}
	files := tree(t, dir)
	if page := files["index.html"]; !strings.Contains(page, "in an emergency: the glass was broken by alice") {
		t.Error("the page does not show it as an exception")
	}
	if !strings.Contains(files["controls.json"], "1 emergency changes; 1 reviews of broken glass") {
		t.Error(files["controls.json"])
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey()}); r.Kind != verify.OK {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
}

// Whoever makes a pack cannot choose among later checkpoints for the samples that they like.
func TestNobodyChoosesTheSamples(t *testing.T) {
	b := filled(t)
	ctx := context.Background()
	drawn := map[string]bool{}
	for later := range uint64(3) {
		w := &builder{log: b, dir: filepath.Join(t.TempDir(), "pack"), params: month("soc2"), digests: map[string][32]byte{}}
		if err := w.span(ctx); err != nil {
			t.Fatal(err)
		}
		if err := w.close(ctx, w.head.End+later); err != nil {
			t.Fatal(err)
		}
		pack, err := w.build(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r := checked(t, w.dir, verify.Options{VKey: b.VKey()}); r.Kind == verify.OK {
			drawn[pack.Seed] = true
		}
	}
	if len(drawn) != 1 {
		t.Errorf("%d ways to draw: %v", len(drawn), drawn)
	}
}
