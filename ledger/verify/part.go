package verify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// entriesFile holds the entries of a part, one a line of at most maxLine bytes.
const (
	entriesFile = "entries.jsonl"
	maxLine     = ledger.MaxEnvelope + 1
)

// Part is a range of a log that is handed out by itself: the signed head and all
// hash tiles of the log, and the entries from First on.
type Part struct {
	Dir     string // checkpoint, tile/<L>/…, entries.jsonl
	First   uint64
	Opening []byte // a signed checkpoint from before it; nil: none
	// Grown is how the log grew from the part's head to a checkpoint that others have
	// cosigned (c2sp tlog-witness, add-checkpoint); nil: the head itself is asked.
	Grown []byte
	// Keys are, if First is not 0, the log's genesis and the changes of its key before
	// First. Without them the key that is given has to be the one at First.
	Keys []Keyed
	// Each is told of every entry that holds, in order. It may be nil.
	Each func(index uint64, envelope []byte) error
}

// Check verifies a part: that its entries are the log's from First on without one
// missing, each signature, each statement, and each pairing within it. A decision
// before First is known by its hash alone. The report's Entries are the part's. The
// error is not nil exactly when the report's kind is Unfinished.
func (part Part) Check(ctx context.Context, opts Options) (Report, error) {
	p := newPublic(opts, part.Dir)
	r := &ranged{public: p, part: part}
	p.grown = part.Grown
	p.from, p.leafAt, p.envelopeAt = part.First, r.leaf, r.envelope
	return p.verified(ctx, r.all)
}

// Keyed is an entry that says which key is the log's.
type Keyed struct {
	Index    uint64
	Envelope []byte
}

// follow goes from key to key up to the part.
func (r *ranged) follow() error {
	for i, k := range r.part.Keys {
		if k.Index >= r.part.First || (i == 0) != (k.Index == 0) || i > 0 && k.Index <= r.part.Keys[i-1].Index {
			r.report.problem(int64(k.Index), Tampered, "the entries that name the log's keys are not in order")
			return errStop
		}
		h, err := r.leaf(k.Index)
		if err != nil {
			return err
		}
		e := entry{index: int64(k.Index), envelope: k.Envelope, leaf: h[:]}
		if i == 0 {
			r.begin(k.Envelope)
		}
		r.check(&e)
		switch {
		case e.problem != "":
			r.report.problem(e.index, e.trust, "%s", e.problem)
			return errStop
		case i == 0 && e.about.Kind == ledger.KindGenesis:
		case i > 0 && e.next != "":
			if err := r.goOver(e.next); err != nil {
				return err
			}
		default:
			r.report.problem(e.index, Tampered, "it is no entry that names a key")
			return errStop
		}
	}
	return nil
}

// ranged is a verification of a part.
type ranged struct {
	*public
	part    Part
	file    *os.File
	offsets []int64 // of the entries in the file
	tiles   map[uint64][]ledger.Hash
}

// keptTiles bounds the tiles that are kept: entries are asked for in order, and
// an outcome's decision is mostly near.
const keptTiles = 64

func (r *ranged) all(ctx context.Context) error {
	if err := r.readHead(); err != nil {
		return err
	}
	if r.part.Opening != nil {
		r.addMark(r.part.Opening, "the checkpoint before the period")
	}
	if r.part.First > r.head.Size {
		r.report.problem(NoIndex, Tampered, "the part begins at %d, the log ends at %d", r.part.First, r.head.Size)
		return errStop
	}
	r.report.Entries = 0
	if err := r.follow(); err != nil {
		return err
	}
	var err error
	r.file, err = os.Open(filepath.Join(r.dir, entriesFile))
	if errors.Is(err, fs.ErrNotExist) {
		r.report.problem(NoIndex, Tampered, "%s is missing", entriesFile)
		return errStop
	}
	if err != nil {
		return err
	}
	defer r.file.Close()
	if err := r.hashes(ctx, r.part.First); err != nil {
		return err
	}
	if err := r.lines(ctx, bufio.NewReaderSize(r.file, maxLine)); err != nil {
		return err
	}
	if err := r.hashes(ctx, r.head.Size); err != nil {
		return err
	}
	return r.end()
}

