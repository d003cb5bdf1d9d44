package tlog

import (
	"slices"
	"testing"

	sumdb "golang.org/x/mod/sumdb/tlog"

	"github.com/assent-iom/assent/ledger"
)

func TestTilePathsAreThoseOfTheSpecification(t *testing.T) {
	for path, tile := range map[string]Tile{
		"tile/0/000":                     {0, 0, 256},
		"tile/0/001.p/3":                 {0, 1, 3},
		"tile/1/x001/x234/067":           {1, 1234067, 256},
		"tile/entries/x001/000.p/255":    {Entries, 1000, 255},
		"tile/63/x999/x999/x999/999":     {63, 999_999_999_999, 256},
		"tile/entries/x001/x234/067.p/1": {Entries, 1234067, 1},
	} {
		if got := tile.Path(); got != path {
			t.Errorf("%+v: %s, want %s", tile, got, path)
		}
		if got, err := ParseTilePath(path); err != nil || got != tile {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
		if tile.Level <= 8 && tile.Level >= 0 { // the Go sumdb's path, apart from its height
			theirs := sumdb.Tile{H: 8, L: tile.Level, N: int64(tile.Index), W: tile.Width}.Path()
			if theirs != "tile/8/"+path[len("tile/"):] {
				t.Errorf("%s: sumdb has %s", path, theirs)
			}
		}
	}
	for _, bad := range []string{
		"", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/00/000", "tile/-1/000", "tile/0/x000/001", "tile/0/001.p/0",
		"tile/0/001.p/256", "tile/0/001.p/03", "tile/0/001.p", "tile/0/1234", "tile/0/x001/x234", "tile/0/../000", "tile/data/000",
		"tile/0/000.p/3/4", "/tile/0/000", "tile/0/+01",
	} {
		if got, err := ParseTilePath(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func TestEdgeOfTheTilesIsTheCompactRange(t *testing.T) {
	leaves, roots, _ := grow(t, 1100)
	for _, size := range []uint64{0, 1, 255, 256, 257, 511, 512, 1000, 1100} {
		var edges [][]ledger.Hash
		for level := leaves[:size]; len(level) > 0; {
			full := len(level) / TileWidth * TileWidth
			edges = append(edges, level[full:])
			var above []ledger.Hash
			for i := 0; i < full; i += TileWidth {
				above = append(above, TileHash(level[i:i+TileWidth]))
			}
			level = above
		}
		r, err := Edge(size, edges)
		if err != nil || r.Root() != roots[size] {
			t.Errorf("size %d: %v, %v", size, r.Root(), err)
		}
		tiles := slices.Collect(Tiles(size))
		want := 2 * int((size+255)/256)
		if size >= 256 {
			want++
		}
		if len(tiles) != want {
			t.Errorf("size %d: %d tiles, want %d", size, len(tiles), want)
		}
	}
	if _, err := Edge(300, [][]ledger.Hash{leaves[:44]}); err == nil {
		t.Error("an edge without its upper level was taken")
	}
}

func TestABundleIsReadOnlyWhole(t *testing.T) {
	var bundle []byte
	for _, e := range []string{"a", "", "ccc"} {
		bundle, _ = AppendEntry(bundle, []byte(e))
	}
	got, err := SplitBundle(bundle, 3)
	if err != nil || len(got) != 3 || string(got[2]) != "ccc" {
		t.Fatalf("%q, %v", got, err)
	}
	for name, err := range map[string]error{
		"another width": second(SplitBundle(bundle, 2)), "too wide": second(SplitBundle(bundle, 4)),
		"cut": second(SplitBundle(bundle[:len(bundle)-1], 3)), "longer": second(SplitBundle(append(slices.Clone(bundle), 0), 3)),
	} {
		if err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := AppendEntry(nil, make([]byte, 65536)); err == nil {
		t.Error("an entry of 65,536 bytes was taken")
	}
}

func second[T any](_ T, err error) error { return err }

func FuzzTilePath(f *testing.F) {
	f.Add("tile/1/x001/x234/067.p/12")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		if tile, err := ParseTilePath(path); err == nil && tile.Path() != path {
			t.Fatalf("%q and %q are one tile", path, tile.Path())
		}
	})
}

func FuzzSplitBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0}, 2)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		entries, err := SplitBundle(data, max(0, min(width, TileWidth)))
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again, _ = AppendEntry(again, e)
		}
		if !slices.Equal(again, data) {
			t.Fatal("two bundles of the same entries")
		}
	})
}
