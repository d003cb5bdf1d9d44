package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// keyring is every key that a log has had.
type keyring struct {
	seal *seal.Seal        // of the one that signs now; nil when opened read-only
	vkey string            // of the one that signs now
	past []ledger.Rotation // how it came to it, the newest first
	all  []note.Verifier   // of every one, the newest first
}

// querier is a database, or a connection to one.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

const (
	getVKey      = `SELECT value FROM meta WHERE name = 'vkey'`
	getRotations = selectEntry + `WHERE key = '` + ledger.RotationKey + `' AND key <> '' AND kind = '` + string(ledger.KindKey) + `' ORDER BY idx DESC`
)

// rotations reads how the log went from key to key, the newest first.
func rotations(ctx context.Context, db querier) ([]ledger.Rotation, error) {
	rows, err := db.QueryContext(ctx, getRotations)
	if err != nil {
		return nil, fmt.Errorf("reading the log's keys: %w", err)
	}
	defer rows.Close()
	var out []ledger.Rotation
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		r, err := ledger.ParseRotation(e.Envelope)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// useKeys makes a key the one of this store, after those that the log had before.
func (s *Store) useKeys(ctx context.Context, db querier, by *seal.Seal, vkey string) error {
	past, err := rotations(ctx, db)
	if err != nil {
		return err
	}
	k := &keyring{seal: by, vkey: vkey, past: past}
	for _, vkey := range append([]string{vkey}, k.before()...) {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return fmt.Errorf("the log's key %q: %w", vkey, err)
		}
		k.all = append(k.all, v)
	}
	s.keys.Store(k)
	return nil
}

// before are the keys that the log had before this one.
func (k *keyring) before() []string {
	vkeys := make([]string, len(k.past))
	for i, r := range k.past {
		vkeys[i] = r.From
	}
	return vkeys
}

// had reports whether a key is one of those that the log had before.
func (k *keyring) had(vkey string) bool { return slices.Contains(k.before(), vkey) }

// follow looks whether another process has gone over to another key, and goes over
// too.
func (s *Store) follow(ctx context.Context) error {
	var vkey []byte
	if err := s.read.QueryRowContext(ctx, getVKey).Scan(&vkey); err != nil {
		return fmt.Errorf("reading the log's key: %w", err)
	}
	have := s.keys.Load()
	if have.vkey == string(vkey) {
		return nil
	}
	var next *seal.Seal
	if have.seal != nil {
		// It is in the one place or, while it is being moved, in the other.
		var bad error
		for _, name := range []string{KeyFile, nextKeyFile, KeyFile} {
			if next, bad = seal.Existing(s.path(name), have.seal.Origin()); bad == nil && next.VKey() == string(vkey) {
				break
			}
			next = nil
		}
		if next == nil {
			return errors.Join(fmt.Errorf("the log has gone over to the key %s, which is not in %s", vkey, KeyFile), bad)
		}
	}
	return s.useKeys(ctx, s.read, next, string(vkey))
}

// Verifiers check the log's checkpoints: one for every key it has had, the newest
// first. A checkpoint is signed by the one that was in force.
func (s *Store) Verifiers() []note.Verifier {
	if err := s.follow(context.Background()); err != nil && s.cfg.Log != nil {
		s.cfg.Log.Warn("looking for the ledger's newest key: " + err.Error())
	}
	return s.keys.Load().all
}

// VKey returns the public key that verifies the log, for pinning elsewhere.
func (s *Store) VKey() string { return s.keys.Load().vkey }

// Origin returns the log's name.
func (s *Store) Origin() string { return s.keys.Load().all[0].Name() }

