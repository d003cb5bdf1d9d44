package publish_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
	"github.com/assent-iom/assent/ledger/witness"
)

// growths is how often the ledger grows under the witness's eyes.
const growths = 1000

// A witness that is not ours, the public network's own program, cosigns every growth
// of a ledger, and none of a history that was written anew.
func TestAnOmniwitnessCosignsEachGrowth(t *testing.T) {
	program := notOurs(t, "omniwitness", "github.com/transparency-dev/witness/cmd/omniwitness")
	dir := t.TempDir()
	s := open(t, dir)
	home := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private, public, err := note.GenerateKey(nil, "witness.example/omni")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--listen", address, "--metrics_listen", "", "--private_key_path", file("key", private), "--db_file", filepath.Join(home, "seen.db"),
		"--additional_logs", file("logs.yaml", fmt.Sprintf("Logs:\n  - {Origin: %q, PublicKey: %q, URL: \"http://127.0.0.1:1/\"}\n", s.Origin(), s.VKey())))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	for ready := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		select {
		case <-ended:
			t.Fatalf("the witness has ended: %s", said.String())
		default:
		}
		if time.Now().After(ready) {
			t.Fatal("the witness does not answer")
		}
	}

	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(public, "+", 3)[2])
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.NewCosigner("witness.example/omni", ed25519.PublicKey(raw[1:]), nil)
	if err != nil {
		t.Fatal(err)
	}
	peer := &witness.Peer{URL: "http://" + address, Key: key.Witness, Client: &http.Client{Timeout: time.Minute}}
	cosign := func(ctx context.Context, signed []byte, prove func(uint64) ([]ledger.Hash, error)) ([]byte, error) {
		return peer.Cosign(ctx, signed, prove)
	}
	for size := uint64(1); size <= growths; size++ {
		grow(t, s, size)
		if got, err := publish.Publish(t.Context(), s, s.Public(), cosign); err != nil || got != size {
			t.Fatalf("growth %d: %d entries are published and cosigned: %v", size, got, err)
		}
	}
	r, err := verify.Public(t.Context(), s.Public(), verify.Options{VKey: s.VKey(), Witnesses: []string{key.VKey()}, Quorum: 1})
	if err != nil || r.Kind != verify.OK || r.Entries != growths {
		t.Errorf("%s, %d entries: %v %v", r.Kind, r.Entries, r.Problems, err)
	}
	// The same key, another history of the same size and more.
	forked := forkOf(t, dir)
	grow(t, forked, growths+1)
	if _, err := publish.Publish(t.Context(), forked, filepath.Join(t.TempDir(), "public"), cosign); err == nil {
		t.Error("a history that was written anew is cosigned")
	}
}
