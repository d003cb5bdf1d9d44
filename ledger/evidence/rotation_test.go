package evidence

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/policy"
)

func (b *book) rotate(keep time.Duration) ledger.Rotation {
	b.t.Helper()
	r, _, err := store.Rotate(context.Background(), store.Config{Dir: b.dir, Now: func() time.Time { return b.now }, Rand: rand.Reader},
		ledger.Rotation{By: "dana", Reason: "yearly", Until: b.now.Add(keep)})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// A log goes over to another key while it is written to. Who trusts any of its keys
// is led to the others, also by a pack of a part of it; who trusts another is not.
func TestALogGoesOverToAnotherKey(t *testing.T) {
	b := newBook(t)
	first := b.VKey()
	b.decide(policy.Allow, ledger.Succeeded)
	b.rotate(0)
	b.decide(policy.Allow, ledger.Succeeded) // a process that had it open goes on
	for b.now.Before(start.AddDate(0, 0, 5)) {
		b.decide(policy.Allow, ledger.Succeeded)
	}
	b.decide(policy.Allow, "") // open over a change of the key
	overlap := 240 * time.Hour
	last := b.rotate(overlap)
	for b.now.Before(start.AddDate(0, 0, 12)) {
		b.decide(policy.Allow, ledger.Succeeded)
	}
	if b.VKey() != last.To || last.From == first {
		t.Fatalf("the key is %s after %+v", b.VKey(), last)
	}
	if _, err := publish.Publish(t.Context(), b, b.Public(), nil); err != nil {
		t.Fatal(err)
	}
	other := newBook(t).VKey()
	dir, pack := build(t, b, Params{From: start.AddDate(0, 0, 3), To: start.AddDate(0, 0, 10), Framework: "soc2", Samples: 9})
	if len(pack.Before) != 2 {
		t.Errorf("keys before: %+v", pack.Before)
	}
	for _, way := range []struct {
		name  string
		check func(verify.Options) (verify.Report, error)
	}{
		{"the directory", func(o verify.Options) (verify.Report, error) { return verify.Dir(t.Context(), b.dir, o) }},
		{"the published form", func(o verify.Options) (verify.Report, error) { return verify.Public(t.Context(), b.Public(), o) }},
		{"a pack", func(o verify.Options) (verify.Report, error) { return Check(t.Context(), dir, o) }},
	} {
		for _, vkey := range []string{first, last.From, last.To} {
			if r, err := way.check(verify.Options{VKey: vkey}); err != nil || r.Kind != verify.Incomplete || r.Verified != r.Entries || r.VKey != last.To {
				t.Errorf("%s, by %s: %s %v %v", way.name, vkey, r.Kind, r.Problems, err)
			}
		}
		if r, err := way.check(verify.Options{VKey: other}); err != nil || r.Kind != verify.Untrusted {
			t.Errorf("%s, by another log's key: %s %v %v", way.name, r.Kind, r.Problems, err)
		}
	}

	// Each sample is signed with the key that its pack names for it.
	signed := map[string]int{}
	for _, i := range pack.Sampled {
		index := pack.Records[i].Index
		data, err := os.ReadFile(filepath.Join(dir, pack.keyOf(index)))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		e, err := b.Get(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := ledger.ParseEnvelope(e.Envelope)
		if err == nil {
			err = envelope.Verify(key)
		}
		if err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
		signed[pack.keyOf(index)]++
	}
	if len(signed) < 2 {
		t.Errorf("one key signed all samples: %v", signed)
	}
	// What names the keys cannot be left out or changed.
	keys := filepath.Join(dir, filepath.FromSlash(fileKeys))
	data, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"left out": func() error { return os.Remove(keys) },
		"changed":  func() error { return os.WriteFile(keys, append([]byte{' '}, data...), 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if r := checked(t, dir, verify.Options{VKey: first}); r.Kind != verify.Tampered && r.Kind != verify.Untrusted {
			t.Errorf("%s: %s %v", name, r.Kind, r.Problems)
		}
	}

	// For as long as was said what is published bears the key before too.
	opens := func(vkey string) error {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(filepath.Join(b.Public(), publish.Checkpoint))
		if err == nil {
			_, err = tlog.OpenCheckpoint(head, v)
		}
		return err
	}
	if err := opens(last.From); err != nil {
		t.Errorf("in the overlap: %v", err)
	}
	for b.now.Before(last.Until) {
		b.decide(policy.Allow, ledger.Succeeded)
	}
	if _, err := publish.Publish(t.Context(), b, b.Public(), nil); err != nil {
		t.Fatal(err)
	}
	if opens(last.From) == nil || opens(last.To) != nil {
		t.Errorf("after it: %v, %v", opens(last.From), opens(last.To))
	}
}

// Whether the key changed in the period or never, a pack of the log's later days says
// whose it is: each of the log's keys is accepted, another log's is not.
func TestAPackSaysWhichLogItIsOf(t *testing.T) {
	for _, changes := range []bool{false, true} {
		b := newBook(t)
		first := b.VKey()
		for day := 1; day < 12; day++ {
			for b.now.Before(start.AddDate(0, 0, day)) {
				b.decide(policy.Allow, ledger.Succeeded)
			}
			if changes && day == 5 {
				b.rotate(0)
			}
		}
		dir, _ := build(t, b, Params{From: start.AddDate(0, 0, 3), To: start.AddDate(0, 0, 10), Framework: "soc2", Samples: 2})
		for _, vkey := range []string{first, b.VKey()} {
			if r := checked(t, dir, verify.Options{VKey: vkey}); r.Kind != verify.Incomplete || r.Verified != r.Entries {
				t.Errorf("changes: %t, %s: %s %v", changes, vkey, r.Kind, r.Problems)
			}
		}
		if r := checked(t, dir, verify.Options{VKey: newBook(t).VKey()}); r.Kind != verify.Untrusted {
			t.Errorf("changes: %t, another log's key: %s %v", changes, r.Kind, r.Problems)
		}
	}
}

// A rotation that a crash cut off is brought to its end, or has not been.
func TestARotationThatWasCutIsFinished(t *testing.T) {
	b := newBook(t)
	b.decide(policy.Allow, ledger.Succeeded)
	old, err := os.ReadFile(filepath.Join(b.dir, store.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	r := b.rotate(0)
	b.Close()
	// As it was after the commit and before the files were moved.
	if err := os.Rename(filepath.Join(b.dir, store.KeyFile), filepath.Join(b.dir, "key.next.pem")); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{store.KeyFile: old, store.VKeyFile: []byte(r.From + "\n")} {
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := verify.Dir(t.Context(), b.dir, verify.Options{}); err != nil || got.Kind != verify.OK || got.Rotations != 1 {
		t.Errorf("cut off: %s %v %v", got.Kind, got.Problems, err)
	}
	b.open(t)
	b.now = start
	b.decide(policy.Allow, ledger.Succeeded)
	if b.VKey() != r.To {
		t.Errorf("the key is %s", b.VKey())
	}
	// As it was before the commit: a key nobody has gone over to yet.
	b.Close()
	if err := os.WriteFile(filepath.Join(b.dir, "key.next.pem"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(t)
	if b.VKey() != r.To {
		t.Errorf("the key is %s", b.VKey())
	}
	if got, err := verify.Dir(t.Context(), b.dir, verify.Options{VKey: r.To}); err != nil || got.Kind != verify.OK {
		t.Errorf("%s %v %v", got.Kind, got.Problems, err)
	}
}
