package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A ledger and a witness on another machine: what is published is cosigned, and a
// verifier that wants the witness's word gets it.
func TestALedgerIsWitnessed(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.must(binary, "run", "--", "true") // there is a ledger, not witnessed yet
	vkey := w.must(binary, "ledger", "vkey").out
	other.write("log.vkey", vkey)
	key := strings.TrimSpace(other.must(binary, "ledger", "witness", "--dir", "seen", "--name", "witness.example/w", "--vkey").out)
	if r := w.assent("ledger", "verify", "--witness", key); r.code != 3 || !strings.Contains(r.out, "0 witnesses have cosigned") {
		t.Errorf("nobody has witnessed it: %v", r)
	}

	address := "127.0.0.1:" + freePort(t)
	cmd := exec.Command(binary, "ledger", "witness", "--dir", "seen", "--name", "witness.example/w", "--log", "log.vkey", "--listen", address)
	cmd.Dir, cmd.Env = other.dir, other.environ()
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the witness: %v: %s", err, said.String())
		}
	}()
	waitFor(t, "the witness", func() bool { return strings.Contains(said.String(), "witnessing on") })
	w.write("assent.yaml", fmt.Sprintf("witnesses:\n  http://%s: %s\n", address, key))
	w.must(binary, "ledger", "publish") // nothing is new, and it was not cosigned yet
	contains(t, "verify", w.must(binary, "ledger", "verify", "--witness", key, "--fresh", "1h").out, "cosigned by 1 witnesses", "ok")

	// The ledger is put back as it was, by somebody who has all of its files.
	ledger := filepath.Join(w.home, "state", "assent", "ledger")
	copied := filepath.Join(w.home, "copied")
	w.must("cp", "-a", ledger, copied)
	for range 2 {
		if r := w.assent("ledger", "reconcile", "--cloudtrail", w.write("empty.json", `{"Records":[]}`)); r.code != 0 {
			t.Fatal(r)
		}
		w.must(binary, "ledger", "publish")
	}
	w.must("rm", "-rf", ledger)
	w.must("cp", "-a", copied, ledger)
	w.must(binary, "ledger", "reconcile", "--cloudtrail", "empty.json")
	if r := w.assent("ledger", "publish"); r.code == 0 || !strings.Contains(r.errOut, "another history") {
		t.Errorf("a ledger that was put back is witnessed: %v", r)
	}
}
