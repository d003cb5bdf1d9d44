// Package publish writes a ledger in the form that other people's tools read:
// static files exactly as in https://c2sp.org/tlog-tiles, which any web server,
// or a copied directory, can hand out.
//
//	checkpoint                     the signed head; renamed into place last
//	tile/<L>/<N>[.p/<W>]           hashes; .p: as wide as the log was then
//	tile/entries/<N>[.p/<W>]       the entries themselves, DSSE envelopes
//
// # What it promises
//
//   - What the checkpoint covers is there, and on disk, before it is.
//   - Nothing is published before it is durable in the log, and before the log's
//     high-water mark is as high: a log that was rolled back cannot sign another
//     history of what others have seen.
//   - A full tile is written once and never again; a file that is there with
//     other bytes is an error, not overwritten. Partial tiles are written for the
//     sizes that are published, not for others.
//   - To publish again costs what is new, and nothing if nothing is.
//
// A partial tile or bundle goes when its full one is there, and not before: the
// specification wants it for each size of which a checkpoint was published. While
// the last bundle fills, at most 255 beginnings of it lie beside each other, at most
// 128 times the room of what is in them.
//
// The files are as private as the ledger (0600): they say what was done to whose
// infrastructure. Whoever serves them decides who may read them.
package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Checkpoint is the name of the signed head.
const Checkpoint = "checkpoint"

// Log is the ledger that is published; *store.Store is one.
type Log interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	Scan(ctx context.Context, from uint64, f func(ledger.Stored) bool) error
	// Mark makes the high-water mark as high as a checkpoint, on disk.
	Mark(ctx context.Context, signed []byte) error
	// LockPublished gives one process at a time the right to publish.
	LockPublished(ctx context.Context) (io.Closer, error)
	// Verifiers are of every key that the log has had.
	Verifiers() []note.Verifier
	// Retiring is the key before the log's, while it signs too; nil: none.
	Retiring(ctx context.Context) (note.Signer, error)
}

// Cosign gets more signatures under a checkpoint: whole signature lines. prove
// proves that the tree grew from a smaller one. What comes with an error is used.
type Cosign func(ctx context.Context, signed []byte, prove func(old uint64) ([]ledger.Hash, error)) (lines []byte, err error)

// ErrNotCosigned is returned when all is published, but for some signatures.
var ErrNotCosigned = errors.New("published without all of the cosignatures")

// Publish brings the files in dir up to the log's newest checkpoint, and returns
// the size that is published now. With cosign the checkpoint is published under
// other signatures too; one that could not be had is asked for again next time.
func Publish(ctx context.Context, log Log, dir string, cosign Cosign) (size uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("publishing to %s: %w", dir, err)
		}
	}()
	lock, err := log.LockPublished(ctx)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	keys := log.Verifiers()
	next, err := tlog.OpenCheckpoint(signed, keys...)
	if err != nil {
		return 0, err
	}
	old, err := Published(dir, keys...)
	switch {
	case err != nil:
		return 0, err
	case old.Size > next.Size:
		return 0, fmt.Errorf("%d entries are published and the log has %d: it was rolled back; repair: find out why, and publish to another directory", old.Size, next.Size)
	case old == next && (cosign == nil || complete(dir)):
		return next.Size, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	w := &writer{dir: dir, size: next.Size, old: old}
	if err := w.resume(); err != nil {
		return 0, err
	}
	if err := w.write(ctx, log); err != nil {
		return 0, err
	}
	if err := w.check(next); err != nil {
		return 0, err
	}
	if err := log.Mark(ctx, signed); err != nil {
		return 0, err
	}
	retiring, err := log.Retiring(ctx)
	if err != nil {
		return 0, err
	}
	if retiring != nil {
		if signed, err = tlog.AddSignature(signed, keys, retiring); err != nil {
			return 0, err
		}
	}
	var missing error
	if cosign != nil {
		signed, missing = w.cosigned(ctx, signed, cosign)
	}
	if err := seal.Replace(filepath.Join(dir, Checkpoint), signed); err != nil {
		return 0, err
	}
	if err := remember(dir, missing == nil); err != nil {
		return next.Size, err
	}
	return next.Size, errors.Join(w.prune(), missing)
}

// cosigned adds the signatures that can be had. The tiles are there already.
func (w *writer) cosigned(ctx context.Context, signed []byte, cosign Cosign) ([]byte, error) {
	tree := tlog.FromTiles(w.size, func(t tlog.Tile) ([]ledger.Hash, error) {
		data, err := w.read(t)
		if err != nil {
			return nil, err
		}
		return tlog.DecodeHashes(data, t.Width)
	})
	lines, err := cosign(ctx, signed, func(old uint64) ([]ledger.Hash, error) { return tlog.Consistency(tree, old, w.size) })
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrNotCosigned, err)
	}
	return append(bytes.Clone(signed), lines...), err
}

// incomplete lies beside the published form, which has no place for it, while its
// checkpoint lacks signatures.
func incomplete(dir string) string { return filepath.Clean(dir) + ".incomplete" }

// complete reports whether the checkpoint has other signatures than the log's, and
// none was missing.
func complete(dir string) bool {
	if _, err := os.Stat(incomplete(dir)); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	signed, err := os.ReadFile(filepath.Join(dir, Checkpoint))
	return err == nil && bytes.Count(signed, []byte("\n\u2014 ")) > 1
}

