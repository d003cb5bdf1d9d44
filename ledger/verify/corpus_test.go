package verify_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/policy"
)

// whole: in CI every position and all logs, elsewhere a sample.
var whole = os.Getenv("CI") == "true"

// No honest log is called anything else: 1,000 of them, and each of their parts.
func TestHonestLogsRaiseNoAlarm(t *testing.T) {
	logs := 60
	if whole {
		logs = 1000
	}
	f := newForger(t, 1)
	for i := range logs {
		envelopes, _ := f.honest(1 + i%40)
		dir := f.write(envelopes)
		r, err := verify.Public(t.Context(), dir, verify.Options{VKey: f.seal.VKey()})
		if err != nil || r.Kind != verify.OK || r.Verified != uint64(len(envelopes)) {
			t.Fatalf("log %d of %d entries: %s %v %v", i, len(envelopes), r.Kind, r.Problems, err)
		}
		os.RemoveAll(dir)
	}
}

// attack changes an honest log at a position. It returns nil where it makes no
// sense. Those on envelopes are signed anew by the log's own key; those on files are
// not.
type attack struct {
	name      string
	want      verify.Kind
	envelopes func(f *forger, envelopes [][]byte, items []item, at int) [][]byte
	files     func(t *testing.T, dir string, envelopes [][]byte, at int) bool
}

