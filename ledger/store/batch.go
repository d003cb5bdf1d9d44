package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// errBusy: another process held the write lock for longer than busy. Nothing was
// written, so the log is not failed by it.
var errBusy = errors.New("another process keeps the ledger locked")

// writer is the one connection that appends. Only the writer goroutine uses it
// once that runs.
type writer struct {
	conn    *sql.Conn
	seal    *seal.Seal
	session string

	last    tlog.Checkpoint // of the last batch seen or written
	signed  []byte          // last, signed
	batches uint64          // written by this process

	all                     []*sql.Stmt
	begin, commit, rollback *sql.Stmt
	entry, entries          *sql.Stmt // one row; rowsAtOnce of them
	known, knownMany        *sql.Stmt // decision ids: one; rowsAtOnce of them
	checkpoint, setRange    *sql.Stmt
	getRange, newest        *sql.Stmt
	openNew, openClose      *sql.Stmt
	object                  *sql.Stmt
}

func newWriter(ctx context.Context, s *Store) (*writer, error) {
	conn, err := s.writeDB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, seal: s.keys.Load().seal, session: s.session.id}
	const known = `SELECT key FROM entries WHERE key <> '' AND kind = '` + string(ledger.KindDecision) + `' AND key `
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&w.begin, `BEGIN IMMEDIATE`},
		{&w.commit, `COMMIT`},
		{&w.rollback, `ROLLBACK`},
		{&w.entry, insertEntry},
		{&w.entries, insertEntry + strings.Repeat(`, (?, ?, ?, ?, ?)`, rowsAtOnce-1)},
		{&w.known, known + `= ? LIMIT 1`},
		{&w.knownMany, known + `IN (?` + strings.Repeat(`, ?`, rowsAtOnce-1) + `)`},
		{&w.checkpoint, insertCheckpoint},
		{&w.getRange, `SELECT value FROM meta WHERE name = 'range'`},
		{&w.setRange, `UPDATE meta SET value = ? WHERE name = 'range'`},
		{&w.newest, lastCheckpoint},
		{&w.openNew, `INSERT INTO open (key, idx, leaf, session) VALUES (?, ?, ?, ?)`},
		{&w.openClose, `DELETE FROM open WHERE key = ? AND idx = ? AND leaf = ?`},
		{&w.object, insertObject},
	} {
		if *p.stmt, err = conn.PrepareContext(ctx, p.query); err != nil {
			return nil, errors.Join(fmt.Errorf("preparing %q: %w", p.query, err), w.close())
		}
		w.all = append(w.all, *p.stmt)
	}
	return w, nil
}

func (w *writer) close() error {
	// An open statement would keep the connection from folding the write-ahead log
	// back into the database.
	var errs []error
	for _, stmt := range w.all {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// batch writes requests in one transaction that ends with a signed checkpoint. A
// request that cannot be accepted gets its own error; an error that batch
// returns is everybody's.
//
// The contexts are Background: a commit is never interrupted half-way.
func (w *writer) batch(requests []*request) error {
	ctx := context.Background()
	if _, err := w.begin.ExecContext(ctx); err != nil {
		if isBusy(err) {
			return fmt.Errorf("%w: %w", errBusy, err)
		}
		return fmt.Errorf("beginning a batch: %w", err)
	}
	next, signed, err := w.fill(ctx, requests)
	if err != nil || next == nil {
		_, rollbackErr := w.rollback.ExecContext(ctx)
		return errors.Join(err, rollbackErr)
	}
	if _, err := w.commit.ExecContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("committing a batch: %w", err), w.abort(ctx))
	}
	w.last, w.signed = *next, signed
	w.batches++
	return nil
}

// abort ends a transaction whose commit failed; SQLite may have ended it itself.
func (w *writer) abort(ctx context.Context) error {
	_, _ = w.rollback.ExecContext(ctx) // "no transaction is active" is as good
	return nil
}

