package evidence

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
)

// Log is the ledger that a pack is made from; *store.Store is one.
type Log interface {
	ledger.Reader
	VKey() string
	Verifiers() []note.Verifier // of every key that the log has had
	// CheckpointFrom and CheckpointUpTo return the signed checkpoint nearest to a
	// size: at or above it, at or below it. ledger.ErrNotFound: there is none.
	CheckpointFrom(ctx context.Context, size uint64) ([]byte, error)
	CheckpointUpTo(ctx context.Context, size uint64) ([]byte, error)
	// Cosigned is the published checkpoint if others than the log have signed it too;
	// ledger.ErrNotFound: there is none.
	Cosigned(ctx context.Context) ([]byte, error)
	// ProveGrowth proves that the log of size entries grew from that of old.
	ProveGrowth(ctx context.Context, old, size uint64) ([]ledger.Hash, error)
	// Leaves calls f with the hashes of the first n entries, in order.
	Leaves(ctx context.Context, n uint64, f func(ledger.Hash) error) error
}

// Build writes a pack to a directory that is empty or not there, and returns what
// it holds. A pack that could not be made whole is left as it is: it has no
// SHA256SUMS, and Check refuses it.
func Build(ctx context.Context, log Log, p Params, dir string) (pack Pack, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("making a pack in %s: %w", dir, err)
		}
	}()
	p.From, p.To = p.From.UTC(), p.To.UTC()
	if err := checkParams(p); err != nil {
		return pack, err
	}
	if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
		return pack, errors.New("the directory is not empty")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pack, err
	}
	b := &builder{log: log, dir: dir, params: p, digests: map[string][32]byte{}}
	if err := b.span(ctx); err != nil {
		return pack, err
	}
	return b.build(ctx)
}

type builder struct {
	log              Log
	dir              string
	params           Params
	head             Head
	closing, opening []byte
	grown            []byte         // cosigned
	named            []verify.Keyed // keys.jsonl
	digests          map[string][32]byte
}