var corpus = []attack{
	{name: "a byte of an entry", want: verify.Tampered, files: bundled(func(e [][]byte, at int) [][]byte { e[at][len(e[at])/2] ^= 1; return e })},
	{name: "an entry is gone", want: verify.Tampered, files: bundled(func(e [][]byte, at int) [][]byte { return append(e[:at], e[at+1:]...) })},
	{name: "an entry twice", want: verify.Tampered, files: bundled(func(e [][]byte, at int) [][]byte { return append(e[:at+1], e[at:]...) })},
	{name: "two entries in each other's place", want: verify.Tampered, files: bundled(func(e [][]byte, at int) [][]byte {
		if at == 0 {
			return nil
		}
		e[at-1], e[at] = e[at], e[at-1]
		return e
	})},
	{name: "the end is cut, the head stays", want: verify.Tampered, files: bundled(func(e [][]byte, at int) [][]byte { return e[:at] })},
	{name: "a byte of a hash", want: verify.Tampered, files: onFile("tile/0", func(d []byte, at int) []byte { d[32*at+7] ^= 1; return d })},
	{name: "hashes in each other's place", want: verify.Tampered, files: onFile("tile/0", func(d []byte, at int) []byte {
		if at == 0 {
			return nil
		}
		for i := range 32 {
			d[32*at+i], d[32*at-32+i] = d[32*at-32+i], d[32*at+i]
		}
		return d
	})},
	{name: "bytes after a bundle", want: verify.Tampered, files: onFile("tile/entries", func(d []byte, _ int) []byte { return append(d, 0) })},
	{name: "bytes after a tile", want: verify.Tampered, files: onFile("tile/0", func(d []byte, _ int) []byte { return append(d, 0) })},
	{name: "a bundle is gone", want: verify.Tampered, files: onFile("tile/entries", func([]byte, int) []byte { return []byte{} })},
	{name: "a narrower tile says something else", want: verify.Tampered, files: func(t *testing.T, dir string, e [][]byte, at int) bool {
		return at > 0 && at < len(e) && os.WriteFile(filepath.Join(dir, "tile", "0", "000.p", fmt.Sprint(at)), bytes.Repeat([]byte{1}, 32*at), 0o600) == nil
	}},
	{name: "a path in another spelling", want: verify.Tampered, files: func(t *testing.T, dir string, e [][]byte, at int) bool {
		return os.WriteFile(filepath.Join(dir, "tile", "0", fmt.Sprintf("0%03d", at)), []byte("x"), 0o600) == nil
	}},
	{name: "a byte of the head", want: verify.Tampered, files: onFile("checkpoint", func(d []byte, at int) []byte { d[(at*7)%(len(d)-1)] ^= 1; return d })},
	{name: "a line more in the head", want: verify.Tampered, files: onFile("checkpoint", func(d []byte, _ int) []byte {
		return bytes.Replace(d, []byte("\n\n"), []byte("\nmore\n\n"), 1)
	})},

	{name: "another's key has signed the entry", want: verify.Tampered, envelopes: resigned(func(f *forger, i item) []byte {
		other := newForger(f.t, 99)
		return other.seals(i.statement)
	})},
	{name: "a key twice in the JSON", want: verify.Tampered, envelopes: restated(func(s []byte) []byte {
		return bytes.Replace(s, []byte(`{"_type"`), []byte(`{"subject":[],"_type"`), 1)
	})},
	{name: "a key in capitals too", want: verify.Tampered, envelopes: restated(func(s []byte) []byte {
		return bytes.Replace(s, []byte(`"predicate":{`), []byte(`"predicate":{"id":"dec_0","id":"dec_0",`), 1)
	})},
	{name: "no UTF-8", want: verify.Tampered, envelopes: restated(func(s []byte) []byte { return bytes.Replace(s, []byte(`in-toto`), []byte("in-tot\xff"), 1) })},
	{name: "bytes after the JSON", want: verify.Tampered, envelopes: restated(func(s []byte) []byte { return append(s, " {}"...) })},
	{name: "a kind that is not known", want: verify.Tampered, envelopes: restated(func(s []byte) []byte { return bytes.Replace(s, []byte(`attestation/`), []byte(`attestation/x-`), 1) })},
	{name: "an envelope in another spelling", want: verify.Tampered, envelopes: resigned(func(f *forger, i item) []byte { return append([]byte(" "), f.seals(i.statement)...) })},
	{name: "two genesis", want: verify.Tampered, envelopes: inserted(func(f *forger, _ []item, at int) []byte {
		if at == 0 {
			return nil
		}
		return f.seals(f.genesis().statement)
	})},
	{name: "a change of the key that the old one alone signed", want: verify.Tampered, envelopes: inserted(func(f *forger, _ []item, at int) []byte {
		return f.seals(f.rotation(newForger(f.t, 99)))
	})},
	{name: "a change of the key that the new one alone signed", want: verify.Tampered, envelopes: inserted(func(f *forger, _ []item, at int) []byte {
		other := newForger(f.t, 99)
		return other.seals(f.rotation(other))
	})},
	{name: "a change of the key, and the old one goes on", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, _ []item, at int) [][]byte {
		if at == 0 {
			return nil
		}
		other := newForger(f.t, 99)
		return slices.Insert(e, at, f.must(f.seal.HandOver(other.seal, f.rotation(other))))
	}},
	{name: "no genesis", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, _ []item, at int) [][]byte {
		if at > 0 {
			return nil
		}
		return e[1:]
	}},
	{name: "the genesis of another key", want: verify.Untrusted, envelopes: func(f *forger, e [][]byte, _ []item, at int) [][]byte {
		if at > 0 {
			return nil
		}
		return append([][]byte{f.seals(newForger(f.t, 98).genesis().statement)}, e[1:]...)
	}},
	{name: "an outcome is withheld", want: verify.Incomplete, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindOutcome || boundAfter(items, at) {
			return nil
		}
		return append(e[:at:at], e[at+1:]...)
	}},
	{name: "an outcome twice", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindOutcome {
			return nil
		}
		return append(e, e[at])
	}},
	{name: "an outcome bound to another entry", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindOutcome {
			return nil
		}
		e[at] = f.seals(f.outcome(items[at].decision, 0, tlog.LeafHash(e[0]), ledger.Succeeded).statement)
		return e
	}},
	{name: "an outcome bound to another hash", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindOutcome {
			return nil
		}
		o, err := ledger.ParseOutcome(e[at])
		if err != nil {
			f.t.Fatal(err)
		}
		e[at] = f.seals(f.outcome(items[at].decision, o.Of.Index, ledger.Hash{1}, o.Result).statement)
		return e
	}},
	{name: "an outcome before its decision", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindDecision || items[at].decision.Blocks() {
			return nil
		}
		early := f.seals(f.outcome(items[at].decision, uint64(len(e)+5), tlog.LeafHash(e[at]), ledger.Succeeded).statement)
		return append(append(e[:at:at], early), e[at:]...)
	}},
	{name: "a refusal that was carried out", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindDecision || !items[at].decision.Blocks() {
			return nil
		}
		return append(e, f.seals(f.outcome(items[at].decision, uint64(at), tlog.LeafHash(e[at]), ledger.Succeeded).statement))
	}},
	{name: "a decision twice", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindDecision {
			return nil
		}
		return append(e, e[at])
	}},
	{name: "another action than its subject", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindDecision {
			return nil
		}
		e[at] = f.seals(bytes.Replace(items[at].statement, []byte(`"Bucket":"b`), []byte(`"Bucket":"c`), 1))
		return e
	}},
	{name: "an approval that was not recorded", want: verify.Tampered, envelopes: inserted(func(f *forger, _ []item, at int) []byte {
		if at == 0 {
			return nil
		}
		d := f.decide(policy.Deny, policy.Enforce)
		a, _ := f.approval("eve", "s", d.decision)
		d.decision.Approvals = []policy.Approval{a.Approval}
		return f.seals(f.must(ledger.DecisionStatement(d.decision)))
	})},
	{name: "an approval used twice", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindApproval {
			return nil
		}
		return append(e, e[at])
	}},
	{name: "an override that was not recorded", want: verify.Tampered, envelopes: inserted(func(f *forger, _ []item, at int) []byte {
		if at == 0 {
			return nil
		}
		d := f.decide(policy.Deny, policy.Enforce)
		o, _ := f.override("eve", d.decision)
		d.decision.Overrides = []policy.Override{o}
		return f.seals(f.must(ledger.DecisionStatement(d.decision)))
	})},
	{name: "another override than was signed", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindOverride {
			return nil
		}
		changed := bytes.Replace(items[at].statement, []byte(`"ticket":"override of ines`), []byte(`"ticket":"override of eve_`), 1)
		e[at] = f.seals(changed)
		return e
	}},
	{name: "documents that were never in force", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindDecision || !slices.ContainsFunc(items[:at], func(i item) bool { return i.kind == ledger.KindIntentEpoch }) {
			return nil
		}
		d := f.decide(policy.Deny, policy.Enforce).decision
		d.Basis.Intent = "sha256:" + sha("what nobody declared")
		return append(e, f.seals(f.must(ledger.DecisionStatement(d))))
	}},
	{name: "documents that came into force later", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindIntentEpoch {
			return nil
		}
		d := f.decide(policy.Deny, policy.Enforce).decision
		d.Basis.Intent = "sha256:" + sha("what will be declared")
		return append(e, f.seals(f.must(ledger.DecisionStatement(d))), f.seals(f.intentEpoch(d.Basis.Intent).statement))
	}},
	{name: "another ticket than was signed", want: verify.Tampered, envelopes: func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if items[at].kind != ledger.KindApproval {
			return nil
		}
		e[at] = f.seals(bytes.Replace(items[at].statement, []byte(`"ticket":"ticket of bob`), []byte(`"ticket":"ticket of eve`), 1))
		return e
	}},
}

