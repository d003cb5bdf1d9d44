package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
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
	s, err := store.Open(ctx, store.Config{Dir: filepath.Join(dir, "ledger"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var beats []ledger.Heartbeat
	var bad error
	err = s.Scan(ctx, 1, func(e ledger.Stored) bool {
		var h ledger.Heartbeat
		h, bad = ledger.ParseHeartbeat(e.Envelope)
		beats = append(beats, h)
		return bad == nil
	})
	if err := errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	for i, h := range beats {
		if h.Process == "" || h.Process != beats[0].Process || h.Every != every || h.Mode != policy.Enforce || h.Intent != "none" || h.Version != "v1" || h.Last != (i == len(beats)-1) {
			t.Errorf("heartbeat %d of %d: %+v", i, len(beats), h)
		}
	}
}
