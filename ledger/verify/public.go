package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// checkpointFile is the signed head of the published form (package publish).
const checkpointFile = "checkpoint"

// Public verifies a ledger in its published form (https://c2sp.org/tlog-tiles)
// and needs nothing but that directory and a key: every tile, every bundle, every
// entry, statement and pairing, and that no file tells another story. Entries
// beyond the checkpoint, of a publication under way, are not looked at. The error
// is not nil exactly when the report's kind is Unfinished.
func Public(ctx context.Context, dir string, opts Options) (Report, error) {
	p := newPublic(opts, dir)
	return p.verified(ctx, p.all)
}

func newPublic(opts Options, dir string) *public {
	p := &public{run: newRun(opts, dir), decisions: map[[16]byte]bool{}}
	p.published, p.next.done = true, true // the one checkpoint is compared at the end
	p.envelopeAt = p.entryAt
	return p
}

// public is a verification of the published form.
type public struct {
	*run
	head      tlog.Checkpoint
	signed    []byte // head
	grown     []byte // of a part: from head to what others have signed
	tiler     tlog.Tiler
	decisions map[[16]byte]bool // ids seen, by their hash: a million are 40 MB
}

func (p *public) all(ctx context.Context) error {
	if err := p.readHead(); err != nil {
		return err
	}
	for i := uint64(0); i*tlog.TileWidth < p.head.Size; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.bundle(ctx, i); err != nil {
			return err
		}
		if p.opts.Progress != nil {
			p.opts.Progress(p.tree.Size(), p.head.Size)
		}
	}
	if err := p.end(); err != nil {
		return err
	}
	return p.others()
}

// readHead checks the key and the signed head, and what it is compared with.
func (p *public) readHead() error {
	signed, err := readSmall(filepath.Join(p.dir, checkpointFile))
	if err != nil {
		return err
	}
	if p.opts.Policy != nil {
		// What the head says of itself; who signed it is looked at with the key of that log.
		if head, err := tlog.ReadCheckpoint(signed); err == nil {
			if err := p.trust(head.Origin); err != nil {
				return err
			}
		}
	}
	if p.opts.VKey == "" {
		p.report.problem(NoIndex, Untrusted, "the published form has no key beside it: give the one you were told (--vkey)")
		return errStop
	}
	if err := p.pinKey(); err != nil {
		return err
	}
	p.signed = signed
	if p.head, err = tlog.ReadCheckpoint(signed); err != nil { // end looks at who signed it
		p.report.problem(NoIndex, Tampered, "the checkpoint does not verify: %v", err)
		return errStop
	}
	p.report.Entries, p.report.Checkpoints = p.head.Size, 1
	if p.opts.Since != nil {
		p.addMark(p.opts.Since, "the checkpoint that was kept")
	}
	if p.grown != nil {
		return p.later()
	}
	return p.witnessed(signed)
}

// later holds the checkpoint that the log grew to against the witness policy.
func (p *public) later() error {
	g, err := tlog.ParseGrowth(bytes.NewReader(p.grown))
	if err == nil && g.Old != p.head.Size {
		err = fmt.Errorf("it begins at %d entries", g.Old)
	}
	var c tlog.Checkpoint
	if err == nil {
		c, err = tlog.ReadCheckpoint(g.Signed)
	}
	if err == nil && c.Origin != p.head.Origin {
		err = fmt.Errorf("it is of the log %s", c.Origin)
	}
	if err == nil {
		proof := make([]ledger.Hash, len(g.Proof))
		for i, h := range g.Proof {
			proof[i] = h
		}
		err = tlog.VerifyConsistency(proof, p.head.Size, c.Size, p.head.Root, c.Root)
	}
	if err != nil {
		p.report.problem(NoIndex, Tampered, "the cosigned checkpoint is none that the log grew to: %v", err)
		return errStop
	}
	return p.witnessed(g.Signed)
}

// bundle checks a bundle of entries against its tile, and grows the tree.
func (p *public) bundle(ctx context.Context, index uint64) error {
	width := int(min(tlog.TileWidth, p.head.Size-index*tlog.TileWidth))
	entries, err := p.readEntries(tlog.Tile{Level: tlog.Entries, Index: index, Width: width})
	if err != nil {
		return err
	}
	if entries == nil {
		return errStop // nothing after it has a place
	}
	leaves, err := p.readTile(tlog.Tile{Level: 0, Index: index, Width: width})
	if err != nil {
		return err
	}
	chunk := make([]entry, len(entries))
	for i := range chunk {
		chunk[i] = entry{index: int64(index*tlog.TileWidth) + int64(i), envelope: entries[i]}
		if leaves != nil {
			chunk[i].leaf = leaves[i][:]
		} else { // said already
			h := tlog.LeafHash(entries[i])
			chunk[i].leaf = h[:]
		}
	}
	p.checkAlone(chunk)
	for i := range chunk {
		if err := p.take(ctx, &chunk[i]); err != nil {
			return err
		}
	}
	return nil
}

// take adds an entry to the tree and its tiles, in order.
func (p *public) take(ctx context.Context, e *entry) error {
	if e.problem == "" && e.about.Kind == ledger.KindDecision {
		id := [16]byte(sum16(e.key))
		if p.decisions[id] {
			e.problem, e.trust = fmt.Sprintf("decision %q is recorded more than once", e.key), Tampered
		}
		p.decisions[id] = true
	}
	if err := p.checkInOrder(ctx, e); err != nil {
		return err
	}
	return p.tiler.Add(p.tree.Size(), e.hash, p.compare)
}

func sum16(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:16]
}

