package publish_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{Dir: dir, Now: func() time.Time { return at }, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// grow appends refusals at the door until the log has size entries.
func grow(t testing.TB, s *store.Store, size uint64) {
	t.Helper()
	errs := make(chan error, size)
	n := 0
	for i := s.Size(); i < size; i++ {
		n++
		go func() {
			statement, err := ledger.DoorStatement(map[string]any{"host": fmt.Sprint("host-", i), "at": at})
			if err == nil {
				_, err = s.Append(context.Background(), ledger.Entry{Kind: ledger.KindDoor, Statement: statement})
			}
			errs <- err
		}()
		if n == 64 {
			for ; n > 0; n-- {
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for ; n > 0; n-- {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

func put(t testing.TB, s *store.Store, want uint64) {
	t.Helper()
	if got, err := publish.Publish(context.Background(), s, s.Public(), nil); err != nil || got != want {
		t.Fatalf("published %d of %d: %v", got, want, err)
	}
}

// files returns every published file by its path.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPublishedStepByStepOrAtOnceIsTheSame(t *testing.T) {
	s := open(t, t.TempDir())
	other := t.TempDir()
	for _, size := range []uint64{1, 3, 255, 256, 257, 600, 700} {
		grow(t, s, size)
		put(t, s, size)
		steps := files(t, s.Public())
		put(t, s, size) // nothing is new
		for path, data := range files(t, s.Public()) {
			if steps[path] != data {
				t.Errorf("size %d: %s changed though nothing was new", size, path)
			}
		}
		if err := os.RemoveAll(other); err != nil {
			t.Fatal(err)
		}
		if _, err := publish.Publish(t.Context(), s, other, nil); err != nil {
			t.Fatal(err)
		}
		once := files(t, other)
		for path, data := range once {
			if steps[path] != data {
				t.Errorf("size %d: %s differs, or is missing", size, path)
			}
		}
		for tile := range tlog.Tiles(size) {
			if _, ok := once[tile.Path()]; !ok {
				t.Errorf("size %d: no %s", size, tile.Path())
			}
		}
		for path := range steps {
			if path == publish.Checkpoint {
				continue
			}
			if _, err := tlog.ParseTilePath(path); err != nil {
				t.Errorf("size %d: %v", size, err)
			}
		}
	}
	// partial tiles are gone where the full tile is
	for path := range files(t, s.Public()) {
		if strings.HasPrefix(path, "tile/entries/000.p/") || strings.HasPrefix(path, "tile/0/001.p/") {
			t.Errorf("%s is of no use any more", path)
		}
	}
}

// c2sp tlog-tiles: partial tiles and bundles of every size of which a checkpoint was
// published are there until the full one is.
func TestWhatACheckpointNeedsStaysUntilItsFullTileIsThere(t *testing.T) {
	s := open(t, t.TempDir())
	for size := uint64(1); size <= 40; size++ {
		grow(t, s, size)
		put(t, s, size)
	}
	there := files(t, s.Public())
	for size := uint64(1); size <= 40; size++ {
		for tile := range tlog.Tiles(size) {
			if _, ok := there[tile.Path()]; !ok {
				t.Errorf("%s is gone, which the checkpoint of %d entries needs", tile.Path(), size)
			}
		}
	}
}

func TestWhatWasSeenIsNeverWrittenOver(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a full tile":       func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "tile/1/000.p/1")) },
		"another's log":     func(t *testing.T, dir string) { copyTree(t, somebodyElses(t), dir) },
		"the checkpoint":    func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "checkpoint")) },
		"a tile to be made": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tile/0/001.p/10"), "x") },
	} {
		s := open(t, t.TempDir())
		grow(t, s, 260)
		put(t, s, 260)
		damage(t, s.Public())
		before := files(t, s.Public())["checkpoint"]
		grow(t, s, 266)
		if size, err := publish.Publish(t.Context(), s, s.Public(), nil); err == nil {
			t.Errorf("%s: published %d", name, size)
		}
		if files(t, s.Public())["checkpoint"] != before {
			t.Errorf("%s: a new checkpoint is out", name)
		}
	}
}

func TestLaw1TheMarkIsAsHighBeforeAnythingLeaves(t *testing.T) {
	s := open(t, t.TempDir())
	grow(t, s, 5)
	refuse := unmarked{s}
	if _, err := publish.Publish(t.Context(), refuse, s.Public(), nil); err == nil {
		t.Fatal("published without a high-water mark")
	}
	if _, ok := files(t, s.Public())["checkpoint"]; ok {
		t.Fatal("a checkpoint is out without a high-water mark")
	}
	put(t, s, 5)
	mark, err := os.ReadFile(filepath.Join(filepath.Dir(s.Public()), store.MarkFile))
	if err != nil || !bytes.Equal(mark, []byte(files(t, s.Public())["checkpoint"])) {
		t.Errorf("mark %q, %v", mark, err)
	}
}

type unmarked struct{ *store.Store }

func (unmarked) Mark(context.Context, []byte) error { return fs.ErrPermission }

func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	write(t, path, string(data))
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func somebodyElses(t *testing.T) string {
	s := open(t, t.TempDir())
	grow(t, s, 260)
	put(t, s, 260)
	return s.Public()
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
