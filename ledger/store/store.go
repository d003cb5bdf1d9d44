// Package store keeps a ledger in a directory: SQLite for the entries, one key,
// a few small files. It is the Writer and Reader of package ledger.
//
// # What it promises
//
//   - Append returns nil only when the entry, and a signed checkpoint over it,
//     are on disk (write-ahead log, synchronous=FULL). One commit serves everybody
//     who waits: there is no timer.
//   - An error while writing makes the log failed: every later Append is an error.
//     A write that the disk has refused is never tried again, since the kernel may
//     have forgotten the data already.
//   - Several processes may append to one directory at once. Each batch takes the
//     database's write lock, reads where the others have got to, and goes on from
//     there.
//   - A decision that let something through and whose process has died gets the
//     outcome unknown, reason "restart", from whoever opens the ledger next.
//   - A ledger that is older than its high-water mark, as after restoring a backup,
//     is not opened: going on would sign a second history. Nor is one that lacks what
//     a killed process had acknowledged, as when its write-ahead log was damaged.
//
// # The directory
//
//	ledger.db     entries, checkpoints, and the working state
//	key.pem       the signing key (0600); key.next.pem, key.old.pem: see Rotate
//	log.vkey      the public key, for verifiers: keep a copy elsewhere
//	hwm           the newest checkpoint that is known to be on disk
//	sessions/     one locked file for each process that writes: the newest checkpoint
//	              of which it has acknowledged something
//	unseen        which outcomes are unknown, up to a place in the log, so that it is not
//	              read again from its beginning: see Beside
//	public/       the published form: see package publish
//
// SQLite's write-ahead log needs shared memory: the directory MUST be on a local
// file system.
package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
)

// The names of what is in the directory.
const (
	Database = "ledger.db"
	KeyFile  = "key.pem"
	VKeyFile = "log.vkey"
	MarkFile = "hwm"
	openLock = "open.lock"
	markLock = "hwm.lock"

	sessions  = "sessions"
	Public    = "public"
	lockAfter = ".lock"

	publicLock = "public.lock"
)

// Config says which ledger to open and how.
type Config struct {
	Dir string // made with mode 0700 if it is not there
	// Origin names the log. Empty: a new log is called after its key, an old one
	// keeps its name. Anything else than an old log's name is an error.
	Origin string
	// ReadOnly opens without a key, a session or a single write; Append fails.
	ReadOnly bool
	Now      func() time.Time
	Rand     io.Reader   // for the key and the names of sessions
	Log      *zap.Logger // nil: none
}

// Store is an open ledger. It is safe for concurrent use.
type Store struct {
	cfg  Config
	keys atomic.Pointer[keyring]
	// read serves readers; write is the one connection that writes, used by Open
	// and then by the writer goroutine alone.
	read, writeDB *sql.DB
	write         *writer
	session       *session

	sending sync.RWMutex // held for reading while a request goes into the queue
	closed  bool         // guarded by sending
	queue   chan *request
	done    chan struct{} // closed when the writer goroutine has ended
	failed  atomic.Pointer[error]
	size    atomic.Uint64 // the last known number of entries
	packers sync.Pool     // of *flate.Writer: each is a megabyte
}

var (
	_ ledger.Writer = (*Store)(nil)
	_ ledger.Reader = (*Store)(nil)
)

