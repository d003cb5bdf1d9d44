package publish_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/ledger/witness"
)

// witnessFor starts a witness of a log that says that it is a certain time, and
// returns how it is asked.
func witnessFor(t *testing.T, vkey string, now *time.Time) (publish.Cosign, string, *httptest.Server) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.NewCosigner("witness.example/w", public, func(m []byte) ([]byte, error) { return ed25519.Sign(private, m), nil })
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(witness.Config{Dir: t.TempDir(), Logs: []string{vkey}, Key: key, Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	peer := &witness.Peer{URL: server.URL, Key: key.Witness, Client: server.Client()}
	return func(ctx context.Context, signed []byte, prove func(uint64) ([]ledger.Hash, error)) ([]byte, error) {
		return peer.Cosign(ctx, signed, prove)
	}, key.VKey(), server
}

// forkOf is another log with the key of one.
func forkOf(t *testing.T, dir string) *store.Store {
	t.Helper()
	other := filepath.Join(t.TempDir(), "other")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	private, err := os.ReadFile(filepath.Join(dir, store.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, store.KeyFile), private, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, other)
}

// What a log alone cannot show, a witness does: a history that its key's holder has
// written anew, and one that was cut. Each has its exit code.
func TestForkAndRollbackAreCaughtWithAWitness(t *testing.T) {
	now := at
	dir := t.TempDir()
	s := open(t, dir)
	cosign, key, server := witnessFor(t, s.VKey(), &now)
	for _, size := range []uint64{1, 3, 256, 300} {
		grow(t, s, size)
		if got, err := publish.Publish(t.Context(), s, s.Public(), cosign); err != nil || got != size {
			t.Fatalf("%d: %d %v", size, got, err)
		}
	}
	trusted, err := verify.ReadPolicy(fmt.Appendf(nil, `{"logs":[{"key":%q,"witnesses":[%q],"quorum":1,"fresh":"1h"}]}`, s.VKey(), key))
	if err != nil {
		t.Fatal(err)
	}
	policy := verify.Options{Policy: trusted, Now: now}
	check := func(dir string, opts verify.Options) verify.Report {
		r, err := verify.Public(t.Context(), dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(s.Public(), policy); r.Kind != verify.OK || r.Cosigned != 1 {
		t.Fatalf("an honest log: %s %v", r.Kind, r.Problems)
	}
	if r, err := verify.Dir(t.Context(), dir, policy); err != nil || r.Kind != verify.OK {
		t.Fatalf("an honest ledger: %s %v %v", r.Kind, r.Problems, err)
	}
	if got := said(t, thirdParty(t), s.Public(), s.VKey(), key); got["cosigned"] != "ok" || got["fsck"] != "ok" || got["torchwood"] != "ok" {
		t.Errorf("others' tools: %v", got)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	copyTree(t, s.Public(), kept)

	// The key's holder writes another history.
	fork := forkOf(t, dir)
	grow(t, fork, 320)
	if _, err := publish.Publish(t.Context(), fork, fork.Public(), cosign); !errors.Is(err, publish.ErrNotCosigned) || !errors.Is(err, witness.ErrForked) {
		t.Errorf("another history is cosigned: %v", err)
	}
	if r := check(fork.Public(), verify.Options{VKey: s.VKey()}); r.Kind != verify.OK {
		t.Errorf("without a witness it cannot be told: %s", r.Kind)
	}
	if r := check(fork.Public(), policy); r.Kind != verify.Untrusted {
		t.Errorf("another history: %s %v", r.Kind, r.Problems)
	}

	// It goes on; later somebody puts the old files back, cosignature and all.
	now = now.Add(2 * time.Hour)
	grow(t, s, 310)
	if _, err := publish.Publish(t.Context(), s, s.Public(), cosign); err != nil {
		t.Fatal(err)
	}
	policy.Now = now
	if r := check(s.Public(), policy); r.Kind != verify.OK {
		t.Errorf("it goes on: %s %v", r.Kind, r.Problems)
	}
	if r := check(kept, policy); r.Kind != verify.RolledBack {
		t.Errorf("cut back: %s %v", r.Kind, r.Problems)
	}

	// A witness that does not answer keeps nothing from being published, and is
	// asked again.
	server.Close()
	grow(t, s, 311)
	if n, err := publish.Publish(t.Context(), s, s.Public(), cosign); n != 311 || !errors.Is(err, publish.ErrNotCosigned) {
		t.Errorf("%d %v", n, err)
	}
	if r := check(s.Public(), policy); r.Kind != verify.Untrusted {
		t.Errorf("published without it: %s", r.Kind)
	}
	asked := false
	if _, err := publish.Publish(t.Context(), s, s.Public(), func(_ context.Context, _ []byte, prove func(uint64) ([]ledger.Hash, error)) ([]byte, error) {
		asked = true
		_, err := prove(310)
		return nil, err
	}); err != nil || !asked {
		t.Errorf("it is not asked again: %v", err)
	}
}