func remember(dir string, whole bool) error {
	if !whole {
		return os.WriteFile(incomplete(dir), nil, 0o600)
	}
	if err := os.Remove(incomplete(dir)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Published returns the checkpoint that is published, or the zero one.
func Published(dir string, keys ...note.Verifier) (tlog.Checkpoint, error) {
	f, err := os.Open(filepath.Join(dir, Checkpoint))
	if errors.Is(err, fs.ErrNotExist) {
		return tlog.Checkpoint{}, nil
	}
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, tlog.MaxCheckpoint+1))
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	c, err := tlog.OpenCheckpoint(signed, keys...)
	if err != nil {
		return c, fmt.Errorf("what is published: %w; repair: find out who changed it, and publish to another directory", err)
	}
	return c, nil
}

// writer holds the right edge of the tree while tiles are written.
type writer struct {
	dir    string
	size   uint64          // that is being published
	old    tlog.Checkpoint // that was published before
	next   uint64          // the entry that comes next
	bundle []byte          // of the last, partial bundle
	tiles  tlog.Tiler
	full   []tlog.Tile // written whole in this publication
}

// resume reads the upper edge of what is published: level 0 is made again from
// the entries, which are needed for their bundle anyway. What is read here is
// not trusted: check compares the roots, the old and the new.
func (w *writer) resume() error {
	size := w.old.Size
	w.next = size / tlog.TileWidth * tlog.TileWidth
	w.tiles.Edges = append(w.tiles.Edges, nil)
	for level := 1; tlog.Width(level, size) > 0; level++ {
		n := tlog.Width(level, size)
		width := int(n % tlog.TileWidth)
		var edge []ledger.Hash
		if width > 0 {
			t := tlog.Tile{Level: level, Index: n / tlog.TileWidth, Width: width}
			data, err := w.read(t)
			if err != nil {
				return err
			}
			if edge, err = tlog.DecodeHashes(data, width); err != nil {
				return fmt.Errorf("%s: %w", t.Path(), err)
			}
		}
		w.tiles.Edges = append(w.tiles.Edges, edge)
	}
	return w.passed()
}

// passed compares the log with what was published before, once it is as long.
func (w *writer) passed() error {
	if w.next != w.old.Size || w.next == 0 {
		return nil
	}
	return w.check(w.old)
}

func (w *writer) read(t tlog.Tile) ([]byte, error) {
	return os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(t.Path())))
}

// write takes the entries up to the published size.
func (w *writer) write(ctx context.Context, log Log) error {
	var bad error
	err := log.Scan(ctx, w.next, func(e ledger.Stored) bool {
		if w.next == w.size {
			return false
		}
		if e.Index != w.next {
			bad = fmt.Errorf("entry %d stands where %d belongs", e.Index, w.next)
			return false
		}
		bad = w.add(e.Envelope)
		return bad == nil
	})
	if err = errors.Join(bad, err); err != nil {
		return err
	}
	if w.next != w.size {
		return fmt.Errorf("the log has %d of the %d entries that its checkpoint covers", w.next, w.size)
	}
	return w.partials()
}

func (w *writer) add(entry []byte) (err error) {
	if w.bundle, err = tlog.AppendEntry(w.bundle, entry); err != nil {
		return fmt.Errorf("entry %d: %w", w.next, err)
	}
	w.next++
	if w.next%tlog.TileWidth == 0 {
		if err := w.put(tlog.Tile{Level: tlog.Entries, Index: w.next/tlog.TileWidth - 1, Width: tlog.TileWidth}, w.bundle); err != nil {
			return err
		}
		w.bundle = nil
	}
	if err := w.tiles.Add(w.next, tlog.LeafHash(entry), w.tile); err != nil {
		return err
	}
	return w.passed()
}

// tile writes a tile of hashes.
func (w *writer) tile(t tlog.Tile, hashes []ledger.Hash) error {
	return w.put(t, tlog.EncodeHashes(hashes))
}

// partials writes the unfinished tiles of the published size.
func (w *writer) partials() error {
	index := w.size / tlog.TileWidth
	if width := int(w.size % tlog.TileWidth); width > 0 {
		if err := w.put(tlog.Tile{Level: tlog.Entries, Index: index, Width: width}, w.bundle); err != nil {
			return err
		}
	}
	return w.tiles.Rest(w.size, w.tile)
}

// put writes a file once: one that is there MUST have the same bytes, since it
// may have been seen.
func (w *writer) put(t tlog.Tile, data []byte) error {
	path := filepath.Join(w.dir, filepath.FromSlash(t.Path()))
	if t.Width == tlog.TileWidth {
		w.full = append(w.full, t)
	}
	have, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(have, data):
		return nil
	case err == nil:
		return fmt.Errorf("%s is there with other bytes; repair: find out who changed it, and publish to another directory", t.Path())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDirs(filepath.Dir(path)); err != nil {
		return err
	}
	return seal.Replace(path, data)
}

// check compares the tiles with the checkpoint: it is not published over others.
func (w *writer) check(c tlog.Checkpoint) error {
	r, err := tlog.Edge(c.Size, w.tiles.Edges)
	if err != nil {
		return err
	}
	if r.Root() != c.Root {
		return errors.New("the tiles that are published do not lead to the log's root; repair: run assent ledger verify, find out who changed them, and publish to another directory")
	}
	return nil
}