// Open opens the ledger, makes it on first use, and closes what dead processes
// have left open. The caller MUST Close it.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening ledger %s: %w", cfg.Dir, err)
		}
	}()
	if cfg.Dir == "" {
		return nil, errors.New("no directory given")
	}
	if cfg.ReadOnly {
		return openReader(ctx, cfg)
	}
	if cfg.Now == nil || cfg.Rand == nil {
		return nil, errors.New("no clock or no randomness given")
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, sessions), 0o700); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, queue: make(chan *request, QueueBound), done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if s.session, err = newSession(cfg.Dir, cfg.Rand); err != nil {
		return nil, err
	}
	if s.write, err = newWriter(ctx, s); err != nil {
		return nil, err
	}
	go s.run()
	if err := s.resolveDead(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// prepare makes or checks everything under the lock that only one opener holds.
func (s *Store) prepare(ctx context.Context) error {
	lock, err := waitLock(ctx, filepath.Join(s.cfg.Dir, openLock))
	if err != nil {
		return err
	}
	defer lock.Close()

	if s.writeDB, err = openDB(s.path(Database), false); err != nil {
		return err
	}
	s.writeDB.SetMaxOpenConns(1)
	state, err := readState(ctx, s.writeDB)
	if err != nil {
		return err
	}
	if state.origin != "" && s.cfg.Origin != "" && s.cfg.Origin != state.origin {
		return fmt.Errorf("it is the log %q, not %q", state.origin, s.cfg.Origin)
	}
	if state.vkey != "" {
		if err := s.settleKeys(ctx, s.writeDB, state.vkey); err != nil {
			return err
		}
		if _, err := os.Stat(s.path(KeyFile)); err != nil {
			return fmt.Errorf("the log has entries but no key: %w; repair: put %s back, or keep this directory for verification and start a new ledger in another", err, KeyFile)
		}
	}
	name := state.origin
	if name == "" {
		name = s.cfg.Origin
	}
	sealed, err := seal.File(s.path(KeyFile), name, s.cfg.Rand)
	if err != nil {
		return err
	}
	if state.vkey == "" {
		if err := s.found(ctx, sealed); err != nil {
			return err
		}
	} else if state.vkey != sealed.VKey() {
		return fmt.Errorf("%s is not the key that this log is signed with (%s); repair: put that key back", KeyFile, state.vkey)
	}
	if err := s.useKeys(ctx, s.writeDB, sealed, sealed.VKey()); err != nil {
		return err
	}
	if _, err := s.writeDB.ExecContext(ctx, objects); err != nil {
		return fmt.Errorf("preparing %s: %w", Database, err)
	}
	if s.read, err = openDB(s.path(Database), true); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	if err := s.publishKey(); err != nil {
		return err
	}
	return s.checkMark(ctx)
}

// found writes the schema and the genesis entry in one transaction.
func (s *Store) found(ctx context.Context, by *seal.Seal) error {
	instance := make([]byte, 16)
	if _, err := io.ReadFull(s.cfg.Rand, instance); err != nil {
		return fmt.Errorf("naming the ledger: %w", err)
	}
	statement, err := ledger.GenesisStatement(ledger.Genesis{
		Origin: by.Origin(), VKey: by.VKey(), KeyID: by.KeyID(),
		Instance: hex.EncodeToString(instance), At: s.cfg.Now(),
	})
	if err != nil {
		return err
	}
	return found(ctx, s.writeDB, by, statement)
}

// publishKey writes the public key beside the log.
func (s *Store) publishKey() error {
	ours := s.keys.Load()
	want := ours.vkey + "\n"
	have, err := os.ReadFile(s.path(VKeyFile))
	switch {
	case err == nil && string(have) == want:
		return nil
	case err == nil && ours.had(strings.TrimSuffix(string(have), "\n")): // before a rotation
		return seal.Replace(s.path(VKeyFile), []byte(want))
	case err == nil:
		return fmt.Errorf("%s is not the public half of %s; repair: find out who changed it, then delete it", VKeyFile, KeyFile)
	case errors.Is(err, os.ErrNotExist):
		return seal.Replace(s.path(VKeyFile), []byte(want))
	}
	return err
}

func (s *Store) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

// Close writes what is waiting, closes the decisions of this process that are
// still open, and lets go of the directory. Append fails from now on.
func (s *Store) Close() error {
	if s.cfg.ReadOnly {
		return s.read.Close()
	}
	s.sending.Lock()
	again := s.closed
	s.sending.Unlock()
	if again {
		return nil
	}
	var errs []error
	if s.failed.Load() == nil {
		if err := s.resolve(context.Background(), s.session.id, "shutdown"); err != nil {
			errs = append(errs, err)
		}
	}
	s.stop()
	if s.failed.Load() == nil {
		if err := s.raiseMark(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, s.release())...)
}

// stop ends the writer goroutine after it has written what is queued.
func (s *Store) stop() {
	s.sending.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
	s.sending.Unlock()
	<-s.done
}

// release closes whatever is open.
func (s *Store) release() error {
	var errs []error
	if s.write != nil {
		errs = append(errs, s.write.close())
	}
	for _, db := range []*sql.DB{s.read, s.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.session != nil {
		errs = append(errs, s.session.end(s.failed.Load() == nil))
	}
	return errors.Join(errs...)
}
