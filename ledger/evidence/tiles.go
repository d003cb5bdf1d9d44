package evidence

import (
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
