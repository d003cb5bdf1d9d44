package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/actor"
)

// epochWorld is a ledger, and the proxies that write to it.
type epochWorld struct {
	t   *testing.T
	dir string
}

// begin starts a proxy; every is how often it says that it is there.
func (w epochWorld) begin(set *intent.Set, mode policy.Mode, every time.Duration, more ...func(*Config)) *Engine {
	w.t.Helper()
	cfg := Config{Mode: mode, Intent: set, LedgerDir: w.dir, ModelPath: filepath.Join(w.t.TempDir(), "model.db"), HeartbeatEvery: every, Now: time.Now, Rand: rand.Reader}
	for _, f := range more {
		f(&cfg)
	}
	e, err := New(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := e.Open(Door{Authority: authority, Authenticator: new(actor.Tokens)}); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w epochWorld) end(e *Engine) {
	w.t.Helper()
	if err := e.Close(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w epochWorld) set(text string) *intent.Set {
	w.t.Helper()
	set, err := intent.Parse("x.yaml", []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// epochs are those of the ledger.
func (w epochWorld) epochs() (all []ledger.IntentEpoch) {
	w.t.Helper()
	for _, s := range entriesOf(w.t, w.dir, ledger.KindIntentEpoch) {
		e, err := ledger.ParseIntentEpoch(s.Envelope)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// The ledger says which documents were in force when, also where nobody made a change:
// once for each time that they became others, over restarts too, with what differs.
func TestTheLedgerSaysWhichDocumentsWereInForce(t *testing.T) {
	w := epochWorld{t, filepath.Join(t.TempDir(), "ledger")}
	one, two := w.set(everything), w.set(strings.Replace(everything, "human:ines@", "human:dana@", 1))
	e := w.begin(nil, policy.Enforce, time.Hour)
	for range 2 { // the same again is no change
		if err := e.SetIntent(one); err != nil {
			t.Fatal(err)
		}
	}
	w.end(e)
	w.end(w.begin(one, policy.Enforce, time.Hour))
	w.end(w.begin(two, policy.Enforce, time.Hour))
	w.end(w.begin(two, policy.Observe, time.Hour))
	var got []string
	processes := map[string]bool{}
	for _, e := range w.epochs() {
		got = append(got, fmt.Sprintf("%s %s after %s: %d, +%d ~%d -%d", e.Mode, e.Digest, e.Previous, e.Documents, len(e.Added), len(e.Changed), len(e.Removed)))
		processes[e.Process] = true
		if kept := e.Object != ""; kept != (e.Digest != intent.None) {
			t.Errorf("of %s, object %q", e.Digest, e.Object)
		}
	}
	n := 0
	one.Each(func(string, string, intent.Pos, any) { n++ })
	if want := []string{
		"enforce none after : 0, +0 ~0 -0",
		fmt.Sprintf("enforce %s after none: %d, +%d ~0 -0", one.Digest, n, n),
		fmt.Sprintf("enforce %s after %s: %d, +0 ~1 -0", two.Digest, one.Digest, n),
		fmt.Sprintf("observe %s after %s: %d, +0 ~0 -0", two.Digest, two.Digest, n),
	}; !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(processes) != 3 { // the second one found that all was said
		t.Errorf("%d processes", len(processes))
	}
	s, err := store.Open(t.Context(), store.Config{Dir: w.dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, set := range []*intent.Set{one, two} {
		data, err := s.Object(t.Context(), ledger.IntentObject+set.Digest)
		if err == nil {
			set, err = intent.Unbundle(data)
		}
		if err != nil {
			t.Errorf("%s cannot be read back: %v", set.Digest, err)
		}
	}
	if n := len(beatsOf(t, w.dir)); n != 8 {
		t.Errorf("%d heartbeats of 4 processes: what is in force has an entry of its own", n)
	}
}

// forgetful is a ledger that cannot be written for a while.
type forgetful struct {
	ledger.Writer
	fails bool
}

func (f *forgetful) Append(ctx context.Context, e ledger.Entry) (ledger.Receipt, error) {
	if f.fails {
		return ledger.Receipt{}, errors.New("the disk is full")
	}
	return f.Writer.Append(ctx, e)
}

// No decision names documents before the ledger has their epoch; who says nothing of
// itself (a run) does so with its first decision; a decision that was under way while
// the documents changed takes nothing back.
func TestAnEpochIsRecordedBeforeItsDecisions(t *testing.T) {
	w := epochWorld{t, filepath.Join(t.TempDir(), "ledger")}
	log, err := store.Open(t.Context(), store.Config{Dir: w.dir, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	book := &forgetful{Writer: log}
	one, two := w.set(everything), w.set(strings.Replace(everything, "human:ines@", "human:dana@", 1))
	e := w.begin(one, policy.Enforce, 0, func(c *Config) { c.Ledger, c.LedgerDir = book, "" })
	if n := len(entriesOf(t, w.dir)); n != 0 {
		t.Errorf("a run that changed nothing wrote %d entries", n)
	}
	first := e.decide.Basis()
	book.fails = true
	for range 2 {
		if err := e.epoch(t.Context(), first); err == nil {
			t.Error("it is said to be recorded")
		}
	}
	book.fails = false
	if err := e.epoch(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := e.SetIntent(two); err != nil {
		t.Fatal(err)
	}
	second := e.decide.Basis()
	for _, b := range []policy.Basis{first, second, first, second} {
		if err := e.epoch(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.SetIntent(one); err != nil {
		t.Fatal(err)
	}
	if err := e.epoch(t.Context(), e.decide.Basis()); err != nil {
		t.Fatal(err)
	}
	w.end(e)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range w.epochs() {
		got = append(got, e.Digest)
	}
	if want := []string{one.Digest, two.Digest, one.Digest}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
