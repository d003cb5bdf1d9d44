package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// keptBundles is how many partial entry bundles stay while the full one is not
// there: at one publication a second, more time than any reader needs between
// the checkpoint and the bundle; without a bound they would take a hundred times
// the room of what is in them.
const keptBundles = 16

// prune removes what newer files have replaced: after the checkpoint, since the
// one before it needed them.
func (w *writer) prune() error {
	for _, t := range w.full {
		if err := os.RemoveAll(w.partialsOf(t)); err != nil {
			return fmt.Errorf("removing partial tiles: %w", err)
		}
	}
	dir := w.partialsOf(tlog.Tile{Level: tlog.Entries, Index: w.size / tlog.TileWidth, Width: tlog.TileWidth})
	widths, err := widthsIn(dir)
	if err != nil {
		return err
	}
	for _, width := range widths[:max(0, len(widths)-keptBundles)] {
		if err := os.Remove(filepath.Join(dir, strconv.Itoa(width))); err != nil {
			return fmt.Errorf("removing partial tiles: %w", err)
		}
	}
	return nil
}

// partialsOf returns the directory of the partial forms of a full tile.
func (w *writer) partialsOf(t tlog.Tile) string {
	return filepath.Join(w.dir, filepath.FromSlash(t.Path())) + ".p"
}

// widthsIn lists the partial tiles in a directory, the narrowest first.
func widthsIn(dir string) ([]int, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for partial tiles: %w", err)
	}
	var widths []int
	for _, f := range files {
		if n, err := strconv.Atoi(f.Name()); err == nil && n > 0 && n < tlog.TileWidth {
			widths = append(widths, n)
		}
	}
	slices.Sort(widths)
	return widths, nil
}

// makeDirs makes a directory and those above it, each on disk in its parent.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return seal.SyncDir(parent)
}
