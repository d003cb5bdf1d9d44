package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A machine may have a table of its own, newer than the embedded one, in a folder:
// aws.tbl, and beside it the manifest, aws-HASH.json, whose name says whose it is.
// The table takes effect by one rename, so a reader finds the old one or the new
// one, each with its manifest.

// InstalledFile is the name of an installed table in its folder.
const InstalledFile = "aws.tbl"

// maxInstalled bounds an installed file: three times what the embedded table may be.
const maxInstalled = 9 << 20

// Install puts a table into a folder, which is made.
func Install(dir string, data []byte, m Manifest) error {
	t, err := Parse(data)
	if err != nil {
		return err
	}
	if t.Hash() != m.Table {
		return fmt.Errorf("installing aws table: the manifest is of %s, the table is %s", m.Table, t.Hash())
	}
	if err := t.check(); err != nil { // now, not in the middle of a call
		return fmt.Errorf("installing aws table: %w", err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("installing aws table: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("installing aws table: %w", err)
	}
	if err := writeWhole(filepath.Join(dir, manifestName(m.Table)), append(text, '\n')); err != nil {
		return fmt.Errorf("installing aws table: %w", err)
	}
	if err := writeWhole(filepath.Join(dir, InstalledFile), data); err != nil {
		return fmt.Errorf("installing aws table: %w", err)
	}
	return sweep(dir, manifestName(m.Table))
}

// Installed reads the table of a folder. Without one, the error is fs.ErrNotExist.
func Installed(dir string) (*Table, Manifest, error) {
	path := filepath.Join(dir, InstalledFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, Manifest{}, fmt.Errorf("reading the installed aws table: %w", err)
	}
	if info.Size() > maxInstalled {
		return nil, Manifest{}, fmt.Errorf("reading %s: larger than %d MiB", path, maxInstalled>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Manifest{}, fmt.Errorf("reading the installed aws table: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, Manifest{}, fmt.Errorf("reading %s: %w", path, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, manifestName(t.Hash())))
	if errors.Is(err, fs.ErrNotExist) { // the manifest holds the hash of what was installed, and checked
		return nil, Manifest{}, fmt.Errorf("reading %s: damaged, or not installed by this program: there is no manifest %s beside it",
			path, manifestName(t.Hash()))
	}
	if err != nil {
		return nil, Manifest{}, fmt.Errorf("reading the installed aws table: %w", err)
	}
	m, err := ParseManifest(text)
	if err == nil && m.Table != t.Hash() {
		err = fmt.Errorf("reading %s: its manifest is of another table", path)
	}
	return t, m, err
}

// Newest is the table that a machine works with.
type Newest struct {
	Table    *Table
	Manifest Manifest
	Own      bool // the machine's own, not the embedded one
}

// OpenNewest opens the table of a folder, or the embedded one where that is newer
// or the folder has none. With an error about the folder's, it returns the
// embedded one all the same.
func OpenNewest(dir string) (Newest, error) {
	var n Newest
	var err error
	if n.Manifest, err = EmbeddedManifest(); err != nil {
		return n, err
	}
	if dir != "" {
		own, m, bad := Installed(dir)
		switch {
		case bad == nil && (m.Forced || !m.OlderThan(n.Manifest)):
			return Newest{Table: own, Manifest: m, Own: true}, nil
		case !errors.Is(bad, fs.ErrNotExist):
			err = bad
		}
	}
	table, bad := Open()
	n.Table = table
	return n, errors.Join(err, bad)
}

// Uninstall takes the table out of a folder; removed is false if there was none.
func Uninstall(dir string) (removed bool, err error) {
	err = os.Remove(filepath.Join(dir, InstalledFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("removing the installed aws table: %w", err)
	}
	return true, sweep(dir, "")
}

// check inflates and reads every block once, and lets go of it: a service is
// parsed again when it is used.
func (t *Table) check() error {
	for _, i := range t.infos {
		fresh := Info{Service: i.Service, block: i.block}
		if _, err := fresh.Load(); err != nil {
			return err
		}
	}
	fresh := cfnTypes{block: t.cfn.block, count: t.cfn.count}
	_, err := fresh.load()
	return err
}

func manifestName(hash string) string {
	digest := strings.TrimPrefix(hash, "sha256:")
	return "aws-" + digest[:min(16, len(digest))] + ".json"
}

// sweep removes the manifests of other tables.
func sweep(dir, keep string) error {
	old, err := filepath.Glob(filepath.Join(dir, "aws-*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if filepath.Base(path) != keep {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("removing an old manifest: %w", err)
			}
		}
	}
	return nil
}

// writeWhole writes a file whole or not at all.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone once it is renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
