package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// session is this process's claim on the decisions it has open: a file that is
// locked for as long as the process lives. The kernel lets go of the lock when
// the process dies, however it dies, and after a reboot. In it is the newest
// checkpoint of which the process has acknowledged something: what a killed process
// has said is held against the database by who opens it next. It is not synced, so
// a machine that loses power may forget it.
type session struct {
	id   string
	file *os.File
}

func newSession(dir string, rand io.Reader) (*session, error) {
	raw := make([]byte, 8)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return nil, fmt.Errorf("naming a session: %w", err)
	}
	id := hex.EncodeToString(raw)
	file, err := holdLock(sessionPath(dir, id))
	if err != nil {
		return nil, fmt.Errorf("beginning a session: %w", err)
	}
	return &session{id: id, file: file}, nil
}

// acknowledge notes a signed checkpoint, before its entries are acknowledged. Each is
// as long as the one before, or longer.
func (s *session) acknowledge(signed []byte) error {
	_, err := s.file.WriteAt(signed, 0)
	if err != nil {
		err = errors.Join(err, s.file.Truncate(0)) // half of one is of no use
	}
	return err
}

// acknowledged is the checkpoint that was noted last, if any.
func (s *session) acknowledged() ([]byte, error) {
	signed, err := io.ReadAll(io.LimitReader(s.file, tlog.MaxCheckpoint+1))
	return bytes.TrimRight(signed, "\x00"), err // zeros: space that a machine without power never filled
}

// end lets go. The file stays if the session may have left something open.
func (s *session) end(clean bool) error {
	var err error
	if clean {
		if err = os.Remove(s.file.Name()); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(s.file.Close(), err)
}

// sessionFiles are the files of all sessions, of processes that live and that do not.
func sessionFiles(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, sessions, "*"+lockAfter))
}

func sessionPath(dir, id string) string { return filepath.Join(dir, sessions, id+lockAfter) }

// holdLock makes or opens a lock file and locks it, or returns errLocked. The
// file that is locked is the one that the path still names: whoever held it
// before may have removed it in between.
func holdLock(path string) (*os.File, error) {
	for range 100 { // each round means that somebody else just finished with the file
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := lockFile(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		held, err := f.Stat()
		if err == nil {
			var named os.FileInfo
			if named, err = os.Stat(path); err == nil && os.SameFile(held, named) {
				return f, nil
			}
		}
		if closeErr := f.Close(); closeErr != nil || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
			return nil, errors.Join(err, closeErr)
		}
	}
	return nil, errLocked
}

// lockPatience bounds how long an opener waits for another that opens at the
// same time; lockRetry is how often it asks.
const (
	lockPatience = 10 * time.Second
	lockRetry    = 5 * time.Millisecond
)

// waitLock is holdLock with patience.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, fmt.Errorf("%s: %w", path, errLocked))
	defer cancel()
	ticker := time.NewTicker(lockRetry)
	defer ticker.Stop()
	for {
		f, err := holdLock(path)
		if !errors.Is(err, errLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

var errLocked = errors.New("locked by another process")

// resolveDead closes what sessions of dead processes have left open, and removes
// their files. Sessions that live are left alone.
func (s *Store) resolveDead(ctx context.Context) error {
	ids, err := s.sessionIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == s.session.id {
			continue
		}
		file, err := holdLock(sessionPath(s.cfg.Dir, id))
		if errors.Is(err, errLocked) {
			continue // it lives, or somebody else is doing this
		}
		if err != nil {
			return fmt.Errorf("looking after session %s: %w", id, err)
		}
		dead := &session{id: id, file: file}
		err = s.resolve(ctx, id, "restart")
		if err := errors.Join(err, dead.end(err == nil)); err != nil {
			return fmt.Errorf("looking after session %s: %w", id, err)
		}
	}
	return nil
}

// sessionIDs returns the sessions that have a file or an open decision.
func (s *Store) sessionIDs(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	var ids []string
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	files, err := sessionFiles(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		base := filepath.Base(f)
		add(base[:len(base)-len(lockAfter)])
	}
	rows, err := s.read.QueryContext(ctx, `SELECT DISTINCT session FROM open`)
	if err != nil {
		return nil, fmt.Errorf("looking for open decisions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("looking for open decisions: %w", err)
		}
		if len(id) != 16 { // not ours: it would name a file outside the folder
			return nil, fmt.Errorf("open decisions name a session %q; run: assent ledger verify", id)
		}
		if _, err := hex.DecodeString(id); err != nil {
			return nil, fmt.Errorf("open decisions name a session %q; run: assent ledger verify", id)
		}
		add(id)
	}
	return ids, rows.Err()
}

// resolve gives every open decision of a session the outcome unknown. The caller
// holds the session's lock, so nobody else does the same.
func (s *Store) resolve(ctx context.Context, id, reason string) error {
	for {
		entries, err := s.openOf(ctx, id)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			of := ledger.Receipt{Index: e.Index, LeafHash: e.LeafHash}
			outcome, err := outcomeOf(e.Envelope, of, ledger.Unresolved, reason, s.cfg.Now())
			if err != nil {
				return err
			}
			if _, err := s.Append(ctx, outcome); err != nil {
				return fmt.Errorf("closing decision %s: %w", e.Key, err)
			}
			s.cfg.Log.Warn("open decision closed as unknown",
				zap.String("decision", e.Key), zap.Uint64("index", e.Index), zap.String("reason", reason))
		}
	}
}

// openOf returns the first open decisions of a session, one batch of them.
func (s *Store) openOf(ctx context.Context, id string) ([]ledger.Stored, error) {
	return s.page(ctx, `SELECT e.idx, e.kind, e.key, e.envelope, e.leaf
		FROM open o JOIN entries e ON e.idx = o.idx WHERE o.session = ? ORDER BY o.idx LIMIT ?`, id, batchEntries)
}

// outcomeOf makes the outcome of a decision from its envelope.
func outcomeOf(envelope []byte, of ledger.Receipt, result, reason string, at time.Time) (ledger.Entry, error) {
	d, err := ledger.ParseDecision(envelope)
	if err != nil {
		return ledger.Entry{}, err
	}
	statement, err := ledger.OutcomeStatement(ledger.Outcome{
		Decision: d.ID, Of: of, Result: result, Reason: reason, CompletedAt: at,
	}, d)
	return ledger.Entry{Kind: ledger.KindOutcome, Key: d.ID, Run: d.Action.Run, Statement: statement}, err
}
