package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// prune removes what newer files have replaced: after the checkpoint, since the
// one before it needed them.
func (w *writer) prune() error {
	for _, t := range w.full {
		if err := os.RemoveAll(w.partialsOf(t)); err != nil {
			return fmt.Errorf("removing partial tiles: %w", err)
		}
	}
	return nil
}

// partialsOf returns the directory of the partial forms of a full tile.
func (w *writer) partialsOf(t tlog.Tile) string {
	return filepath.Join(w.dir, filepath.FromSlash(t.Path())) + ".p"
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
