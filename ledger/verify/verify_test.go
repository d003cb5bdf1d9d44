package verify_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func decision(i int) policy.Decision {
	id := fmt.Sprintf("dec_%02d", i)
	d := policy.Decision{ID: id, At: at, Action: model.Action{
		ID: id, Run: "run_1", At: at, Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create,
		Targets: []model.Target{{URN: model.URN("arn:aws:s3:::" + id), Type: "s3:bucket", Role: model.RoleCreated}},
	}}
	switch i % 3 {
	case 0:
		d.Verdict = policy.Allow
	case 1:
		d.Mode = policy.Observe // refused in words, let pass in fact
	}
	return d
}

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, s *store.Store, kind ledger.Kind, key string, statement []byte, err error) ledger.Receipt {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Append(context.Background(), ledger.Entry{Kind: kind, Key: key, Run: "run_1", Statement: statement})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func record(t testing.TB, s *store.Store, d policy.Decision) ledger.Receipt {
	statement, err := ledger.DecisionStatement(d)
	return write(t, s, ledger.KindDecision, d.ID, statement, err)
}

func conclude(t testing.TB, s *store.Store, d policy.Decision, of ledger.Receipt) {
	statement, err := ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Of: of, Result: ledger.Succeeded, Status: 200, CompletedAt: at}, d)
	write(t, s, ledger.KindOutcome, d.ID, statement, err)
}

// fill writes n decisions with their outcomes.
func fill(t testing.TB, s *store.Store, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		d := decision(i)
		of := record(t, s, d)
		if ledger.Awaits(d) {
			conclude(t, s, d, of)
		}
	}
}

// honest makes a closed ledger: genesis, 7 decisions, 5 outcomes, one refusal.
func honest(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, dir)
	fill(t, s, 0, 7)
	statement, err := ledger.DoorStatement(map[string]any{"run": "run_1", "host": "example.org", "at": at})
	write(t, s, ledger.KindDoor, "", statement, err)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func check(t testing.TB, dir string, opts verify.Options) verify.Report {
	t.Helper()
	r, err := verify.Dir(context.Background(), dir, opts)
	if (err != nil) != (r.Kind == verify.Unfinished) {
		t.Fatalf("kind %v with error %v", r.Kind, err)
	}
	return r
}

