package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// structure asks SQLite whether its file is sound, and reads what it says of
// itself.
func (v *run) structure(ctx context.Context) error {
	rows, err := v.db.query(ctx, `PRAGMA integrity_check(10)`)
	if err != nil {
		return err
	}
	defer rows.close()
	for rows.next() {
		var what string
		if err := rows.scan(&what); err != nil {
			return err
		}
		if what != "ok" {
			v.report.problem(NoIndex, Tampered, "the database file is damaged: %s", what)
		}
	}
	if err := rows.err; err != nil {
		return err
	}
	var format string
	if err := v.meta(ctx, "format", &format); err != nil {
		return err
	}
	if format != "1" {
		return fmt.Errorf("%s has format %q, this program reads 1", dbFile, format)
	}
	var origin string
	if err := v.meta(ctx, "origin", &origin); err != nil {
		return err
	}
	if origin != v.key.Name() {
		v.report.problem(NoIndex, Untrusted, "%s is the log %q, the key is of %q", dbFile, origin, v.key.Name())
	}
	return v.count(ctx)
}

func (v *run) count(ctx context.Context) error {
	var n int64
	err := v.db.queryRow(ctx, `SELECT count(*) FROM entries`, nil, &n)
	v.report.Entries = uint64(n)
	return err
}

func (v *run) meta(ctx context.Context, name string, value any) error {
	err := v.db.queryRow(ctx, `SELECT value FROM meta WHERE name = ?`, name, value)
	if errors.Is(err, errNone) {
		return fmt.Errorf("%s does not say its %s", dbFile, name)
	}
	return err
}

// cursor walks the log's own checkpoints beside its entries.
type cursor struct {
	rows *rows
	done bool
	seq  int64
	size int64
	note []byte
}

func (c *cursor) step() error {
	if !c.rows.next() {
		c.done = true
		return c.rows.err
	}
	return c.rows.scan(&c.seq, &c.size, &c.note)
}

// passCheckpoints compares all checkpoints of the size that the tree has now.
// Those that claim less were passed over: they are out of order.
func (v *run) passCheckpoints(atEnd bool) error {
	size, root := v.tree.Size(), v.tree.Root()
	for !v.next.done && (atEnd || uint64(v.next.size) <= size) {
		c := &v.next
		v.report.Checkpoints++
		if c.seq != int64(v.report.Checkpoints) {
			v.report.problem(NoIndex, Tampered, "checkpoint %d is numbered %d: one is missing or added", v.report.Checkpoints, c.seq)
		}
		cp, err := tlog.OpenCheckpoint(c.note, v.key)
		switch {
		case err != nil:
			v.report.problem(NoIndex, Tampered, "checkpoint %d does not verify: %v", c.seq, err)
		case int64(cp.Size) != c.size:
			v.report.problem(NoIndex, Tampered, "checkpoint %d is filed under %d entries and covers %d", c.seq, c.size, cp.Size)
		case cp.Size != size:
			v.report.problem(NoIndex, RolledBack, "checkpoint %d covers %d entries, the log has %d there", c.seq, cp.Size, size)
		case cp.Root != root:
			v.report.problem(NoIndex, Tampered, "the first %d entries are not those that checkpoint %d covers", size, c.seq)
		}
		if err := c.step(); err != nil {
			return err
		}
	}
	v.passMarks(size, root, atEnd)
	return nil
}

// finish checks the end of the log and the working state.
func (v *run) finish(ctx context.Context) error {
	if err := v.passCheckpoints(true); err != nil {
		return err
	}
	v.next.rows.close()
	size, root := v.tree.Size(), v.tree.Root()
	v.report.Root = root.String()
	if size != v.report.Entries {
		return fmt.Errorf("read %d of %d entries", size, v.report.Entries)
	}
	if size == 0 {
		v.report.problem(NoIndex, Tampered, "the log is empty: even its genesis is gone")
	}

	v.trusted()
	var vkey string
	if err := v.meta(ctx, "vkey", &vkey); err != nil {
		return err
	}
	if vkey != v.report.VKey && !v.lost {
		v.report.problem(NoIndex, Untrusted, "%s says that it is signed with another key: %s", dbFile, vkey)
	}
	var signed []byte
	err := v.db.queryRow(ctx, `SELECT note FROM checkpoints WHERE size = ?`, int64(size), &signed)
	if errors.Is(err, errNone) {
		v.report.problem(NoIndex, Tampered, "no checkpoint covers all %d entries", size)
	} else if err != nil {
		return err
	}

	var state, want []byte
	if err := v.meta(ctx, "range", &state); err != nil {
		return err
	}
	if want, err = v.tree.MarshalBinary(); err != nil {
		return err
	}
	if !bytes.Equal(state, want) {
		v.report.problem(NoIndex, Tampered, "the working state (range) is not that of the entries")
	}
	if v.opts.HashesOnly {
		return nil
	}
	if err := v.duplicates(ctx); err != nil {
		return err
	}
	return v.openDecisions(ctx)
}

// duplicates looks for decision ids that were used twice.
func (v *run) duplicates(ctx context.Context) error {
	rows, err := v.db.query(ctx, `SELECT key, max(idx) FROM entries WHERE kind = ? AND key <> ''
		GROUP BY key HAVING count(*) > 1 LIMIT ?`, string(ledger.KindDecision), int64(maxProblems))
	if err != nil {
		return err
	}
	defer rows.close()
	for rows.next() {
		var key string
		var index int64
		if err := rows.scan(&key, &index); err != nil {
			return err
		}
		v.report.problem(index, Tampered, "decision %q is recorded more than once", key)
	}
	return rows.err
}

// openDecisions reports what has no outcome, and that the working state agrees.
func (v *run) openDecisions(ctx context.Context) error {
	v.report.Open = uint64(len(v.open))
	rows, err := v.db.query(ctx, `SELECT key, idx, leaf FROM open`)
	if err != nil {
		return err
	}
	defer rows.close()
	listed := map[string]bool{}
	for rows.next() {
		var key string
		var index int64
		var leaf []byte
		if err := rows.scan(&key, &index, &leaf); err != nil {
			return err
		}
		have, ok := v.open[key]
		if !ok || have.index != uint64(index) || !bytes.Equal(have.leaf[:], leaf) {
			v.report.problem(NoIndex, Tampered, "the working state calls decision %q at %d open, and it is not", key, index)
			continue
		}
		listed[key] = true
	}
	for key, d := range v.open {
		v.report.problem(int64(d.index), Incomplete, "decision %q let something pass and has no outcome yet", key)
		if !listed[key] {
			v.report.problem(int64(d.index), Tampered, "the working state does not know that decision %q is open: its outcome is gone", key)
		}
	}
	return rows.err
}

// filedAt reads one envelope from the dbFile, nil if there is none.
func (v *run) filedAt(ctx context.Context, index uint64) ([]byte, error) {
	var envelope []byte
	err := v.db.queryRow(ctx, `SELECT envelope FROM entries WHERE idx = ?`, int64(index), &envelope)
	if errors.Is(err, errNone) {
		return nil, nil
	}
	return envelope, err
}
