package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/ledger"
)

// TileWidth is how many hashes a full tile, and entries a full bundle, has
// (https://c2sp.org/tlog-tiles).
const TileWidth = 256

// Entries stands for the level of the entry bundles, which lie beside the tiles.
const Entries = -1

// Tile names a tile of hashes or a bundle of entries.
type Tile struct {
	Level int    // 0 is nearest to the entries; Entries: a bundle
	Index uint64 // within its level
	Width int    // 1 to TileWidth; less: a partial one
}

// Path returns where a tile is, from the log's root.
func (t Tile) Path() string {
	level := "entries"
	if t.Level != Entries {
		level = fmt.Sprint(t.Level)
	}
	path := fmt.Sprintf("%03d", t.Index%1000)
	for n := t.Index / 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "tile/" + level + "/" + path
	if t.Width != TileWidth {
		path += fmt.Sprintf(".p/%d", t.Width)
	}
	return path
}

// Tiles returns the tiles and bundles that a log of the given size consists of:
// the bundles first, then the levels upwards, each in order.
func Tiles(size uint64) func(yield func(Tile) bool) {
	return func(yield func(Tile) bool) {
		for level := Entries; ; level++ {
			n := Width(level, size)
			if n == 0 {
				return
			}
			for i := uint64(0); i*TileWidth < n; i++ {
				if !yield(Tile{level, i, int(min(TileWidth, n-i*TileWidth))}) {
					return
				}
			}
		}
	}
}

// Width returns how many hashes a level has in a log of the given size.
func Width(level int, size uint64) uint64 {
	if level > 0 {
		if level > 7 {
			return 0 // 256^8 is beyond any size
		}
		return size >> (8 * level)
	}
	return size
}

// TileHash returns the hash that a full tile has in the level above.
func TileHash(hashes []ledger.Hash) ledger.Hash {
	var r Range
	for _, h := range hashes {
		r.Append(h)
	}
	return r.Root()
}

// Edge returns the compact range of a tree from the hashes of the last, partial
// tile of each level, level 0 first; a level whose last tile is full has none.
func Edge(size uint64, edges [][]ledger.Hash) (Range, error) {
	out := Range{size: size}
	for level := len(edges) - 1; level >= 0; level-- {
		if uint64(len(edges[level])) != Width(level, size)%TileWidth {
			return Range{}, fmt.Errorf("level %d of a log of %d entries ends with %d hashes", level, size, len(edges[level]))
		}
		var r Range
		for _, h := range edges[level] {
			r.Append(h)
		}
		out.nodes = append(out.nodes, r.nodes...)
	}
	if Width(len(edges), size) != 0 {
		return Range{}, fmt.Errorf("a log of %d entries has more than %d levels", size, len(edges))
	}
	return out, nil
}

// EncodeHashes writes a tile.
func EncodeHashes(hashes []ledger.Hash) []byte {
	out := make([]byte, 0, 32*len(hashes))
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

// DecodeHashes reads a tile of the given width, and nothing else.
func DecodeHashes(data []byte, width int) ([]ledger.Hash, error) {
	if len(data) != 32*width {
		return nil, fmt.Errorf("a tile of %d hashes has %d bytes", width, len(data))
	}
	out := make([]ledger.Hash, width)
	for i := range out {
		copy(out[i][:], data[32*i:])
	}
	return out, nil
}

// AppendEntry adds an entry to a bundle.
func AppendEntry(bundle, entry []byte) ([]byte, error) {
	if len(entry) > ledger.MaxEnvelope {
		return nil, fmt.Errorf("an entry of %d bytes does not fit in a bundle, the limit is %d", len(entry), ledger.MaxEnvelope)
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...), nil
}

// MaxBundle is the longest bundle there can be.
const MaxBundle = TileWidth * (2 + ledger.MaxEnvelope)

// SplitBundle reads a bundle of the given width, and nothing else. The entries
// share its memory.
func SplitBundle(bundle []byte, width int) ([][]byte, error) {
	out := make([][]byte, 0, min(width, TileWidth))
	for len(out) < width {
		if len(bundle) < 2 {
			return nil, errors.New("the bundle ends early")
		}
		n := int(binary.BigEndian.Uint16(bundle))
		if bundle = bundle[2:]; len(bundle) < n {
			return nil, errors.New("the bundle ends within an entry")
		}
		out, bundle = append(out, bundle[:n:n]), bundle[n:]
	}
	if len(bundle) > 0 {
		return nil, fmt.Errorf("%d bytes after the end of the bundle", len(bundle))
	}
	return out, nil
}

// ParseTilePath reads what Path wrote, and nothing else.
func ParseTilePath(path string) (Tile, error) {
	bad := func() (Tile, error) { return Tile{}, fmt.Errorf("%q is no path of a tile", path) }
	parts := strings.Split(path, "/")
	if len(parts) < 3 || len(parts) > 12 || parts[0] != "tile" {
		return bad()
	}
	t := Tile{Level: Entries, Width: TileWidth}
	if parts[1] != "entries" {
		if _, err := fmt.Sscanf(parts[1], "%d", &t.Level); err != nil || t.Level < 0 {
			return bad()
		}
	}
	rest := parts[2:]
	if last := len(rest) - 1; last > 0 && strings.HasSuffix(rest[last-1], ".p") {
		if _, err := fmt.Sscanf(rest[last], "%d", &t.Width); err != nil || t.Width < 1 || t.Width >= TileWidth {
			return bad()
		}
		rest = rest[:last]
		rest[last-1] = strings.TrimSuffix(rest[last-1], ".p")
	}
	for _, part := range rest {
		var n uint64
		if _, err := fmt.Sscanf(strings.TrimPrefix(part, "x"), "%03d", &n); err != nil || n > 999 || t.Index > (1<<62)/1000 {
			return bad()
		}
		t.Index = t.Index*1000 + n
	}
	if t.Path() != path { // every other spelling of the same
		return bad()
	}
	return t, nil
}

// keptTiles bounds what is kept of tiles that are read for proofs: 8 MB.
const keptTiles = 1024

// FromTiles makes Subtrees from the tiles of a log of the given size: a subtree of 2^l
// entries is a hash of a tile of level l/8, or the root of some hashes of one.
func FromTiles(size uint64, read func(Tile) ([]ledger.Hash, error)) Subtrees {
	kept := map[Tile][]ledger.Hash{}
	return func(level int, index uint64) (ledger.Hash, error) {
		at, n := level/8, uint64(1)<<(level%8) // n hashes of the level at
		first := index * n
		t := Tile{Level: at, Index: first / TileWidth}
		t.Width = int(min(TileWidth, Width(at, size)-t.Index*TileWidth))
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
		offset := first % TileWidth
		if offset+n > uint64(len(hashes)) {
			return ledger.Hash{}, fmt.Errorf("%s has %d hashes, %d are wanted", t.Path(), len(hashes), offset+n)
		}
		return TileHash(hashes[offset : offset+n]), nil
	}
}
