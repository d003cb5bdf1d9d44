package table

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallAndUninstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	if _, _, err := Installed(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without a table: %v", err)
	}
	first, err := Encode(Contents{Infos: []*Info{{Service: Service{Name: "one"}}}})
	if err != nil {
		t.Fatal(err)
	}
	tbl, err := Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(dir, first, Manifest{Table: tbl.Hash()}); err != nil {
		t.Fatal(err)
	}
	m, err := EmbeddedManifest()
	if err != nil {
		t.Fatal(err)
	}
	if err := Install(dir, embedded, m); err != nil {
		t.Fatal(err)
	}
	got, gotManifest, err := Installed(dir)
	if err != nil || got.Hash() != m.Table || gotManifest.Sources["botocore"] != m.Sources["botocore"] {
		t.Fatalf("%v, %+v", err, gotManifest)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	for _, want := range []bool{true, false} {
		if removed, err := Uninstall(dir); removed != want || err != nil {
			t.Errorf("removed %v, %v", removed, err)
		}
	}
}

// A table that is damaged, anywhere in it, is found when it is opened, not when a
// call needs it.
func TestADamagedInstalledTableIsNotUsed(t *testing.T) {
	m, err := EmbeddedManifest()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"cut short":  func(b []byte) []byte { return b[:len(b)-100] },
		"empty":      func([]byte) []byte { return nil },
		"no table":   func([]byte) []byte { return []byte("hello") },
		"one bit":    func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"older form": func(b []byte) []byte { b[len(magic)-1] = 1; return b },
	} {
		dir := t.TempDir()
		if err := Install(dir, embedded, m); err != nil {
			t.Fatal(err)
		}
		bad := spoil(append([]byte(nil), embedded...))
		if err := os.WriteFile(filepath.Join(dir, InstalledFile), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Installed(dir); err == nil || !strings.Contains(err.Error(), InstalledFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"1.9.0", "1.10.0", true}, {"1.10.0", "1.9.0", false}, {"1.43.11", "1.43.11", false}, {"1.43", "1.43.1", true}, {"2.0.0", "1.99.9", false}} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

// The newest table is used: a program that was upgraded after its machine compiled
// a table does not go back to that, unless somebody forced it.
func TestOpenNewest(t *testing.T) {
	embeddedOne, err := EmbeddedManifest()
	if err != nil {
		t.Fatal(err)
	}
	small, err := Encode(Contents{Infos: []*Info{{Service: Service{Name: "one"}}}})
	if err != nil {
		t.Fatal(err)
	}
	tbl, err := Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		version string
		forced  bool
		own     bool
	}{{"", false, false}, {"0.1.0", false, false}, {"0.1.0", true, true}, {"99.0.0", false, true}} {
		dir := t.TempDir()
		if c.version != "" {
			m := Manifest{Table: tbl.Hash(), Forced: c.forced, Sources: map[string]Source{"botocore": {Version: c.version}}}
			if err := Install(dir, small, m); err != nil {
				t.Fatal(err)
			}
		}
		got, err := OpenNewest(dir)
		want := embeddedOne.Table
		if c.own {
			want = tbl.Hash()
		}
		if err != nil || got.Own != c.own || got.Table.Hash() != want || got.Manifest.Table != want {
			t.Errorf("version %q, forced %v: own %v, %s, %v", c.version, c.forced, got.Own, got.Manifest.Table, err)
		}
	}
	bad := t.TempDir()
	if err := os.WriteFile(filepath.Join(bad, InstalledFile), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenNewest(bad); err == nil || got.Table == nil || got.Table.Hash() != embeddedOne.Table {
		t.Errorf("with a bad file: %+v, %v", got.Manifest.Table, err)
	}
}
