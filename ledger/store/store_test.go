package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	sumdb "golang.org/x/mod/sumdb/tlog"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func config(dir string) Config {
	return Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader}
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func decision(id string, v policy.Verdict) policy.Decision {
	return policy.Decision{
		ID: id, At: at, Verdict: v,
		Action: model.Action{
			ID: id, At: at, Run: "run_1", Actor: model.Actor{ID: "ann", Kind: model.Human},
			Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create,
			Targets: []model.Target{{URN: model.URN("arn:aws:s3:::" + id), Type: "s3:bucket", Role: model.RoleCreated}},
			Params:  []byte(`{"Bucket":"` + id + `"}`),
		},
	}
}

func decide(t testing.TB, d policy.Decision) ledger.Entry {
	t.Helper()
	statement, err := ledger.DecisionStatement(d)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Entry{Kind: ledger.KindDecision, Key: d.ID, Run: d.Action.Run, Statement: statement}
}

func conclude(t testing.TB, d policy.Decision, of ledger.Receipt, result string) ledger.Entry {
	t.Helper()
	statement, err := ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Of: of, Result: result, CompletedAt: at}, d)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Run: d.Action.Run, Statement: statement}
}

func appendOK(t testing.TB, s *Store, e ledger.Entry) ledger.Receipt {
	t.Helper()
	r, err := s.Append(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLaw1AppendReturnsOnlyWhenTheEntryIsThereForOthers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	reader, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			d := decision(fmt.Sprintf("dec_%d", i), policy.Deny)
			r, err := s.Append(t.Context(), decide(t, d))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := reader.Get(t.Context(), r.Index)
			if err != nil || got.Key != d.ID || got.LeafHash != r.LeafHash || got.Run != "run_1" || !got.At.Equal(at) {
				t.Errorf("entry %d: %+v, %v", r.Index, got, err)
			}
		})
	}
	wg.Wait()
	if n := reader.Size(); n != 33 {
		t.Errorf("size %d", n)
	}
	if _, err := reader.Append(t.Context(), ledger.Entry{}); err == nil {
		t.Error("a read-only ledger took an entry")
	}
	if _, err := reader.Get(t.Context(), 99); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("beyond the end: %v", err)
	}
}

