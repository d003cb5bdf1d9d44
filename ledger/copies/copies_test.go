package copies

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

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// book is a ledger.
type book struct {
	*store.Store
	t   *testing.T
	dir string
	n   int
}

func newBook(t *testing.T) *book {
	b := &book{t: t, dir: t.TempDir()}
	b.open()
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *book) open() {
	b.t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: b.dir, Now: func() time.Time { return at }, Rand: rand.Reader})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Store = s
}

func (b *book) append(kind ledger.Kind, key, run string, statement []byte, err error) {
	b.t.Helper()
	if err == nil {
		_, err = b.Append(b.t.Context(), ledger.Entry{Kind: kind, Key: key, Run: run, Statement: statement})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *book) decide(times int) {
	b.t.Helper()
	for range times {
		b.n++
		id := fmt.Sprintf("dec_%s_%d", b.Origin()[len(b.Origin())-4:], b.n)
		statement, err := ledger.DecisionStatement(policy.Decision{ID: id, At: at.Add(time.Duration(b.n) * time.Second), Verdict: policy.Deny,
			Action: model.Action{ID: id, At: at, Run: "run_1", Actor: model.Actor{ID: "ann", Kind: model.Human}, Platform: "aws", Service: "s3", Operation: "DeleteBucket", Verb: model.Delete}})
		b.append(ledger.KindDecision, id, "run_1", statement, err)
	}
}

func (b *book) beat(when time.Time, last bool) {
	b.t.Helper()
	e, err := ledger.HeartbeatEntry(ledger.Heartbeat{Process: "p", Started: at, At: when, Every: time.Minute, Last: last, Intent: "none", Mode: policy.Enforce})
	b.append(e.Kind, e.Key, e.Run, e.Statement, err)
}

// the copy is the ledger, byte by byte.
func (b *book) copied(db DB, want uint64) {
	b.t.Helper()
	var n uint64
	err := Open(db, b.Origin()).Scan(b.t.Context(), 0, func(s ledger.Stored) bool {
		have, err := b.Get(b.t.Context(), n)
		if err != nil || s.Index != n || string(have.Envelope) != string(s.Envelope) || have.LeafHash != s.LeafHash || have.Key != s.Key || have.Run != s.Run || have.Kind != s.Kind || !have.At.Equal(s.At) {
			b.t.Errorf("entry %d: %+v is copied as %+v, %v", n, have, s, err)
		}
		n++
		return err == nil
	})
	if err != nil || n != want {
		b.t.Errorf("%d entries are copied, want %d: %v", n, want, err)
	}
	if covered, err := Check(b.t.Context(), db, b.Origin(), b.VKey()); err != nil || covered != want {
		b.t.Errorf("a head of %d entries, want %d: %v", covered, want, err)
	}
}

// Copies of many ledgers are beginnings of them, whoever copies at once.
func TestACopyIsABeginningOfItsLedger(t *testing.T) {
	server := pgtest.Start(t)
	db := connect(t, server.Database(t))
	if all, err := Fleet(t.Context(), db, at); err != nil || len(all) != 0 {
		t.Errorf("nothing is copied: %v %v", all, err)
	}
	one, two := newBook(t), newBook(t)
	one.decide(batch + 40) // more than a batch
	two.decide(3)
	var all sync.WaitGroup
	for _, b := range []*book{one, two, one, one} {
		all.Go(func() {
			if err := Copy(t.Context(), db, b); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	one.copied(db, batch+41)
	two.copied(db, 4)

	// The key changes; the copy goes on.
	if _, _, err := store.Rotate(t.Context(), store.Config{Dir: two.dir, Now: func() time.Time { return at }, Rand: rand.Reader}, ledger.Rotation{By: "dana", Reason: "yearly"}); err != nil {
		t.Fatal(err)
	}
	two.decide(2)
	if err := Copy(t.Context(), db, two); err != nil {
		t.Error(err)
	}
	two.copied(db, 7)
}

// A ledger that is another than what was copied is not copied on.
func TestALedgerThatWasRolledBackIsNotCopiedOn(t *testing.T) {
	db := connect(t, pgtest.Start(t).Database(t))
	b := newBook(t)
	b.decide(2)
	b.Close()
	before := t.TempDir()
	if err := os.CopyFS(before, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(before, store.KeyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.decide(2)
	if err := Copy(t.Context(), db, b); err != nil {
		t.Fatal(err)
	}
	// Put back, with what remembers it deleted.
	b.Close()
	b.dir = before
	if err := os.Remove(filepath.Join(before, store.MarkFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	b.open()
	b.n = 100
	for range 3 {
		if err := Copy(t.Context(), db, b); !errors.Is(err, ErrOther) {
			t.Errorf("another history of %d entries: %v", b.Size(), err)
		}
		b.decide(1)
	}
}

// What was changed in the database shows.
func TestACopyThatWasChangedShows(t *testing.T) {
	db := connect(t, pgtest.Start(t).Database(t))
	b := newBook(t)
	b.decide(5)
	if err := Copy(t.Context(), db, b); err != nil {
		t.Fatal(err)
	}
	other := newBook(t)
	if _, err := Check(t.Context(), db, b.Origin(), other.VKey()); err == nil {
		t.Error("another ledger's key")
	}
	for what, change := range map[string]string{
		"a byte":                   `UPDATE assent_entry SET envelope = set_byte(envelope, 200, get_byte(envelope, 200) # 1) WHERE idx = 3`,
		"a byte and its hash":      `UPDATE assent_entry SET envelope = 'x', leaf = sha256('\x00'::bytea || 'x'::bytea) WHERE idx = 3`,
		"an entry is missing":      `DELETE FROM assent_entry WHERE idx = 3`,
		"the last ones are gone":   `DELETE FROM assent_entry WHERE idx >= 3`,
		"two changed their places": `UPDATE assent_entry SET idx = CASE idx WHEN 2 THEN 30 ELSE idx END`,
		"the head":                 `UPDATE assent_ledger SET head = replace(head, E'\n6\n', E'\n5\n')`,
	} {
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if tag, err := tx.Exec(t.Context(), change); err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%s: %v %v", what, tag, err)
		}
		if covered, err := Check(t.Context(), tx, b.Origin(), b.VKey()); err == nil {
			t.Errorf("%s: %d entries are fine", what, covered)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.copied(db, 6)
}

// A proxy that is missing shows; one that ended in order is not missed.
func TestAMissingProxyShows(t *testing.T) {
	db := connect(t, pgtest.Start(t).Database(t))
	there, ended, missing, none := newBook(t), newBook(t), newBook(t), newBook(t)
	now := at.Add(time.Hour)
	there.beat(now.Add(-2*time.Minute), false)
	ended.beat(at, false)
	ended.beat(at.Add(time.Minute), true)
	missing.beat(now.Add(-4*time.Minute), false)
	for _, b := range []*book{there, ended, missing, none} {
		if err := Copy(t.Context(), db, b); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Fleet(t.Context(), db, now)
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v %v", all, err)
	}
	for _, m := range all {
		want := map[string][3]bool{there.Origin(): {true, false, false}, ended.Origin(): {true, false, true}, missing.Origin(): {true, true, false}, none.Origin(): {}}[m.Origin]
		if got := [3]bool{m.Beat != nil, m.Silent, m.Ended}; got != want {
			t.Errorf("%+v: %v, want %v", m, got, want)
		}
	}
}

// A database that is away is waited for, and nobody waits with it.
func TestACopyGoesOnWhenTheDatabaseIsBack(t *testing.T) {
	server := pgtest.Start(t)
	db := connect(t, server.Database(t))
	b := newBook(t)
	var mu sync.Mutex
	var said []string
	server.Down(t)
	f := Follow(db, b, func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf("%s: %v", what, err))
	})
	wait := func(what string, f func() bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %v", what, said)
			}
		}
	}
	wait("it is away", func() bool { mu.Lock(); defer mu.Unlock(); return len(said) > 0 })
	b.decide(5)
	server.Up(t)
	wait("it is back", func() bool {
		all, err := Fleet(t.Context(), db, at)
		return err == nil && len(all) == 1 && all[0].Entries == 6
	})
	f.Stop()
	b.copied(db, 6)
	if len(said) != 1 || strings.Contains(said[0], pgtest.Password) {
		t.Errorf("said: %q", said)
	}
}
