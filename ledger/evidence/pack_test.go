package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

var (
	start = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	end   = start.AddDate(0, 1, 0)
)

// book is a ledger with a clock of its own.
type book struct {
	*store.Store
	t   *testing.T
	dir string
	now time.Time
	n   int
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{dir: t.TempDir()}
	b.open(t)
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *book) open(t *testing.T) {
	t.Helper()
	b.t, b.now = t, start.AddDate(0, 0, -3)
	s, err := store.Open(context.Background(), store.Config{Dir: b.dir, Now: func() time.Time { return b.now }, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
}

func (b *book) append(e ledger.Entry, err error) ledger.Receipt {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := b.Append(context.Background(), e)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// decide records a decision eight hours after the one before, and its outcome.
func (b *book) decide(v policy.Verdict, result string, approvers ...string) string {
	b.t.Helper()
	b.n++
	b.now = b.now.Add(8 * time.Hour)
	id := fmt.Sprintf("dec_%04d", b.n)
	d := policy.Decision{ID: id, At: b.now, Verdict: v, Grant: "deploys/buckets", Accountable: policy.Accountable{Owner: "shop", Person: "human:carol"},
		Basis: policy.Basis{Intent: "sha256:00"},
		Action: model.Action{ID: id, At: b.now, Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create, Actor: model.Actor{ID: "=deploy", Kind: model.Agent, For: []string{"human:dana"}},
			Targets: []model.Target{{URN: model.URN("arn:aws:s3:::<b>" + id), Role: model.RoleCreated}}}}
	for _, who := range approvers {
		ticket := "ticket of " + who + " for " + id
		a := ledger.Approval{Approval: policy.Approval{ID: fmt.Sprintf("sha256:%x", digest([]byte(ticket))), Request: "req", Scope: policy.Scope(d.Action), By: who, At: b.now}, Ticket: ticket, Signature: "sig"}
		d.Approvals = append(d.Approvals, a.Approval)
		s, err := ledger.ApprovalStatement(a, d)
		b.append(ledger.Entry{Kind: ledger.KindApproval, Statement: s}, err)
	}
	s, err := ledger.DecisionStatement(d)
	r := b.append(ledger.Entry{Kind: ledger.KindDecision, Key: id, Statement: s}, err)
	if result != "" {
		s, err = ledger.OutcomeStatement(ledger.Outcome{Decision: id, Of: r, Result: result, RequestID: "REQ" + id, CompletedAt: b.now.Add(time.Second)}, d)
		b.append(ledger.Entry{Kind: ledger.KindOutcome, Key: id, Statement: s}, err)
	}
	return id
}

// unknown is the number of a decision of every book whose outcome nobody saw.
const unknown = 23

// shared is the book that the tests read; it is filled once.
var shared *book

// filled is a book with a period of everything, and time before and after it.
func filled(t *testing.T) *book {
	if shared == nil {
		shared = fill(t, &book{dir: filepath.Join(room, "shared")})
	}
	b := *shared
	b.t = t
	return &b
}

// room is where the shared book is.
var room string

func TestMain(m *testing.M) {
	var err error
	if room, err = os.MkdirTemp("", "assent-evidence-"); err != nil {
		panic(err)
	}
	code := m.Run()
	if shared != nil {
		shared.Close()
	}
	os.RemoveAll(room)
	os.Exit(code)
}

func fill(t *testing.T, b *book) *book {
	t.Helper()
	b.open(t)
	for b.now.Before(end.AddDate(0, 0, 2)) {
		switch b.n % 9 {
		case 1:
			b.decide(policy.Deny, "")
		case 2:
			b.decide(policy.Allow, ledger.Succeeded, "carol")
		case 3:
			b.decide(policy.Allow, ledger.Succeeded, "dana")
		case 4:
			b.decide(policy.Allow, ledger.Unresolved)
		case 5:
			b.decide(policy.Allow, ledger.Failed)
		default:
			b.decide(policy.Allow, ledger.Succeeded)
		}
		if b.n == 30 {
			b.append(ledger.IntentEpochEntry(ledger.IntentEpoch{At: b.now, Process: "p1", Digest: "sha256:00", Documents: 2}, nil))
			b.append(ledger.HeartbeatEntry(ledger.Heartbeat{Process: "p1", Started: b.now, At: b.now, Every: time.Hour}))
			b.append(ledger.ReconcileEntry(ledger.Reconciliation{At: b.now, Sources: []ledger.Source{{Kind: "cloudtrail", Name: "<x>.json"}}, Events: 9, Matched: 8, Bypasses: 1}))
			// The one before the last was unknown: what exists tells what became of it, which is no comparison with a platform's own log.
			b.append(ledger.ReconcileEntry(ledger.Reconciliation{At: b.now, Sources: []ledger.Source{{Kind: ledger.SourceCollectors}}, Resolved: []ledger.Resolved{{Decision: fmt.Sprintf("dec_%04d", unknown), Result: ledger.Failed, Event: "listed"}}}))
			b.append(ledger.BypassEntry(ledger.Bypass{Found: b.now, At: b.now, Source: "cloudtrail", Event: "e1", Actor: "<script>mallory</script>", Operation: "s3:DeleteBucket", Why: "no decision belongs to it"}))
		}
	}
	return b
}

func build(t *testing.T, b *book, p Params) (string, Pack) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pack")
	pack, err := Build(context.Background(), b, p, dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, pack
}

func month(framework string) Params {
	return Params{From: start, To: end, Framework: framework, Samples: 7}
}

func checked(t *testing.T, dir string, opts verify.Options) verify.Report {
	t.Helper()
	r, err := Check(context.Background(), dir, opts)
	if (err != nil) != (r.Kind == verify.Unfinished) {
		t.Errorf("%v of kind %s", err, r.Kind)
	}
	return r
}

// A pack holds for each framework, with the pinned key, wherever it is carried;
// made again it is the same, byte for byte.
func TestAPackHolds(t *testing.T) {
	b := filled(t)
	for _, name := range Frameworks() {
		dir, pack := build(t, b, month(name))
		r := checked(t, dir, verify.Options{VKey: b.VKey()})
		if r.Kind != verify.OK || !r.Pinned || r.Verified != r.Entries || r.Entries != pack.Head.End-pack.Head.First {
			t.Errorf("%s: %+v", name, r)
		}
		if name != "soc2" {
			continue
		}
		again, _ := build(t, b, month(name))
		if a, b := tree(t, dir), tree(t, again); !slices.Equal(names(a), names(b)) {
			t.Error("another pack has other files")
		} else {
			for n := range a {
				if a[n] != b[n] {
					t.Errorf("%s differs", n)
				}
			}
		}
	}
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func names(m map[string]string) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// The numbers are those of the entries.
func TestAPackCountsWhatIsThere(t *testing.T) {
	b := filled(t)
	_, pack := build(t, b, month("soc2"))
	var want Facts
	err := b.Scan(context.Background(), 0, func(e ledger.Stored) bool {
		if e.At.Before(start) || !e.At.Before(end) {
			return true
		}
		if e.Kind == ledger.KindDecision {
			want.Decisions++
			d, _ := ledger.ParseDecision(e.Envelope)
			if d.Blocks() {
				want.Refused++
			} else {
				want.Changes++
				if len(d.Approvals) > 0 {
					want.Approved++
					if d.Approvals[0].By == "carol" { // dana is whom the agent acts for
						want.Independent++
					}
				}
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	f := pack.Facts()
	if f.Decisions != want.Decisions || f.Refused != want.Refused || f.Changes != want.Changes || f.Approved != want.Approved || f.Independent != want.Independent ||
		want.Independent == 0 || want.Approved == want.Independent || f.Heartbeats != 1 || f.Reconciled != 1 || f.Bypasses != 1 || f.Succeeded+f.Failed+f.Unknown != f.Changes || f.Open != 0 || f.Unknown < 2 || f.Resolved != 1 {
		t.Errorf("%+v, want %+v", f, want)
	}
	for _, r := range pack.Records {
		if (r.Resolved == ledger.Failed) != (r.ID == fmt.Sprintf("dec_%04d", unknown)) || r.Resolved != "" && r.Outcome != ledger.Unresolved {
			t.Errorf("%s: %s, found out since: %q", r.ID, r.Outcome, r.Resolved)
		}
	}
	if len(pack.Sampled) != 7 || !pack.Over {
		t.Errorf("%v %v", pack.Sampled, pack.Over)
	}
	for _, i := range pack.Sampled {
		if !pack.Records[i].Passed {
			t.Error("a refusal was drawn as a change")
		}
	}
	// one heartbeat vouches for two hours of a month: what is before and after is a gap
	if len(pack.Gaps) != 2 || !pack.Gaps[0].From.Equal(start) || pack.Gaps[1].From.Sub(pack.Gaps[0].To) != 2*time.Hour {
		t.Errorf("%+v", pack.Gaps)
	}
}

// A change of any file of a pack, a file that is gone and one that is added are
// found.
func TestWhateverIsChangedInAPackIsFound(t *testing.T) {
	b := filled(t)
	dir, pack := build(t, b, month("soc2"))
	opts := verify.Options{VKey: b.VKey()}
	files := tree(t, dir)
	first := fmt.Sprintf("samples/%d.", pack.Records[pack.Sampled[0]].Index)
	for _, name := range names(files) {
		sample := strings.HasPrefix(name, "samples/")
		if sample && !strings.HasPrefix(name, first) {
			continue
		}
		path := filepath.Join(dir, name)
		data := files[name]
		middle := []byte(data)
		middle[len(middle)/2] ^= 1
		for j, change := range [][2]string{{"a bit", string(middle)}, {"cut", data[:len(data)-1]}, {"longer", data + "x"}, {"empty", ""}} {
			if sample && j > 0 {
				break // one change of each is enough: all are made again in the same way
			}
			what, changed := change[0], change[1]
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			// Another key is no longer the key; what is no format is not read on.
			r := checked(t, dir, opts)
			if r.Kind != verify.Tampered && !(name == fileVKey && r.Kind == verify.Untrusted) {
				if name == fileVKey && what == "longer" || name == filePack && r.Kind == verify.Unfinished {
					continue
				}
				t.Errorf("%s, %s: %s %v", name, what, r.Kind, r.Problems)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if r := checked(t, dir, opts); r.Kind != verify.Tampered {
			t.Errorf("%s is gone: %s %v", name, r.Kind, r.Problems)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"more.html", "samples/0.note", "log/tile/0/001", "log/entries.jsonl.bak"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := checked(t, dir, opts); r.Kind != verify.Tampered {
			t.Errorf("%s is too much: %s", name, r.Kind)
		}
		os.Remove(path)
	}
	if r := checked(t, dir, opts); r.Kind != verify.OK {
		t.Errorf("as it was: %s %v", r.Kind, r.Problems)
	}
	if r := checked(t, dir, verify.Options{VKey: newBook(t).VKey()}); r.Kind != verify.Untrusted {
		t.Errorf("another key: %s", r.Kind)
	}
	if r := checked(t, filepath.Join(dir, "nowhere"), opts); r.Kind != verify.Unfinished {
		t.Errorf("no folder: %s", r.Kind)
	}
}

// Whoever makes the pack cannot leave out the first or the last days of a period,
// nor a change in it, even if they make everything else anew.
func TestNothingCanBeLeftOut(t *testing.T) {
	b := filled(t)
	p := month("pci")
	whole := &builder{log: b, dir: filepath.Join(t.TempDir(), "whole"), params: p, digests: map[string][32]byte{}}
	if err := whole.span(context.Background()); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*builder){
		"nothing":         func(*builder) {},
		"the first days":  func(b *builder) { b.head.First += 5 },
		"the last days":   func(b *builder) { b.head.End -= 5 },
		"all but one day": func(b *builder) { b.head.First, b.head.End = b.head.First+40, b.head.First+60 },
	} {
		w := *whole
		w.dir, w.digests = filepath.Join(t.TempDir(), "pack"), map[string][32]byte{}
		change(&w)
		if _, err := w.build(context.Background()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		r := checked(t, w.dir, verify.Options{VKey: b.VKey()})
		if want := verify.Tampered; what == "nothing" && r.Kind != verify.OK || what != "nothing" && r.Kind != want {
			t.Errorf("without %s: %s %v", what, r.Kind, r.Problems)
		}
	}
	// one entry less, in the middle
	dir, _ := build(t, b, p)
	path := filepath.Join(dir, "log", "entries.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := bytes.SplitAfter(data, []byte("\n"))
	if err := os.WriteFile(path, bytes.Join(slices.Delete(rows, 40, 41), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey()}); r.Kind != verify.Tampered {
		t.Errorf("without an entry: %s", r.Kind)
	}
}

// A checkpoint that was kept elsewhere has to be part of the log that is handed out.
func TestAPackOfAnotherHistoryIsFound(t *testing.T) {
	b, other := filled(t), newBook(t)
	dir, _ := build(t, b, month("soc2"))
	kept, err := b.CheckpointUpTo(context.Background(), 60)
	if err != nil {
		t.Fatal(err)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey(), Since: kept}); r.Kind != verify.OK {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
	later, err := b.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey(), Since: later}); r.Kind != verify.RolledBack {
		t.Errorf("the log of the pack ends before it: %s %v", r.Kind, r.Problems)
	}
	foreign, err := other.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r := checked(t, dir, verify.Options{VKey: b.VKey(), Since: foreign}); r.Kind != verify.Tampered {
		t.Errorf("%s %v", r.Kind, r.Problems)
	}
}

// A change without an outcome is told, by its own exit code.
func TestAnOpenChangeIsTold(t *testing.T) {
	b := newBook(t)
	b.now = end.AddDate(0, 1, 0)
	b.decide(policy.Allow, "")
	dir, pack := build(t, b, Params{From: end.AddDate(0, 0, -20), To: end.AddDate(0, 2, 0), Framework: "dora", Samples: 3})
	if r := checked(t, dir, verify.Options{VKey: b.VKey()}); r.Kind != verify.Incomplete || r.Open != 1 || pack.Over {
		t.Errorf("%s %+v", r.Kind, r)
	}
}

func TestWhatIsNoPackIsRefused(t *testing.T) {
	b := filled(t)
	for want, p := range map[string]Params{
		"there are dora, iso27001, nist, pci, soc2": {From: start, To: end, Framework: "sox", Samples: 5},
		"is none":               {From: end, To: start, Framework: "soc2", Samples: 5},
		"0 samples":             {From: start, To: end, Framework: "soc2"},
		"no entry of that time": {From: end.AddDate(5, 0, 0), To: end.AddDate(6, 0, 0), Framework: "soc2", Samples: 5},
	} {
		if _, err := Build(context.Background(), b, p, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), b, month("soc2"), full); err == nil {
		t.Error("a directory with files in it is written to")
	}
}

// The page is made of strangers' texts and runs none of them; the table starts no
// formula.
func TestStrangersTextsAreText(t *testing.T) {
	b := filled(t)
	dir, _ := build(t, b, month("soc2"))
	files := tree(t, dir)
	if page := files["index.html"]; strings.Contains(page, "<script>") || strings.Contains(page, "<b>dec") || !strings.Contains(page, "&lt;script&gt;mallory") {
		t.Error("a text became markup")
	}
	if table := files["population.csv"]; strings.Contains(table, ",=deploy") || !strings.Contains(table, ",'=deploy") {
		t.Error("a text became a formula")
	}
}

// controls.json speaks of fields that there are.
func TestControlsNameFieldsThatThereAre(t *testing.T) {
	var strict map[string]struct {
		Title    string
		Controls []Control
	}
	dec := json.NewDecoder(bytes.NewReader(controlsFile))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&strict); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for name, f := range strict {
		if len(f.Controls) < 4 || f.Title == "" {
			t.Errorf("%s: %+v", name, f)
		}
		for _, c := range f.Controls {
			for _, field := range c.Fields {
				used[field] = true
				if fields[field].means == "" {
					t.Errorf("%s %s: there is no field %q", name, c.ID, field)
				}
			}
			if len(c.Fields) == 0 || c.Asks == "" {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	for name := range fields {
		if !used[name] {
			t.Errorf("no control asks for %q", name)
		}
	}
}
