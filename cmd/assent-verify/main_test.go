package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
)

func TestExitCodesAreThoseOfTheManual(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	vkey, public := s.VKey(), s.Public()
	if _, err := publish.Publish(t.Context(), s, public, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	trusts := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(trusts, fmt.Appendf(nil, `{"logs":[{"key":%q}]}`, vkey), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"--dir", dir}, 0, "note: the key was taken from beside the log"},
		{[]string{"--dir", dir, "--vkey", vkey, "--json"}, 0, `"verified":1`},
		{[]string{"--dir", dir, "--vkey", filepath.Join(dir, store.VKeyFile)}, 0, "verified 1 of 1"},
		{[]string{"--dir", dir, "--vkey", "nonsense"}, 3, "untrusted"},
		{[]string{"--dir", filepath.Join(dir, "nowhere")}, 5, "unfinished"},
		{[]string{"--dir", dir, "--since", filepath.Join(dir, "nowhere")}, 5, ""},
		{[]string{"--public", public, "--vkey", vkey}, 0, "2 published files compared"},
		{[]string{"--public", public}, 3, "untrusted"},
		{[]string{"--public", dir, "--vkey", vkey}, 5, "unfinished"},
		{[]string{"extra"}, usage, ""},
		{[]string{"--public", public, "--policy", trusts}, 0, "verified 1 of 1"},
		{[]string{"--dir", dir, "--policy", trusts}, 0, "verified 1 of 1"},
		{[]string{"--public", public, "--policy", trusts, "--vkey", vkey}, usage, ""},
		{[]string{"--public", public, "--policy", filepath.Join(dir, store.VKeyFile)}, 5, ""},
		{[]string{"--public", public, "--vkey", vkey, "--hashes"}, 0, "hashes only"},
		{[]string{"--pack", dir, "--hashes"}, usage, ""},
	} {
		var out, errs bytes.Buffer
		if got := run(t.Context(), tt.args, func(string) string { return "" }, &out, &errs); got != tt.want || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%v: exit %d, want %d: %s%s", tt.args, got, tt.want, out.String(), errs.String())
		}
	}
}
