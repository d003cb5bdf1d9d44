package verify_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// forger writes published logs with a real key: whatever its holder could write.
type forger struct {
	t    testing.TB
	seal *seal.Seal
	rng  *rand.Rand
	at   time.Time
	n    int
	by   []string // digests of the documents that intent-epochs have named; decisions take one
}

func newForger(t testing.TB, seed uint64) *forger {
	t.Helper()
	s, err := seal.File(filepath.Join(t.TempDir(), "key.pem"), "example.com/log", rand.NewChaCha8([32]byte{byte(seed)}))
	if err != nil {
		t.Fatal(err)
	}
	return &forger{t: t, seal: s, rng: rand.New(rand.NewPCG(seed, 7)), at: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
}

// item is one entry, and what it was made from.
type item struct {
	statement []byte
	decision  policy.Decision // that it is, or is an outcome of
	kind      ledger.Kind
}

func (f *forger) must(data []byte, err error) []byte {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func (f *forger) genesis() item {
	return item{statement: f.must(ledger.GenesisStatement(ledger.Genesis{Origin: f.seal.Origin(), VKey: f.seal.VKey(), KeyID: f.seal.KeyID(), Instance: "00", At: f.at})), kind: ledger.KindGenesis}
}

func (f *forger) decide(v policy.Verdict, m policy.Mode, given ...ledger.Approval) item {
	f.n++
	id := fmt.Sprintf("dec_%d", f.n)
	d := policy.Decision{ID: id, At: f.at, Verdict: v, Mode: m, Action: model.Action{ID: id, At: f.at, Platform: "aws", Service: "s3", Operation: "CreateBucket", Verb: model.Create, Actor: model.Actor{ID: "ann"},
		Params: json.RawMessage(fmt.Sprintf(`{"Bucket":"b%d"}`, f.rng.IntN(1000)))}}
	if len(f.by) > 0 && f.rng.IntN(8) > 0 { // some calls are refused before anybody asks the documents
		d.Basis.Intent = f.by[f.rng.IntN(len(f.by))]
	}
	for _, a := range given {
		d.Approvals = append(d.Approvals, a.Approval)
	}
	return item{f.must(ledger.DecisionStatement(d)), d, ledger.KindDecision}
}

func (f *forger) approval(by string, scope string, for_ policy.Decision) (ledger.Approval, item) {
	ticket := "ticket of " + by + " for " + for_.ID
	a := ledger.Approval{Approval: policy.Approval{ID: "sha256:" + sha(ticket), Request: "r", Scope: scope, By: by, At: f.at}, Ticket: ticket, Signature: "sig"}
	return a, item{f.must(ledger.ApprovalStatement(a, for_)), for_, ledger.KindApproval}
}

// intentEpoch says that documents are in force.
func (f *forger) intentEpoch(digest string) item {
	e, err := ledger.IntentEpochEntry(ledger.IntentEpoch{At: f.at, Process: "p", Digest: digest}, nil)
	return item{statement: f.must(e.Statement, err), kind: ledger.KindIntentEpoch}
}

// override is the entry of somebody's override that was used for a decision.
func (f *forger) override(by string, for_ policy.Decision) (policy.Override, item) {
	ticket := "override of " + by
	o := policy.Override{ID: "sha256:" + sha(ticket), Environment: "prod", Actor: "dana", By: by, At: f.at, Expires: f.at.Add(time.Hour), Reason: "INC-1"}
	e, err := ledger.OverrideEntry(ledger.Override{Override: o, At: f.at, Decision: for_.ID, Ticket: ticket, Signature: "sig"})
	return o, item{f.must(e.Statement, err), for_, ledger.KindOverride}
}

// outcome is bound to an envelope at an index.
func (f *forger) outcome(d policy.Decision, index uint64, leaf ledger.Hash, result string) item {
	return item{f.must(ledger.OutcomeStatement(ledger.Outcome{Decision: d.ID, Of: ledger.Receipt{Index: index, LeafHash: leaf}, Result: result, CompletedAt: f.at}, d)), d, ledger.KindOutcome}
}

func (f *forger) seals(statement []byte) []byte { return f.must(f.seal.Envelope(statement)) }

// honest makes the envelopes of an honest log: decisions of every kind, whose
// outcomes come late and out of order, approvals, and notes between them. Half of them
// begin as a version wrote them that recorded no epochs. What is in force changes, and
// some go on with what was: calls in flight, and other processes.
func (f *forger) honest(entries int) (envelopes [][]byte, items []item) {
	add := func(i item) {
		envelopes, items = append(envelopes, f.seals(i.statement)), append(items, i)
		f.at = f.at.Add(time.Duration(f.rng.IntN(5000)) * time.Millisecond)
	}
	type pending struct {
		d     policy.Decision
		index uint64
	}
	var open []pending
	epochs := false
	results := []string{ledger.Succeeded, ledger.Failed, ledger.Unresolved, ledger.NotForwarded}
	add(f.genesis())
	if f.by = nil; f.rng.IntN(2) == 0 {
		f.by = []string{"none", "sha256:" + sha("before there were epochs")}
	}
	for len(items) < entries || len(open) > 0 {
		switch n := f.rng.IntN(12); {
		case len(open) > 0 && (n < 4 || len(items) >= entries):
			i := f.rng.IntN(len(open))
			p := open[i]
			open = append(open[:i], open[i+1:]...)
			add(f.outcome(p.d, p.index, tlog.LeafHash(envelopes[p.index]), results[f.rng.IntN(len(results))]))
		case n < 6:
			d := f.decide(policy.Allow, policy.Enforce)
			open = append(open, pending{d.decision, uint64(len(items))})
			add(d)
		case n == 6:
			add(f.decide(policy.Deny, policy.Enforce))
		case n == 7:
			d := f.decide(policy.Deny, policy.Observe)
			open = append(open, pending{d.decision, uint64(len(items))})
			add(d)
		case n == 8:
			plain := f.decide(policy.Allow, policy.Enforce)
			a, given := f.approval("bob", "scope-"+plain.decision.ID, plain.decision)
			add(given)
			plain.decision.Approvals = []policy.Approval{a.Approval}
			plain.statement = f.must(ledger.DecisionStatement(plain.decision))
			open = append(open, pending{plain.decision, uint64(len(items))})
			add(plain)
		case n == 9:
			plain := f.decide(policy.Allow, policy.Enforce)
			o, used := f.override("ines", plain.decision)
			add(used)
			plain.decision.Overrides = []policy.Override{o}
			plain.statement = f.must(ledger.DecisionStatement(plain.decision))
			open = append(open, pending{plain.decision, uint64(len(items))})
			add(plain)
		case n == 10:
			digest := "sha256:" + sha(fmt.Sprint("documents ", f.rng.IntN(4)))
			i := f.intentEpoch(digest)
			if !epochs {
				f.by, epochs = nil, true
			}
			f.by = append(f.by, digest)
			add(i)
		default:
			e, err := ledger.HeartbeatEntry(ledger.Heartbeat{Process: "p", Started: f.at, At: f.at, Every: time.Minute})
			add(item{statement: f.must(e.Statement, err), kind: ledger.KindHeartbeat})
		}
	}
	return envelopes, items
}

// rotation says that the log goes over to another's key.
func (f *forger) rotation(to *forger) []byte {
	f.t.Helper()
	e, err := ledger.RotationEntry(ledger.Rotation{Origin: f.seal.Origin(), From: f.seal.VKey(), To: to.seal.VKey(), At: f.at})
	return f.must(e.Statement, err)
}

// write publishes envelopes as a log of their own, signed.
func (f *forger) write(envelopes [][]byte) string {
	f.t.Helper()
	dir := f.t.TempDir()
	put := func(name string, data []byte) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	var r tlog.Range
	var bundle []byte
	var leaves []ledger.Hash
	flush := func(index int) {
		put(tlog.Tile{Level: tlog.Entries, Index: uint64(index), Width: len(leaves)}.Path(), bundle)
		put(tlog.Tile{Level: 0, Index: uint64(index), Width: len(leaves)}.Path(), tlog.EncodeHashes(leaves))
	}
	if len(envelopes) >= tlog.TileWidth {
		f.t.Fatal("one bundle is enough here")
	}
	for _, e := range envelopes {
		bundle = f.must(tlog.AppendEntry(bundle, e))
		leaves = append(leaves, tlog.LeafHash(e))
		r.Append(tlog.LeafHash(e))
	}
	flush(0)
	put("checkpoint", f.must(tlog.Checkpoint{Origin: f.seal.Origin(), Size: r.Size(), Root: r.Root()}.Sign(f.seal.NoteSigner())))
	return dir
}