// compare holds a tile above level 0 against the hashes that belong there. The tiles
// of level 0 have been compared entry by entry; those above are when they are full,
// and at the end.
func (p *public) compare(t tlog.Tile, want []ledger.Hash) error {
	if t.Level == 0 {
		return nil
	}
	have, err := p.readTile(t)
	if err != nil || have == nil {
		return err
	}
	for i := range want {
		if have[i] != want[i] {
			p.report.problem(NoIndex, Tampered, "%s: hash %d is not that of the entries", t.Path(), i)
			return nil
		}
	}
	return nil
}

// end checks the upper edge, the root, and what was kept elsewhere.
func (p *public) end() error {
	if err := p.tiler.Rest(p.head.Size, p.compare); err != nil {
		return err
	}
	root := p.tree.Root()
	p.report.Root = root.String()
	switch {
	case p.head.Size == 0:
		p.report.problem(NoIndex, Tampered, "the log is empty: even its genesis is gone")
	case p.tree.Size() != p.head.Size:
		p.report.problem(NoIndex, Tampered, "%d of the %d entries that the checkpoint covers are there", p.tree.Size(), p.head.Size)
	case root != p.head.Root:
		p.report.problem(NoIndex, Tampered, "the entries are not those that the checkpoint covers")
	}
	if _, err := tlog.OpenCheckpoint(p.signed, p.key); err != nil {
		p.report.problem(NoIndex, Tampered, "the checkpoint does not verify: %v", err)
	}
	p.trusted()
	if err := p.passCheckpoints(true); err != nil {
		return err
	}
	p.report.Open = uint64(len(p.open))
	for key, d := range p.open {
		p.report.problem(int64(d.index), Incomplete, "decision %q let something pass and has no outcome yet", key)
	}
	return nil
}

// readTile reads a tile of hashes; nil means that a problem was reported.
func (p *public) readTile(t tlog.Tile) ([]ledger.Hash, error) {
	data, width, err := p.read(t, 32*tlog.TileWidth)
	if err != nil || data == nil {
		return nil, err
	}
	hashes, err := tlog.DecodeHashes(data, width)
	if err != nil {
		p.report.problem(NoIndex, Tampered, "%s: %v", t.Path(), err)
		return nil, nil
	}
	return hashes[:t.Width], nil
}

// readEntries reads a bundle; nil means that a problem was reported.
func (p *public) readEntries(t tlog.Tile) ([][]byte, error) {
	data, width, err := p.read(t, tlog.MaxBundle)
	if err != nil || data == nil {
		return nil, err
	}
	entries, err := tlog.SplitBundle(data, width)
	if err != nil {
		p.report.problem(NoIndex, Tampered, "%s: %v", t.Path(), err)
		return nil, nil
	}
	return entries[:t.Width], nil
}

// read reads a file of at most limit bytes. For a partial tile that is gone its
// full form is read, as the specification asks of readers: width says which.
func (p *public) read(t tlog.Tile, limit int64) (data []byte, width int, err error) {
	data, err = p.file(t, limit)
	if errors.Is(err, fs.ErrNotExist) && t.Width < tlog.TileWidth {
		full := t
		full.Width = tlog.TileWidth
		if data, fullErr := p.file(full, limit); fullErr == nil {
			return data, full.Width, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		p.report.problem(NoIndex, Tampered, "%s is missing", t.Path())
		return nil, 0, nil
	}
	return data, t.Width, err
}

func (p *public) file(t tlog.Tile, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Join(p.dir, filepath.FromSlash(t.Path())))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1)) // one more: it does not pass for what it is not
	if err == nil {
		p.report.Tiles++
	}
	return data, err
}

// entryAt reads one entry again.
func (p *public) entryAt(_ context.Context, index uint64) ([]byte, error) {
	t := tlog.Tile{Level: tlog.Entries, Index: index / tlog.TileWidth}
	t.Width = int(min(tlog.TileWidth, p.head.Size-t.Index*tlog.TileWidth))
	entries, err := p.readEntries(t)
	if err != nil || entries == nil {
		return nil, err
	}
	return entries[index%tlog.TileWidth], nil
}

// others looks at the files that are not part of the published size: narrower
// tiles of earlier sizes must be the beginning of the ones that were checked. The
// directory may be a link, which WalkDir follows only within a path.
func (p *public) others() error {
	return filepath.WalkDir(p.dir+"/.", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(p.dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == checkpointFile || strings.HasSuffix(rel, ".tmp") { // .tmp: a publication that was interrupted
			return nil
		}
		t, err := tlog.ParseTilePath(rel)
		if err != nil || !d.Type().IsRegular() {
			p.report.problem(NoIndex, Tampered, "%s does not belong to a published log", rel)
			return nil
		}
		there := tlog.Width(t.Level, p.head.Size)
		first := t.Index * tlog.TileWidth
		if first >= there || first+uint64(t.Width) >= there || t.Width == tlog.TileWidth {
			return nil // beyond the checkpoint, or compared above
		}
		whole := t
		whole.Width = int(min(tlog.TileWidth, there-first))
		return p.isBeginning(t, whole)
	})
}

func (p *public) isBeginning(part, whole tlog.Tile) error {
	limit := int64(tlog.MaxBundle)
	a, err := p.file(part, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the publisher has removed it meanwhile
	}
	if err != nil {
		return err
	}
	b, err := p.file(whole, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // said already
	}
	if err != nil {
		return err
	}
	complete := len(a) == 32*part.Width
	if part.Level == tlog.Entries {
		_, err := tlog.SplitBundle(a, part.Width)
		complete = err == nil
	}
	if !complete || !bytes.HasPrefix(b, a) {
		p.report.problem(NoIndex, Tampered, "%s is not the beginning of %s", part.Path(), whole.Path())
	}
	return nil
}
