package evidence

import (
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// tiler groups hashes into tiles as they come, up all levels.
type tiler struct {
	size  uint64
	edges [][]ledger.Hash
	put   func(tlog.Tile, []ledger.Hash) error
}

func (t *tiler) add(h ledger.Hash) error {
	t.size++
	return t.grow(0, h)
}

func (t *tiler) grow(level int, h ledger.Hash) error {
	if level == len(t.edges) {
		t.edges = append(t.edges, nil)
	}
	t.edges[level] = append(t.edges[level], h)
	if len(t.edges[level]) < tlog.TileWidth {
		return nil
	}
	hashes := t.edges[level]
	t.edges[level] = nil
	if err := t.put(tlog.Tile{Level: level, Index: tlog.Width(level, t.size)/tlog.TileWidth - 1, Width: tlog.TileWidth}, hashes); err != nil {
		return err
	}
	return t.grow(level+1, tlog.TileHash(hashes))
}

// end puts the unfinished tiles and returns the root.
func (t *tiler) end() (ledger.Hash, error) {
	for level, edge := range t.edges {
		if len(edge) > 0 {
			if err := t.put(tlog.Tile{Level: level, Index: tlog.Width(level, t.size) / tlog.TileWidth, Width: len(edge)}, edge); err != nil {
				return ledger.Hash{}, err
			}
		}
	}
	r, err := tlog.Edge(t.size, t.edges)
	return r.Root(), err
}

// keptTiles bounds what is kept of tiles that are read for proofs: 8 MB.
const keptTiles = 1024

// subtrees proves from the tiles of a log of the given size: a subtree of 2^l
// entries is a hash of a tile of level l/8, or the root of some hashes of one.
func subtrees(size uint64, read func(tlog.Tile) ([]ledger.Hash, error)) tlog.Subtrees {
	kept := map[tlog.Tile][]ledger.Hash{}
	return func(level int, index uint64) (ledger.Hash, error) {
		at, n := level/8, uint64(1)<<(level%8) // n hashes of the level at
		first := index * n
		t := tlog.Tile{Level: at, Index: first / tlog.TileWidth}
		t.Width = int(min(tlog.TileWidth, tlog.Width(at, size)-t.Index*tlog.TileWidth))
		hashes, ok := kept[t]
		if !ok {
			var err error
			if hashes, err = read(t); err != nil {
				return ledger.Hash{}, err
			}
			if len(kept) >= keptTiles {
				clear(kept)
			}
			kept[t] = hashes
		}
		offset := first % tlog.TileWidth
		if offset+n > uint64(len(hashes)) {
			return ledger.Hash{}, fmt.Errorf("%s has %d hashes, %d are wanted", t.Path(), len(hashes), offset+n)
		}
		return tlog.TileHash(hashes[offset : offset+n]), nil
	}
}
