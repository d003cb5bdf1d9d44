package engine

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/certs"
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
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
	for e.Entries() < 5 { // the genesis, what is in force, and three beats; the ticker is the real one
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

// beatsOf are the heartbeats of a ledger.
func beatsOf(t *testing.T, dir string) (beats []ledger.Heartbeat) {
	t.Helper()
	for _, e := range entriesOf(t, dir, ledger.KindHeartbeat) {
		h, err := ledger.ParseHeartbeat(e.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		beats = append(beats, h)
	}
	return beats
}

// entriesOf are the entries of some kinds; without any, all but the genesis.
func entriesOf(t *testing.T, dir string, kinds ...ledger.Kind) (all []ledger.Stored) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Scan(t.Context(), 1, func(e ledger.Stored) bool {
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			all = append(all, e)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
