package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// markEvery is after how many batches the high-water mark is raised: often
// enough that a restored copy of any age is noticed, seldom enough to cost
// nothing.
const markEvery = 256

// ErrRolledBack is returned by Open for a database that is older than, or has
// another past than, what this directory has seen.
var ErrRolledBack = errors.New("the ledger was rolled back")

// checkMark compares the database with the high-water mark, and raises the mark.
func (s *Store) checkMark(ctx context.Context) error {
	// One transaction: other processes append meanwhile.
	tx, err := s.writeDB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading the last checkpoint: %w", err)
	}
	defer tx.Rollback() // nothing was written
	var seq int64
	var signed []byte
	if err := tx.QueryRowContext(ctx, lastCheckpoint).Scan(&seq, &signed); err != nil {
		return fmt.Errorf("reading the last checkpoint: %w", err)
	}
	last, err := tlog.OpenCheckpoint(signed, s.keys.Load().all...)
	if err != nil {
		return err
	}
	var entries uint64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(idx)+1, 0) FROM entries`).Scan(&entries); err != nil {
		return fmt.Errorf("counting entries: %w", err)
	}
	if entries != last.Size {
		return fmt.Errorf("%s has %d entries, its last checkpoint covers %d; run: assent ledger verify", Database, entries, last.Size)
	}
	s.size.Store(last.Size)

	mark, err := readMark(s.path(MarkFile), s.keys.Load().all)
	if err == nil {
		err = s.contains(ctx, tx, last, mark, MarkFile)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.checkSessions(ctx, tx, last); err != nil {
		return err
	}
	return s.writeMark(signed, last)
}

// contains checks that a log that ends at last has a checkpoint that is known from
// elsewhere.
func (s *Store) contains(ctx context.Context, tx *sql.Tx, last, mark tlog.Checkpoint, from string) error {
	if mark.Size > last.Size {
		return fmt.Errorf("%w: %s ends at %d entries, but %d have been on this disk (%s); "+
			"repair: put the newer %s back, or keep this directory for verification and start a new ledger in another",
			ErrRolledBack, Database, last.Size, mark.Size, from, Database)
	}
	var there []byte
	err := tx.QueryRowContext(ctx, `SELECT note FROM checkpoints WHERE size = ?`, mark.Size).Scan(&there)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("reading the checkpoint of %d entries: %w", mark.Size, err)
	}
	was, openErr := tlog.OpenCheckpoint(there, s.keys.Load().all...)
	if err != nil || openErr != nil || was != mark {
		return fmt.Errorf("%w: %s has another past than %s at %d entries; "+
			"repair: put the right %s back, or start a new ledger in another directory",
			ErrRolledBack, Database, from, mark.Size, Database)
	}
	return nil
}

// checkSessions compares the database with what processes that have died had
// acknowledged. The high-water mark is raised seldom, and SQLite takes a damaged
// write-ahead log for one that ends at the damage.
func (s *Store) checkSessions(ctx context.Context, tx *sql.Tx, last tlog.Checkpoint) error {
	files, err := sessionFiles(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			continue // it has acknowledged nothing, or ended at this moment
		}
		file, err := holdLock(path)
		if errors.Is(err, errLocked) {
			continue // it lives
		}
		if err != nil {
			return fmt.Errorf("looking after session %s: %w", path, err)
		}
		dead := &session{file: file}
		signed, err := dead.acknowledged()
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("looking after session %s: %w", path, err)
		}
		if len(signed) == 0 {
			continue
		}
		mark, err := tlog.OpenCheckpoint(signed, s.keys.Load().all...)
		if err != nil {
			return fmt.Errorf("%s: %w; repair: find out who changed it, run: assent ledger verify, then delete it", path, err)
		}
		if err := s.contains(ctx, tx, last, mark, path); err != nil {
			return err
		}
	}
	return nil
}

// raiseMark records the newest checkpoint that this process knows to be on disk.
// It runs in the writer goroutine, and in Close after that has ended.
func (s *Store) raiseMark() error {
	if s.write == nil || s.write.last.Size == 0 {
		return nil
	}
	return s.writeMark(s.write.signed, s.write.last)
}

func readMark(path string, keys []note.Verifier) (tlog.Checkpoint, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	c, err := tlog.OpenCheckpoint(data, keys...)
	if err != nil {
		return c, fmt.Errorf("%s: %w; repair: find out who changed it, run: assent ledger verify, then delete it", path, err)
	}
	return c, nil
}

// Mark makes the high-water mark at least as high as a checkpoint of this log
// that is about to leave this machine: whatever happens, no shorter history is
// signed here from now on. It is on disk when Mark returns.
func (s *Store) Mark(ctx context.Context, signed []byte) error {
	c, err := tlog.OpenCheckpoint(signed, s.keys.Load().all...)
	if err != nil {
		return err
	}
	lock, err := waitLock(ctx, s.path(markLock))
	if err != nil {
		return fmt.Errorf("locking the high-water mark: %w", err)
	}
	defer lock.Close()
	return s.replaceMark(signed, c)
}

// writeMark raises the mark unless it is as high already, or another process is
// raising it at this moment.
func (s *Store) writeMark(signed []byte, c tlog.Checkpoint) error {
	lock, err := holdLock(s.path(markLock))
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("locking the high-water mark: %w", err)
	}
	defer lock.Close()
	return s.replaceMark(signed, c)
}

// replaceMark never lowers the mark. The caller holds its lock.
func (s *Store) replaceMark(signed []byte, c tlog.Checkpoint) error {
	have, err := readMark(s.path(MarkFile), s.keys.Load().all)
	if err == nil && have.Size >= c.Size {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := seal.Replace(s.path(MarkFile), bytes.Clone(signed)); err != nil {
		return fmt.Errorf("writing the high-water mark: %w", err)
	}
	return nil
}

// LockPublished waits for the right to write the published form, which one
// process has at a time. The caller MUST close what it gets.
func (s *Store) LockPublished(ctx context.Context) (io.Closer, error) {
	lock, err := waitLock(ctx, s.path(publicLock))
	if err != nil {
		return nil, fmt.Errorf("locking the published form: %w", err)
	}
	return lock, nil
}

// Public is the directory of the published form (package publish).
func (s *Store) Public() string { return s.path(Public) }