func TestAnHonestLedgerVerifies(t *testing.T) {
	dir := honest(t)
	var done uint64
	vkey, err := os.ReadFile(filepath.Join(dir, store.VKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	r := check(t, dir, verify.Options{VKey: string(vkey), Progress: func(d, _ uint64) { done = d }})
	if r.Kind != verify.OK || r.Entries != 14 || r.Verified != 14 || r.Decisions != 7 || r.Outcomes != 5 ||
		r.Checkpoints != 14 || r.Open != 0 || done != 14 || !r.Pinned || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "verified 14 of 14 entries") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestALedgerInUseIsIncompleteNotWrong(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer s.Close()
	of := record(t, s, decision(0))
	if r := check(t, dir, verify.Options{}); r.Kind != verify.Incomplete || r.Open != 1 || r.ExitCode() != 2 {
		t.Errorf("%+v", r)
	}
	conclude(t, s, decision(0), of)
	if r := check(t, dir, verify.Options{}); r.Kind != verify.OK {
		t.Errorf("%+v", r)
	}
}

func TestAMovedCopyVerifies(t *testing.T) {
	dir, to := honest(t), t.TempDir()
	for _, name := range []string{store.Database, store.VKeyFile, store.MarkFile} {
		copyFile(t, filepath.Join(dir, name), filepath.Join(to, name))
	}
	if err := os.Chmod(to, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(to, 0o700)
	if r := check(t, to, verify.Options{}); r.Kind != verify.OK {
		t.Errorf("%+v", r)
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

func TestWhatCannotBeReadIsNotPassed(t *testing.T) {
	if r := check(t, filepath.Join(t.TempDir(), "nowhere"), verify.Options{}); r.Kind != verify.Unfinished {
		t.Errorf("no directory: %v", r.Kind)
	}
	dir := honest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := verify.Dir(ctx, dir, verify.Options{}); err == nil || r.Kind != verify.Unfinished {
		t.Errorf("interrupted: %v, %v", r.Kind, err)
	}
	other, err := os.ReadFile(filepath.Join(honest(t), store.VKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if r := check(t, dir, verify.Options{VKey: string(other)}); r.Kind != verify.Untrusted {
		t.Errorf("another key: %v", r.Kind)
	}
	if err := os.Remove(filepath.Join(dir, store.VKeyFile)); err != nil {
		t.Fatal(err)
	}
	if r := check(t, dir, verify.Options{}); r.Kind != verify.Untrusted {
		t.Errorf("no key: %v", r.Kind)
	}
	dir = honest(t)
	if err := os.Remove(filepath.Join(dir, store.Database)); err != nil {
		t.Fatal(err)
	}
	if r := check(t, dir, verify.Options{}); r.Kind != verify.RolledBack {
		t.Errorf("no database: %v", r.Kind)
	}
}

func TestRollbackIsSeen(t *testing.T) {
	dir := honest(t)
	db := filepath.Join(dir, store.Database)
	copyFile(t, db, db+".old")
	s := openStore(t, dir)
	kept, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 20, 3)
	newest, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if r := check(t, dir, verify.Options{Since: kept}); r.Kind != verify.OK {
		t.Errorf("growth: %+v", r)
	}
	copyFile(t, db+".old", db)
	if r := check(t, dir, verify.Options{}); r.Kind != verify.RolledBack {
		t.Errorf("restored: %+v", r)
	}
	copyFile(t, filepath.Join(honest(t), store.MarkFile), filepath.Join(dir, store.MarkFile))
	os.Remove(filepath.Join(dir, store.MarkFile))
	if r := check(t, dir, verify.Options{}); r.Kind != verify.RolledBack {
		t.Errorf("restored, mark removed: %+v", r)
	}
	if r := check(t, dir, verify.Options{Since: newest}); r.Kind != verify.RolledBack {
		t.Errorf("restored, checkpoint kept elsewhere: %+v", r)
	}
}

// edit runs statements on a copy of an honest ledger's database.
func edit(t testing.TB, from string, statements ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{store.Database, store.VKeyFile, store.MarkFile, store.KeyFile} {
		copyFile(t, filepath.Join(from, name), filepath.Join(dir, name))
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, store.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return dir
}

func TestLaw10EveryKindOfTamperingIsCaught(t *testing.T) {
	dir := honest(t)
	for _, tt := range []struct {
		name string
		want verify.Kind
		sql  []string
	}{
		{"entry deleted", verify.Tampered, []string{`DELETE FROM entries WHERE idx = 4`}},
		{"first deleted", verify.Tampered, []string{`DELETE FROM entries WHERE idx = 0`}},
		{"last deleted", verify.Tampered, []string{`DELETE FROM entries WHERE idx = 13`}},
		{"all deleted", verify.Tampered, []string{`DELETE FROM entries`}},
		{"all and every checkpoint deleted", verify.Tampered, []string{`DELETE FROM entries`, `DELETE FROM checkpoints`}},
		{"entry deleted and the rest moved up", verify.Tampered, []string{`DELETE FROM entries WHERE idx = 4`, `UPDATE entries SET idx = idx - 100 WHERE idx > 4`, `UPDATE entries SET idx = idx + 99 WHERE idx < 0`}},
		{"two swapped", verify.Tampered, []string{`UPDATE entries SET idx = -1 WHERE idx = 3`, `UPDATE entries SET idx = 3 WHERE idx = 5`, `UPDATE entries SET idx = 5 WHERE idx = -1`}},
		{"entry copied to the end", verify.Tampered, []string{`INSERT INTO entries SELECT 14, kind, key, envelope, leaf FROM entries WHERE idx = 1`}},
		{"outcome copied to the end", verify.Tampered, []string{`INSERT INTO entries SELECT 14, kind, key, envelope, leaf FROM entries WHERE idx = 2`}},
		{"envelopes swapped with their hashes", verify.Tampered, []string{`UPDATE entries SET envelope = (SELECT envelope FROM entries WHERE idx = 3), leaf = (SELECT leaf FROM entries WHERE idx = 3) WHERE idx = 1`}},
		{"hash changed", verify.Tampered, []string{`UPDATE entries SET leaf = zeroblob(32) WHERE idx = 2`}},
		{"hash cut", verify.Tampered, []string{`UPDATE entries SET leaf = x'00' WHERE idx = 2`}},
		{"byte appended", verify.Tampered, []string{`UPDATE entries SET envelope = CAST(envelope || ' ' AS BLOB) WHERE idx = 2`}},
		{"emptied", verify.Tampered, []string{`UPDATE entries SET envelope = x'' WHERE idx = 2`}},
		{"filed under another key", verify.Tampered, []string{`UPDATE entries SET key = 'dec_77' WHERE idx = 2`}},
		{"filed as another kind", verify.Tampered, []string{`UPDATE entries SET kind = 'refused-at-door' WHERE idx = 1`}},
		{"checkpoint deleted", verify.Tampered, []string{`DELETE FROM checkpoints WHERE seq = 5`}},
		{"last checkpoint deleted", verify.Tampered, []string{`DELETE FROM checkpoints WHERE seq = 14`}},
		{"every checkpoint deleted", verify.Tampered, []string{`DELETE FROM checkpoints`}},
		{"checkpoint renumbered", verify.Tampered, []string{`UPDATE checkpoints SET seq = 99 WHERE seq = 14`}},
		{"checkpoint filed under another size", verify.Tampered, []string{`UPDATE checkpoints SET size = 99 WHERE seq = 14`}},
		{"checkpoint replaced by an older one", verify.Tampered, []string{`UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE seq = 3) WHERE seq = 6`}},
		{"end cut off with its checkpoints", verify.Tampered, []string{`DELETE FROM entries WHERE idx > 9`, `DELETE FROM checkpoints WHERE size > 10`}},
		{"range changed", verify.Tampered, []string{`UPDATE meta SET value = zeroblob(8) WHERE name = 'range'`}},
		{"decision reopened", verify.Tampered, []string{`INSERT INTO open SELECT key, idx, leaf, '0011223344556677' FROM entries WHERE idx = 1`}},
		{"key of the database changed", verify.Untrusted, []string{`UPDATE meta SET value = CAST('other' AS BLOB) WHERE name = 'vkey'`}},
		{"name changed", verify.Untrusted, []string{`UPDATE meta SET value = CAST('other' AS BLOB) WHERE name = 'origin'`}},
		{"format changed", verify.Unfinished, []string{`UPDATE meta SET value = CAST('9' AS BLOB) WHERE name = 'format'`}},
		{"table gone", verify.Unfinished, []string{`DROP TABLE checkpoints`}},
		{"meta gone", verify.Unfinished, []string{`DELETE FROM meta`}},
		{"nothing", verify.OK, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, edit(t, dir, tt.sql...), verify.Options{})
			if r.Kind != tt.want {
				t.Errorf("kind %v, want %v: %+v", r.Kind, tt.want, r.Problems)
			}
		})
	}
}

func TestLaw10AFlippedByteIsCaughtWhereverItIs(t *testing.T) {
	from := edit(t, honest(t))
	db, err := sql.Open("sqlite", filepath.Join(from, store.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`PRAGMA synchronous = OFF`); err != nil {
		t.Fatal(err)
	}
	flips := 0
	for _, cell := range []struct{ table, id, column, as string }{
		{"entries", "idx", "envelope", "BLOB"}, {"entries", "idx", "leaf", "BLOB"}, {"entries", "idx", "key", "TEXT"},
		{"entries", "idx", "kind", "TEXT"}, {"checkpoints", "seq", "note", "BLOB"},
	} {
		rows, err := db.Query(fmt.Sprintf(`SELECT %s, CAST(%s AS BLOB) FROM %s`, cell.id, cell.column, cell.table))
		if err != nil {
			t.Fatal(err)
		}
		values := map[int64][]byte{}
		for rows.Next() {
			var id int64
			var value []byte
			if err := rows.Scan(&id, &value); err != nil {
				t.Fatal(err)
			}
			values[id] = value
		}
		rows.Close()
		set := fmt.Sprintf(`UPDATE %s SET %s = CAST(? AS %s) WHERE %s = ?`, cell.table, cell.column, cell.as, cell.id)
		for id, value := range values {
			step := max(1, len(value)/2)
			for i := int(id) % step; i < len(value); i += step {
				bad := append([]byte(nil), value...)
				bad[i] ^= 1
				if _, err := db.Exec(set, string(bad), id); err != nil {
					t.Fatal(err)
				}
				if r := check(t, from, verify.Options{}); r.Kind != verify.Tampered {
					t.Errorf("%s.%s of %d, byte %d: %v", cell.table, cell.column, id, i, r.Kind)
				}
				flips++
			}
			if _, err := db.Exec(set, string(value), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := check(t, from, verify.Options{}); r.Kind != verify.OK {
		t.Errorf("put back: %+v", r)
	}
	t.Logf("%d flips", flips)
}

func TestLaw10AFlippedByteOfTheFileIsNeverPassedAsAnotherStory(t *testing.T) {
	dir := honest(t)
	path := filepath.Join(dir, store.Database)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := check(t, dir, verify.Options{})
	caught := 0
	for i := 24; i < len(whole); i += len(whole)/150 + 1 {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x20
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		r, _ := verify.Dir(t.Context(), dir, verify.Options{})
		if r.Kind != verify.OK {
			caught++
		} else if r.Root != want.Root || r.Verified != want.Verified { // free space was hit
			t.Fatalf("byte %d: passed with another root", i)
		}
	}
	if caught == 0 {
		t.Error("no flip was caught")
	}
}
