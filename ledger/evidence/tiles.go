package evidence

import (
	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// tiler makes the tiles of a log as its hashes come.
type tiler struct {
	tlog.Tiler
	size uint64
	put  func(tlog.Tile, []ledger.Hash) error
}

func (t *tiler) add(h ledger.Hash) error {
	t.size++
	return t.Add(t.size, h, t.put)
}

// end puts the unfinished tiles and returns the root.
func (t *tiler) end() (ledger.Hash, error) {
	if err := t.Rest(t.size, t.put); err != nil {
		return ledger.Hash{}, err
	}
	r, err := tlog.Edge(t.size, t.Edges)
	return r.Root(), err
}
