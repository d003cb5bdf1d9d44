package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// BenchmarkVerify is the program on a published log: how many entries it verifies a
// second on one core, in CPU time, and the most memory that it took. It is run once,
// whatever -benchtime says.
func BenchmarkVerify(b *testing.B) {
	program := filepath.Join(b.TempDir(), "assent-verify")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		name    string
		entries uint64
		many    bool // different decisions; else the one again and again, which hashes alone does not notice
		args    []string
	}{
		{"hashes", 1_000_000, false, []string{"--hashes"}},
		{"all", 50_000, true, nil},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.name, c.entries), func(b *testing.B) {
			dir := b.TempDir()
			vkey, size := grown(b, dir, c.entries, c.many)
			b.ResetTimer()
			for range b.N {
				run := exec.Command(program, append(c.args, "--public", dir, "--vkey", vkey, "--json")...)
				run.Stderr = os.Stderr
				out, err := run.Output()
				var r struct{ Verified uint64 }
				if err != nil || json.Unmarshal(out, &r) != nil || r.Verified != c.entries {
					b.Fatalf("%v: %s", err, out)
				}
				usage := run.ProcessState.SysUsage().(*syscall.Rusage)
				cpu := run.ProcessState.UserTime() + run.ProcessState.SystemTime()
				b.ReportMetric(float64(c.entries)/cpu.Seconds(), "entries/s/core")
				b.ReportMetric(float64(usage.Maxrss)/1024, "MB")
				b.ReportMetric(float64(size), "bytes/entry")
			}
		})
	}
}

// grown writes a published log, without the syncs of a real one.
func grown(b *testing.B, dir string, entries uint64, many bool) (vkey string, size int) {
	b.Helper()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key, err := seal.File(filepath.Join(b.TempDir(), "key.pem"), "bench", rand.Reader)
	check(err)
	at := time.Unix(1e9, 0)
	signed := func(i uint64) []byte {
		var statement []byte
		if i == 0 {
			statement, err = ledger.GenesisStatement(ledger.Genesis{Origin: key.Origin(), VKey: key.VKey(), KeyID: key.KeyID(), Instance: "00", At: at})
		} else {
			id := fmt.Sprint("dec_", i)
			statement, err = ledger.DecisionStatement(policy.Decision{ID: id, At: at, Verdict: policy.Deny, Action: model.Action{ID: id, Verb: model.Create}})
		}
		check(err)
		envelope, err := key.Envelope(statement)
		check(err)
		return envelope
	}
	put := func(t tlog.Tile, data []byte) error {
		path := filepath.Join(dir, filepath.FromSlash(t.Path()))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o600)
	}
	tile := func(t tlog.Tile, hashes []ledger.Hash) error { return put(t, tlog.EncodeHashes(hashes)) }
	var tree tlog.Range
	var tiler tlog.Tiler
	var bundle, entry []byte
	for i := range entries {
		if i < 2 || many {
			entry = signed(i)
		}
		bundle, err = tlog.AppendEntry(bundle, entry)
		check(err)
		tree.Append(tlog.LeafHash(entry))
		check(tiler.Add(i+1, tlog.LeafHash(entry), tile))
		if width := int(i%tlog.TileWidth) + 1; width == tlog.TileWidth || i+1 == entries {
			check(put(tlog.Tile{Level: tlog.Entries, Index: i / tlog.TileWidth, Width: width}, bundle))
			bundle = bundle[:0]
		}
	}
	check(tiler.Rest(entries, tile))
	head, err := tlog.Checkpoint{Origin: key.Origin(), Size: entries, Root: tree.Root()}.Sign(key.NoteSigner())
	check(err)
	check(os.WriteFile(filepath.Join(dir, "checkpoint"), head, 0o600))
	return key.VKey(), len(entry)
}
