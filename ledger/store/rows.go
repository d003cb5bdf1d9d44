package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/assent-iom/assent/ledger"
)

// rowsAtOnce is how many rows one statement carries when that many are there:
// half the callers of a small machine. More gain little, fewer cost a call each.
const rowsAtOnce = 8

// recorded returns which of the decision ids of a batch the log has already.
func (w *writer) recorded(ctx context.Context, requests []*request) (map[string]bool, error) {
	var ids []any
	for _, r := range requests {
		if r.about.Kind == ledger.KindDecision {
			ids = append(ids, r.key)
		}
	}
	found := make(map[string]bool, len(ids))
	for len(ids) > 0 {
		stmt, args := w.known, ids[:1]
		if len(ids) >= rowsAtOnce {
			stmt, args = w.knownMany, ids[:rowsAtOnce]
		}
		ids = ids[len(args):]
		if err := keys(ctx, stmt, args, found); err != nil {
			return nil, fmt.Errorf("looking for decisions: %w", err)
		}
	}
	return found, nil
}

func keys(ctx context.Context, stmt *sql.Stmt, args []any, into map[string]bool) error {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		into[key] = true
	}
	return rows.Err()
}

// accept gives one request its place in the log and opens or closes its
// decision, or refuses it with an error of its own.
func (w *writer) accept(ctx context.Context, r *request, recorded map[string]bool, index uint64) (bool, error) {
	switch r.about.Kind {
	case ledger.KindDecision:
		if recorded[r.key] {
			r.err = fmt.Errorf("appending to the ledger: decision %s is recorded already", r.key)
			return false, nil
		}
		recorded[r.key] = true // also against its like in this batch
		if r.about.Awaits {
			if _, err := w.openNew.ExecContext(ctx, r.key, index, r.leaf[:], w.session); err != nil {
				return false, fmt.Errorf("opening decision %s: %w", r.key, err)
			}
		}
	case ledger.KindOutcome:
		of := r.about.Of
		done, err := w.openClose.ExecContext(ctx, r.key, of.Index, of.LeafHash[:])
		if err != nil {
			return false, fmt.Errorf("closing decision %s: %w", r.key, err)
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			r.err = fmt.Errorf("appending to the ledger: no open decision %s at %d (%w)", r.key, of.Index, errors.Join(errNotOpen, err))
			return false, nil
		}
	}
	r.receipt = ledger.Receipt{Index: index, LeafHash: r.leaf}
	return true, nil
}

// insert writes the rows of accepted requests, many with one statement.
func (w *writer) insert(ctx context.Context, accepted []*request) error {
	for _, r := range accepted {
		for _, o := range r.objects {
			if _, err := w.object.ExecContext(ctx, o.Name, o.Data); err != nil {
				return fmt.Errorf("writing %s: %w", o.Name, err)
			}
		}
	}
	for len(accepted) > 0 {
		stmt, some := w.entry, accepted[:1]
		if len(accepted) >= rowsAtOnce {
			stmt, some = w.entries, accepted[:rowsAtOnce]
		}
		accepted = accepted[len(some):]
		args := make([]any, 0, 5*len(some))
		for _, r := range some {
			args = append(args, r.receipt.Index, string(r.about.Kind), r.key, r.envelope, r.leaf[:])
		}
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return fmt.Errorf("writing entries from %d: %w", some[0].receipt.Index, err)
		}
	}
	return nil
}