// boundAfter reports whether a later outcome is bound to an index that would move.
func boundAfter(items []item, at int) bool {
	for _, i := range items[at+1:] {
		if i.kind == ledger.KindOutcome {
			return true
		}
	}
	return false
}

func resigned(make func(*forger, item) []byte) func(*forger, [][]byte, []item, int) [][]byte {
	return func(f *forger, e [][]byte, items []item, at int) [][]byte {
		if at == 0 {
			return nil // a genesis has attacks of its own
		}
		e[at] = make(f, items[at])
		return e
	}
}

func restated(change func([]byte) []byte) func(*forger, [][]byte, []item, int) [][]byte {
	return resigned(func(f *forger, i item) []byte {
		changed := change(bytes.Clone(i.statement))
		if bytes.Equal(changed, i.statement) {
			f.t.Fatal("nothing was changed")
		}
		return f.seals(changed)
	})
}

func inserted(make func(*forger, []item, int) []byte) func(*forger, [][]byte, []item, int) [][]byte {
	return func(f *forger, e [][]byte, items []item, at int) [][]byte {
		extra := make(f, items, at)
		if extra == nil {
			return nil
		}
		return append(e, extra)
	}
}

// bundled changes the entries in the bundle's file alone.
func bundled(change func([][]byte, int) [][]byte) func(*testing.T, string, [][]byte, int) bool {
	return func(t *testing.T, dir string, e [][]byte, at int) bool {
		changed := change(e, at)
		if changed == nil {
			return false
		}
		var bundle []byte
		for _, entry := range changed {
			var err error
			if bundle, err = tlog.AppendEntry(bundle, entry); err != nil {
				t.Fatal(err)
			}
		}
		return onFile("tile/entries", func([]byte, int) []byte { return append(bundle, 0)[:len(bundle)] })(t, dir, e, at)
	}
}

// onFile changes the one file below a place.
func onFile(place string, change func([]byte, int) []byte) func(*testing.T, string, [][]byte, int) bool {
	return func(t *testing.T, dir string, _ [][]byte, at int) bool {
		var path string
		err := filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(place)), func(p string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				path = p
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := change(data, at)
		switch {
		case changed == nil:
			return false
		case len(changed) == 0 && strings.Contains(place, "entries"):
			err = os.Remove(path)
		default:
			err = os.WriteFile(path, changed, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// Every kind of attack at every position has its exit code.
func TestLaw10TheCorpusOfAttacksIsCaught(t *testing.T) {
	f := newForger(t, 3)
	var envelopes [][]byte
	var items []item
	for kinds := 0; kinds < 7; { // a log with an entry of every kind in it
		envelopes, items = f.honest(36)
		seen := map[ledger.Kind]bool{}
		for _, i := range items {
			seen[i.kind] = true
		}
		kinds = len(seen)
	}
	tried := 0
	for _, a := range corpus {
		t.Run(a.name, func(t *testing.T) {
			f := *f
			f.t = t
			step, here := 5, 0
			if whole {
				step = 1
			}
			for at := 0; at < len(envelopes); at++ {
				if here > 0 && at%step != 0 {
					continue
				}
				fresh := make([][]byte, len(envelopes))
				for i := range fresh {
					fresh[i] = bytes.Clone(envelopes[i])
				}
				var dir string
				if a.envelopes != nil {
					changed := a.envelopes(&f, fresh, items, at)
					if changed == nil {
						continue
					}
					dir = f.write(changed)
				} else {
					dir = f.write(fresh)
					if !a.files(t, dir, fresh, at) {
						continue
					}
				}
				here++
				r, err := verify.Public(t.Context(), dir, verify.Options{VKey: f.seal.VKey()})
				if err != nil || r.Kind != a.want {
					t.Errorf("at %d: %s %v %v, want %s", at, r.Kind, r.Problems, err, a.want)
				}
			}
			if here == 0 {
				t.Error("it was never tried")
			}
			tried += here
		})
	}
	if len(corpus) < 20 {
		t.Errorf("only %d kinds", len(corpus))
	}
	t.Logf("%d kinds, %d tries", len(corpus), tried)
}