// hashes adds entries that are known by their hash alone, up to an index.
func (r *ranged) hashes(ctx context.Context, to uint64) error {
	for r.tree.Size() < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.leaf(r.tree.Size())
		if err != nil {
			return err
		}
		r.tree.Append(h)
		if err := r.tiler.Add(r.tree.Size(), h, r.compare); err != nil {
			return err
		}
		if err := r.passCheckpoints(false); err != nil {
			return err
		}
	}
	return nil
}

// leaf is the hash that the log has of an entry.
func (r *ranged) leaf(index uint64) (ledger.Hash, error) {
	n := index / tlog.TileWidth
	hashes, ok := r.tiles[n]
	if !ok {
		t := tlog.Tile{Level: 0, Index: n, Width: int(min(tlog.TileWidth, r.head.Size-n*tlog.TileWidth))}
		var err error
		if hashes, err = r.readTile(t); err != nil {
			return ledger.Hash{}, err
		}
		if hashes == nil {
			return ledger.Hash{}, errStop // said already
		}
		if len(r.tiles) >= keptTiles || r.tiles == nil {
			r.tiles = map[uint64][]ledger.Hash{}
		}
		r.tiles[n] = hashes
	}
	return hashes[index%tlog.TileWidth], nil
}

// lines checks the entries, in chunks: each alone on all cores, then in order.
func (r *ranged) lines(ctx context.Context, in *bufio.Reader) error {
	offset := int64(0)
	for next := r.part.First; ; {
		var chunk []entry
		for len(chunk) < chunkEntries {
			line, err := in.ReadSlice('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				break
			}
			if err != nil { // no entry is that long, and each line has its end
				r.report.problem(int64(next), Tampered, "%s: a line is cut, or longer than an entry can be", entriesFile)
				return errStop
			}
			if next == r.head.Size {
				r.report.problem(NoIndex, Tampered, "%s goes on beyond the end of the log", entriesFile)
				return errStop
			}
			h, err := r.leaf(next)
			if err != nil {
				return err
			}
			chunk = append(chunk, entry{index: int64(next), envelope: bytes.Clone(bytes.TrimSuffix(line, []byte("\n"))), leaf: h[:]})
			r.offsets, offset = append(r.offsets, offset), offset+int64(len(line))
			next++
		}
		if len(chunk) == 0 {
			return nil
		}
		r.report.Entries += uint64(len(chunk))
		r.checkAlone(chunk)
		for i := range chunk {
			if err := r.one(ctx, &chunk[i]); err != nil {
				return err
			}
		}
	}
}

func (r *ranged) one(ctx context.Context, e *entry) error {
	if e.problem != "" {
		// The tree goes on with what the log has there, so that one bad entry is one problem.
		e.hash = ledger.Hash(e.leaf)
	}
	verified := r.report.Verified
	if err := r.take(ctx, e); err != nil {
		return err
	}
	if r.part.Each != nil && r.report.Verified > verified {
		if err := r.part.Each(uint64(e.index), e.envelope); err != nil {
			return fmt.Errorf("entry %d: %w", e.index, err)
		}
	}
	return nil
}

// envelope reads one entry of the part again, nil if it is not in it.
func (r *ranged) envelope(_ context.Context, index uint64) ([]byte, error) {
	if index < r.part.First || index-r.part.First >= uint64(len(r.offsets)) {
		return nil, nil
	}
	line := make([]byte, maxLine)
	n, err := r.file.ReadAt(line, r.offsets[index-r.part.First])
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line, _, _ = bytes.Cut(line[:n], []byte("\n"))
	return line, nil
}