// fill writes the rows of a batch. It returns nil without an error if no request
// was acceptable.
func (w *writer) fill(ctx context.Context, requests []*request) (*tlog.Checkpoint, []byte, error) {
	tree, seq, err := w.reach(ctx)
	if err != nil {
		return nil, nil, err
	}
	recorded, err := w.recorded(ctx, requests)
	if err != nil {
		return nil, nil, err
	}
	accepted := make([]*request, 0, len(requests))
	for _, r := range requests {
		if r.by != w.seal { // signed before another process went over to another key
			if err := r.sign(w.seal); err != nil {
				return nil, nil, err
			}
		}
		ok, err := w.accept(ctx, r, recorded, tree.Size())
		if err != nil {
			return nil, nil, err
		}
		if ok {
			tree.Append(r.leaf)
			accepted = append(accepted, r)
		}
	}
	if len(accepted) == 0 {
		return nil, nil, nil
	}
	if err := w.insert(ctx, accepted); err != nil {
		return nil, nil, err
	}
	next, signed, err := w.sign(ctx, tree, seq)
	return &next, signed, err
}

// sign ends a batch with a checkpoint of the tree.
func (w *writer) sign(ctx context.Context, tree tlog.Range, seq int64) (tlog.Checkpoint, []byte, error) {
	next := tlog.Checkpoint{Origin: w.seal.Origin(), Size: tree.Size(), Root: tree.Root()}
	signed, err := next.Sign(w.seal.NoteSigner())
	if err != nil {
		return next, nil, err
	}
	data, err := tree.MarshalBinary()
	if err != nil {
		return next, nil, err
	}
	if _, err := w.checkpoint.ExecContext(ctx, seq+1, next.Size, signed); err != nil {
		return next, nil, fmt.Errorf("writing checkpoint: %w", err)
	}
	if _, err := w.setRange.ExecContext(ctx, data); err != nil {
		return next, nil, fmt.Errorf("writing compact range: %w", err)
	}
	return next, signed, nil
}

// reach reads where the log ends, which another process may have moved. What is
// not covered by the last signed checkpoint is not built upon.
func (w *writer) reach(ctx context.Context) (tlog.Range, int64, error) {
	var tree tlog.Range
	var data, signed []byte
	var seq int64
	if err := w.getRange.QueryRowContext(ctx).Scan(&data); err != nil {
		return tree, 0, fmt.Errorf("reading compact range: %w", err)
	}
	if err := tree.UnmarshalBinary(data); err != nil {
		return tree, 0, err
	}
	if err := w.newest.QueryRowContext(ctx).Scan(&seq, &signed); err != nil {
		return tree, 0, fmt.Errorf("reading checkpoint: %w", err)
	}
	root := tree.Root()
	if string(signed) == string(w.signed) && tree.Size() == w.last.Size && root == w.last.Root {
		return tree, seq, nil
	}
	last, err := tlog.OpenCheckpoint(signed, w.seal.Verifier())
	if err != nil {
		var vkey []byte
		if w.conn.QueryRowContext(ctx, getVKey).Scan(&vkey) == nil && string(vkey) != w.seal.VKey() {
			err = errors.Join(errRotated, err)
		}
		return tree, 0, err
	}
	if last.Size != tree.Size() || last.Root != root {
		return tree, 0, errors.New("the working state does not match the last checkpoint; run: assent ledger verify")
	}
	if last.Size < w.last.Size {
		return tree, 0, fmt.Errorf("the log shrank from %d to %d entries under this process", w.last.Size, last.Size)
	}
	w.last, w.signed = last, signed
	return tree, seq, nil
}

// errNotOpen: the outcome is a second one, or of a decision that lets nothing through.
var errNotOpen = errors.New("it awaits no outcome")

// errRotated: another process has gone over to another key. Nothing was written.
var errRotated = errors.New("the log has gone over to another key")

// isBusy reports SQLITE_BUSY and its extended codes.
func isBusy(err error) bool {
	var e *sqlite.Error
	const sqliteBusy = 5
	return errors.As(err, &e) && e.Code()&0xff == sqliteBusy
}
