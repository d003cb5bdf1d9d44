package tlog

import "github.com/assent-iom/assent/ledger"

// Tiler groups the hashes of a log into tiles as they come, up all levels.
type Tiler struct {
	// Edges are the hashes of the last, unfinished tile of each level, level 0 first.
	Edges [][]ledger.Hash
}

// Add takes the next leaf; size is that of the log with it. full is called with each
// tile that it fills, lowest level first, and its error ends it.
func (t *Tiler) Add(size uint64, leaf ledger.Hash, full func(Tile, []ledger.Hash) error) error {
	h := leaf
	for level := 0; ; level++ {
		if level == len(t.Edges) {
			t.Edges = append(t.Edges, nil)
		}
		t.Edges[level] = append(t.Edges[level], h)
		hashes := t.Edges[level]
		if len(hashes) < TileWidth {
			return nil
		}
		if err := full(Tile{Level: level, Index: Width(level, size)/TileWidth - 1, Width: TileWidth}, hashes); err != nil {
			return err
		}
		t.Edges[level] = nil
		h = TileHash(hashes)
	}
}

// Rest calls f with the unfinished tiles of a log of that size.
func (t *Tiler) Rest(size uint64, f func(Tile, []ledger.Hash) error) error {
	for level, edge := range t.Edges {
		if len(edge) == 0 {
			continue
		}
		if err := f(Tile{Level: level, Index: Width(level, size) / TileWidth, Width: len(edge)}, edge); err != nil {
			return err
		}
	}
	return nil
}
