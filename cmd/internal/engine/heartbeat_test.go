package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy/actor"
)

// From its start to its end a proxy is in the ledger: heartbeats of one process,
// none later than it promised, and a last one.
func TestAProxyThatIsThereShows(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	const every = 20 * time.Millisecond
	e, err := New(ctx, Config{
		Mode: policy.Enforce, LedgerDir: filepath.Join(dir, "ledger"), ModelPath: filepath.Join(dir, "model.db"),
		HeartbeatEvery: every, Version: "v1", Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Open(Door{Authority: authority, Authenticator: new(actor.Tokens)}); err != nil {
		t.Fatal(err)
	}
	for e.Entries() < 4 { // the genesis and three beats; the ticker is the real one
		select {
		case <-time.After(every):
		case <-t.Context().Done():
			t.Fatal("no heartbeat")
		}
	}
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	beats := beatsOf(t, filepath.Join(dir, "ledger"))
	for i, h := range beats {
		if h.Process == "" || h.Process != beats[0].Process || h.Every != every || h.Mode != policy.Enforce || h.Intent != "none" || h.Version != "v1" || h.Last != (i == len(beats)-1) {
			t.Errorf("heartbeat %d of %d: %+v", i, len(beats), h)
		}
	}
}

// The ledger says which documents were in force when, also where nobody made a change.
func TestTheLedgerSaysWhichDocumentsWereInForce(t *testing.T) {
	dir := t.TempDir()
	e, err := New(t.Context(), Config{LedgerDir: filepath.Join(dir, "ledger"), ModelPath: filepath.Join(dir, "model.db"),
		HeartbeatEvery: time.Hour, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.New(certs.Config{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Open(Door{Authority: authority, Authenticator: new(actor.Tokens)}); err != nil {
		t.Fatal(err)
	}
	set, err := intent.Parse("x.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same again is no change
		if err := e.SetIntent(set); err != nil {
			t.Fatal(err)
		}
	}
	known := e.snapshot().Version()
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range beatsOf(t, filepath.Join(dir, "ledger")) {
		got = append(got, h.Intent)
		if h.Model != known {
			t.Errorf("the model is %+v, not %+v", known, h.Model)
		}
	}
	if !slices.Equal(got, []string{"none", set.Digest, set.Digest}) {
		t.Errorf("in force: %v", got)
	}
}

// beatsOf are the entries of a ledger after its genesis: nothing but heartbeats.
func beatsOf(t *testing.T, dir string) (beats []ledger.Heartbeat) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var bad error
	err = s.Scan(t.Context(), 1, func(e ledger.Stored) bool {
		var h ledger.Heartbeat
		h, bad = ledger.ParseHeartbeat(e.Envelope)
		beats = append(beats, h)
		return bad == nil
	})
	if err := errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	return beats
}