// Retiring signs what is published beside the log's key, while the one before it is
// still accepted; nil: there is none.
func (s *Store) Retiring(ctx context.Context) (note.Signer, error) {
	if _, err := os.Stat(s.path(oldKeyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	past := s.keys.Load().past
	if !s.overlaps(past) {
		return nil, nil
	}
	old, err := seal.Existing(s.path(oldKeyFile), s.Origin())
	if err != nil {
		return nil, err
	}
	if old.VKey() != past[0].From {
		return nil, fmt.Errorf("%s is not the key that the log had before; repair: delete it", oldKeyFile)
	}
	return old.NoteSigner(), nil
}

// overlaps reports whether the key before the last rotation still signs too.
func (s *Store) overlaps(past []ledger.Rotation) bool {
	return len(past) > 0 && s.now().Before(past[0].Until)
}

func (s *Store) now() time.Time {
	if s.cfg.Now == nil { // read-only
		return time.Now()
	}
	return s.cfg.Now()
}

// Rotate makes a new key and goes over to it: with an entry that both keys sign, and
// a checkpoint under the new one. Processes that have the ledger open go on with the
// new key. Until r.Until the old key is kept, and signs what is published too; with
// no such time it is deleted. r says why and who; the rest is filled in.
func Rotate(ctx context.Context, cfg Config, r ledger.Rotation) (_ ledger.Rotation, receipt ledger.Receipt, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("rotating the key of %s: %w", cfg.Dir, err)
		}
	}()
	s, err := Open(ctx, cfg)
	if err != nil {
		return r, receipt, err
	}
	s.stop() // the connection that writes is this goroutine's from here on
	defer func() { err = errors.Join(err, s.release()) }()

	old := s.keys.Load().seal
	next, err := seal.File(s.path(nextKeyFile), old.Origin(), cfg.Rand)
	if err != nil {
		return r, receipt, err
	}
	r.Origin, r.From, r.To, r.At = old.Origin(), old.VKey(), next.VKey(), cfg.Now()
	if r.Until.Before(r.At) {
		r.Until = time.Time{}
	}
	if receipt, err = s.write.rotate(ctx, next, r); err != nil {
		return r, receipt, err
	}
	lock, err := waitLock(ctx, s.path(openLock))
	if err != nil {
		return r, receipt, err
	}
	defer lock.Close()
	if err := s.settleKeys(ctx, s.read, r.To); err != nil {
		return r, receipt, err
	}
	if err := s.follow(ctx); err != nil {
		return r, receipt, err
	}
	return r, receipt, errors.Join(s.publishKey(), s.raiseMark())
}

// rotate appends the rotation, under a checkpoint that the next key signs.
func (w *writer) rotate(ctx context.Context, next *seal.Seal, r ledger.Rotation) (receipt ledger.Receipt, err error) {
	e, err := ledger.RotationEntry(r)
	if err != nil {
		return receipt, err
	}
	envelope, err := w.seal.HandOver(next, e.Statement)
	if err != nil {
		return receipt, err
	}
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return receipt, fmt.Errorf("beginning a batch: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.abort(context.WithoutCancel(ctx)))
		}
	}()
	tree, seq, err := w.reach(ctx)
	if err != nil {
		return receipt, err
	}
	receipt = ledger.Receipt{Index: tree.Size(), LeafHash: tlog.LeafHash(envelope)}
	if _, err := w.entry.ExecContext(ctx, int64(receipt.Index), string(e.Kind), e.Key, envelope, receipt.LeafHash[:]); err != nil {
		return receipt, fmt.Errorf("writing entry: %w", err)
	}
	tree.Append(receipt.LeafHash)
	if _, err := w.conn.ExecContext(ctx, `UPDATE meta SET value = ? WHERE name = 'vkey'`, []byte(next.VKey())); err != nil {
		return receipt, fmt.Errorf("writing the key: %w", err)
	}
	w.seal = next
	head, signed, err := w.sign(ctx, tree, seq)
	if err != nil {
		return receipt, err
	}
	if _, err := w.commit.ExecContext(ctx); err != nil {
		return receipt, fmt.Errorf("committing a batch: %w", err)
	}
	w.last, w.signed = head, signed
	return receipt, nil
}

// settleKeys puts the log's key where it belongs, and deletes the one before it when
// its time is over. What a crash has left of a rotation is brought to its end. The
// caller holds the lock of openers.
func (s *Store) settleKeys(ctx context.Context, db querier, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	next, err := seal.Existing(s.path(nextKeyFile), verifier.Name())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	moved := next != nil && next.VKey() == vkey
	past, err := rotations(ctx, db)
	if err != nil {
		return err
	}
	kept := s.overlaps(past)
	if moved {
		if kept { // a link: at no time is there no key
			if err := os.Remove(s.path(oldKeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := os.Link(s.path(KeyFile), s.path(oldKeyFile)); err != nil {
				return err
			}
		}
		if err := os.Rename(s.path(nextKeyFile), s.path(KeyFile)); err != nil {
			return err
		}
		if err := seal.SyncDir(s.cfg.Dir); err != nil {
			return err
		}
	}
	if !kept {
		if err := os.Remove(s.path(oldKeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// The keys beside KeyFile: the one that a rotation is going over to, and the one
// that it left.
const (
	nextKeyFile = "key.next.pem"
	oldKeyFile  = "key.old.pem"
)