func TestLaw1AFailedLogTakesNothingMore(t *testing.T) {
	s := open(t, t.TempDir())
	// a full disk, as SQLite sees it
	if _, err := s.write.conn.ExecContext(t.Context(), `PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err)
	}
	var first error
	for i := 0; first == nil && i < 200; i++ {
		_, first = s.Append(t.Context(), decide(t, decision(fmt.Sprintf("dec_%d", i), policy.Allow)))
	}
	if first == nil {
		t.Fatal("the disk was never full")
	}
	if _, err := s.write.conn.ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), decide(t, decision("dec_later", policy.Allow))); err == nil {
		t.Error("the log went on after a failed write")
	}
}

func TestAFullQueueIsAnErrorNotAWait(t *testing.T) {
	s := &Store{queue: make(chan *request, 1)}
	if err := s.enqueue(&request{}); err != nil {
		t.Fatal(err)
	}
	if err := s.enqueue(&request{}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyWhatFitsTogetherIsAccepted(t *testing.T) {
	s := open(t, t.TempDir())
	allow, deny := decision("dec_a", policy.Allow), decision("dec_d", policy.Deny)
	of := appendOK(t, s, decide(t, allow))
	ofDeny := appendOK(t, s, decide(t, deny))
	elsewhere := of
	elsewhere.Index++
	otherLeaf := of
	otherLeaf.LeafHash[0]++
	misfiled := decide(t, decision("dec_x", policy.Allow))
	misfiled.Key = "dec_y"
	for _, tt := range []struct {
		name  string
		entry ledger.Entry
	}{
		{"a decision twice", decide(t, allow)},
		{"an outcome at another index", conclude(t, allow, elsewhere, ledger.Succeeded)},
		{"an outcome of another leaf", conclude(t, allow, otherLeaf, ledger.Succeeded)},
		{"an outcome of a refusal", conclude(t, deny, ofDeny, ledger.Succeeded)},
		{"an entry under another key", misfiled},
		{"no statement", ledger.Entry{Kind: ledger.KindDecision}},
		{"too long", ledger.Entry{Kind: ledger.KindDoor, Statement: make([]byte, ledger.MaxStatement+1)}},
	} {
		if _, err := s.Append(t.Context(), tt.entry); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	appendOK(t, s, conclude(t, allow, of, ledger.Succeeded))
	if _, err := s.Append(t.Context(), conclude(t, allow, of, ledger.Failed)); err == nil {
		t.Error("a second outcome was accepted")
	}
	got, err := s.Find(t.Context(), "dec_a")
	if err != nil || len(got) != 2 || got[0].Kind != ledger.KindDecision || got[1].Kind != ledger.KindOutcome {
		t.Errorf("found %v, %v", got, err)
	}
	if n := s.Size(); n != 4 {
		t.Errorf("size %d: what was refused took a place", n)
	}
}

func TestOpenDecisionsOfTheDeadBecomeUnknownAndOfTheLivingStay(t *testing.T) {
	dir := t.TempDir()
	dead, alive := open(t, dir), open(t, dir)
	appendOK(t, dead, decide(t, decision("dec_dead", policy.Allow)))
	of := appendOK(t, alive, decide(t, decision("dec_alive", policy.Allow)))
	dead.session.file.Close() // what the kernel does when a process dies

	third := open(t, dir)
	got, err := third.Find(t.Context(), "dec_dead")
	if err != nil || len(got) != 2 {
		t.Fatalf("found %d entries, %v", len(got), err)
	}
	o, err := ledger.ParseOutcome(got[1].Envelope)
	if err != nil || o.Result != ledger.Unresolved || o.Reason != "restart" || o.Of.Index != got[0].Index {
		t.Errorf("outcome %+v, %v", o, err)
	}
	if got, _ := third.Find(t.Context(), "dec_alive"); len(got) != 1 {
		t.Error("a living process's decision was closed")
	}
	appendOK(t, alive, conclude(t, decision("dec_alive", policy.Allow), of, ledger.Succeeded))
}

func TestCloseLeavesNothingOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	appendOK(t, s, decide(t, decision("dec_a", policy.Allow)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), decide(t, decision("dec_b", policy.Allow))); err == nil {
		t.Error("a closed ledger took an entry")
	}
	got, err := open(t, dir).Find(t.Context(), "dec_a")
	if err != nil || len(got) != 2 {
		t.Fatalf("found %d entries, %v", len(got), err)
	}
	if o, err := ledger.ParseOutcome(got[1].Envelope); err != nil || o.Reason != "shutdown" {
		t.Errorf("outcome %+v, %v", o, err)
	}
}

func TestWhoLeavesEarlyLeavesNoOpenDecision(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	// the writer is held up by another process's lock while the caller waits
	other := open(t, dir)
	if _, err := other.write.begin.ExecContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	r, err := s.request(decide(t, decision("dec_a", policy.Allow)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.enqueue(r); err != nil {
		t.Fatal(err)
	}
	go func() { // Append's own waiting, with the request in hand
		for r.state.Load() != taken {
		}
		leave()
		<-ctx.Done()
		if !r.state.CompareAndSwap(taken, orphaned) {
			left <- errors.New("answered already")
		}
		left <- nil
	}()
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	if _, err := other.write.rollback.ExecContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-r.done
	s.stop()
	got, err := other.Find(t.Context(), "dec_a")
	if err != nil || len(got) != 2 {
		t.Fatalf("found %d entries, %v", len(got), err)
	}
	if o, err := ledger.ParseOutcome(got[1].Envelope); err != nil || o.Result != ledger.NotForwarded {
		t.Errorf("outcome %+v, %v", o, err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestARestoredOldDatabaseIsNotGoneOnFrom(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, Database)
	s := open(t, dir)
	appendOK(t, s, decide(t, decision("dec_a", policy.Deny)))
	s.Close()
	copyFile(t, db, db+".backup")
	s = open(t, dir)
	appendOK(t, s, decide(t, decision("dec_b", policy.Deny)))
	s.Close()
	copyFile(t, db+".backup", db)
	_, err := Open(t.Context(), config(dir))
	if !errors.Is(err, ErrRolledBack) || !strings.Contains(err.Error(), "repair:") {
		t.Errorf("got %v", err)
	}
}

func TestKeyOfAnOldLogIsNeverMadeAnew(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	if _, err := Open(t.Context(), Config{Dir: dir, Origin: "example.org/other", Now: time.Now, Rand: rand.Reader}); err == nil {
		t.Error("another name was accepted")
	}
	key := filepath.Join(dir, KeyFile)
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "repair:") {
		t.Errorf("without its key: %v", err)
	}
	copyFile(t, filepath.Join(seedKey(t), KeyFile), key)
	if _, err := Open(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "put that key back") {
		t.Errorf("with another key: %v", err)
	}
}

func seedKey(t *testing.T) string {
	dir := t.TempDir()
	open(t, dir).Close()
	return dir
}

func TestLaw10ProofsHoldForTheGoSumdbCode(t *testing.T) {
	s := open(t, t.TempDir())
	var last ledger.Receipt
	for i := range 20 {
		last = appendOK(t, s, decide(t, decision(fmt.Sprintf("dec_%d", i), policy.Deny)))
	}
	signed, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(s.VKey())
	if err != nil {
		t.Fatal(err)
	}
	cp, err := tlog.OpenCheckpoint(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{0, 7, last.Index} {
		proof, err := s.Prove(t.Context(), index, cp.Size)
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Get(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		var theirs sumdb.RecordProof
		for _, h := range proof {
			theirs = append(theirs, sumdb.Hash(h))
		}
		if err := sumdb.CheckRecord(theirs, int64(cp.Size), sumdb.Hash(cp.Root), int64(index), sumdb.RecordHash(e.Envelope)); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
}