// span finds the range of entries that the period is: all whose time lies in it,
// those between them, and the outcomes of its decisions.
func (b *builder) span(ctx context.Context) error {
	first, end, found := uint64(0), uint64(0), false
	beat := ledger.Heartbeat{} // the last from before the period, at beatAt
	beatAt, bad := uint64(0), error(nil)
	open := map[string]bool{}
	err := b.log.Scan(ctx, 0, func(e ledger.Stored) bool {
		in := b.params.within(e.At)
		switch {
		case in && !found:
			first, end, found = e.Index, e.Index+1, true
		case in || e.Kind == ledger.KindOutcome && open[e.Key]:
			end = e.Index + 1
		}
		if in && e.Kind == ledger.KindDecision {
			open[e.Key] = true
		}
		if e.Kind == ledger.KindOutcome {
			delete(open, e.Key)
		}
		if e.Kind == ledger.KindHeartbeat && e.At.Before(b.params.From) {
			beat, bad = ledger.ParseHeartbeat(e.Envelope)
			beatAt = e.Index
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	if !found {
		return errors.New("the ledger has no entry of that time")
	}
	if first, end, err = b.edges(ctx, first, end); err != nil {
		return err
	}
	if beat.At.Add(lateness * beat.Every).After(b.params.From) {
		first = min(first, beatAt) // it vouches for the first minutes of the period
	}
	if err := b.keys(ctx, first); err != nil {
		return err
	}
	b.head.First, b.head.End = first, end
	if err := b.close(ctx, end); err != nil {
		return err
	}
	if err := b.cosigned(ctx); err != nil {
		return err
	}
	b.opening, err = b.log.CheckpointUpTo(ctx, first)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil // the period begins with the log
	case err != nil:
		return err
	}
	before, err := tlog.OpenCheckpoint(b.opening, b.log.Verifiers()...)
	b.head.Opening = before.Size
	return err
}

// close takes the signed head at or above a size.
func (b *builder) close(ctx context.Context, size uint64) (err error) {
	if b.closing, err = b.log.CheckpointFrom(ctx, size); err != nil {
		return err
	}
	head, err := tlog.OpenCheckpoint(b.closing, b.log.Verifiers()...)
	if err != nil {
		return err
	}
	vkey, err := ledger.VKeyAt(ctx, b.log, head.Size, b.log.VKey())
	b.head.Origin, b.head.VKey, b.head.Size, b.head.Root = head.Origin, vkey, head.Size, head.Root
	return err
}

// cosigned takes along what others have signed, and how the log grew to it.
func (b *builder) cosigned(ctx context.Context) error {
	signed, err := b.log.Cosigned(ctx)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := tlog.OpenCheckpoint(signed, b.log.Verifiers()...)
	if err != nil || c.Size < b.head.Size {
		return err // it was cosigned before the period ended: nobody speaks for its end yet
	}
	proof, err := b.log.ProveGrowth(ctx, b.head.Size, c.Size)
	if err != nil {
		return err
	}
	b.head.Cosigned, b.grown = c.Size, tlog.FormatConsistency(b.head.Size, proof, signed)
	return nil
}

// edges widens a range by the entry before it that is from before the period, and
// the one after it that is from after: they show that nothing was left out there.
func (b *builder) edges(ctx context.Context, first, end uint64) (uint64, uint64, error) {
	for first > 0 {
		first--
		e, err := b.log.Get(ctx, first)
		if err != nil {
			return 0, 0, err
		}
		if e.At.Before(b.params.From) {
			break
		}
	}
	for {
		e, err := b.log.Get(ctx, end)
		if errors.Is(err, ledger.ErrNotFound) {
			return first, end, nil // the log ends
		}
		if err != nil {
			return 0, 0, err
		}
		end++
		if !e.At.Before(b.params.To) {
			return first, end, nil
		}
	}
}

// keys takes the entries that name the log's keys, if the pack begins after them.
func (b *builder) keys(ctx context.Context, first uint64) error {
	if first == 0 {
		return nil
	}
	genesis, err := b.log.Get(ctx, 0)
	if err != nil {
		return err
	}
	rotations, err := b.log.Find(ctx, ledger.RotationKey)
	if err != nil {
		return err
	}
	for _, e := range append([]ledger.Stored{genesis}, rotations...) {
		if e.Index < first {
			b.named = append(b.named, verify.Keyed{Index: e.Index, Envelope: e.Envelope})
		}
	}
	return nil
}

func (b *builder) build(ctx context.Context) (Pack, error) {
	d := newDeriver(b.params, b.head)
	if err := d.named(b.named); err != nil {
		return Pack{}, err
	}
	if err := b.entries(ctx, d); err != nil {
		return Pack{}, err
	}
	if err := b.tiles(ctx); err != nil {
		return Pack{}, err
	}
	files := map[string][]byte{fileHead: b.closing, fileVKey: []byte(b.head.VKey + "\n")}
	if b.opening != nil {
		files[fileOpening] = b.opening
	}
	if b.grown != nil {
		files[fileGrown] = b.grown
	}
	if b.named != nil {
		files[fileKeys] = keyLines(b.named)
	}
	prove := tlog.FromTiles(b.head.Size, func(t tlog.Tile) ([]ledger.Hash, error) { return readTile(b.dir, t) })
	pack, err := d.finish(prove)
	if err != nil {
		return pack, err
	}
	made, err := derived(source{
		pack: pack, closing: b.closing, opening: b.opening,
		entry: func(index uint64) ([]byte, error) {
			e, err := b.log.Get(ctx, index)
			return e.Envelope, err
		},
		prove: prove,
	})
	if err != nil {
		return pack, err
	}
	for _, group := range []map[string][]byte{files, made} {
		for name, data := range group {
			if err := b.write(name, data); err != nil {
				return pack, err
			}
		}
	}
	// Last: a folder without it is no pack.
	return pack, os.WriteFile(filepath.Join(b.dir, fileSums), sums(b.digests), 0o600)
}

func (b *builder) write(name string, data []byte) error {
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	b.digests[name] = digest(data)
	return os.WriteFile(path, data, 0o600)
}

// entries writes the period's entries as they were signed, one a line: their form
// has no line ends in it.
func (b *builder) entries(ctx context.Context, d *deriver) (err error) {
	path := filepath.Join(b.dir, filepath.FromSlash(fileEntries))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	out := bufio.NewWriterSize(f, 64<<10)
	var bad error
	err = b.log.Scan(ctx, b.head.First, func(e ledger.Stored) bool {
		if e.Index >= b.head.End {
			return false
		}
		line := append(e.Envelope[:len(e.Envelope):len(e.Envelope)], '\n')
		sum.Write(line)
		if _, bad = out.Write(line); bad == nil {
			bad = d.add(e.Index, e.Envelope)
		}
		return bad == nil
	})
	b.digests[fileEntries] = [32]byte(sum.Sum(nil))
	return errors.Join(err, bad, out.Flush())
}

// tiles writes every hash of the log up to the closing head, and holds it against
// them.
func (b *builder) tiles(ctx context.Context) error {
	t := tiler{put: func(t tlog.Tile, hashes []ledger.Hash) error {
		return b.write(dirLog+t.Path(), tlog.EncodeHashes(hashes))
	}}
	if err := b.log.Leaves(ctx, b.head.Size, t.add); err != nil {
		return err
	}
	if t.size != b.head.Size {
		return fmt.Errorf("the log has %d of the %d entries that its checkpoint covers; run: assent ledger verify", t.size, b.head.Size)
	}
	root, err := t.end()
	if err == nil && root != b.head.Root {
		err = errors.New("the entries do not lead to the root of their checkpoint; run: assent ledger verify")
	}
	return err
}

func readTile(dir string, t tlog.Tile) ([]ledger.Hash, error) {
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(dirLog+t.Path())))
	if err != nil {
		return nil, err
	}
	return tlog.DecodeHashes(data, t.Width)
}

// PublicPEM turns a vkey, NAME+HASH+base64(0x01 ‖ key), into the PEM that openssl
// and cosign read.
func PublicPEM(vkey string) ([]byte, error) {
	key, err := tlog.PublicKey(strings.TrimSpace(vkey))
	if err != nil {
		return nil, err
	}
	der := base64.StdEncoding.EncodeToString(append([]byte(spki), key...))
	return []byte("-----BEGIN PUBLIC KEY-----\n" + der + "\n-----END PUBLIC KEY-----\n"), nil
}

// spki is how the SubjectPublicKeyInfo of every Ed25519 key begins (RFC 8410).
// crypto/x509 would say the same, and take assent-verify over its size.
const spki = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
