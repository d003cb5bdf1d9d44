package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Checkpoint returns the newest signed checkpoint: what to keep elsewhere.
func (s *Store) Checkpoint(ctx context.Context) ([]byte, error) {
	var seq int64
	var signed []byte
	if err := s.read.QueryRowContext(ctx, lastCheckpoint).Scan(&seq, &signed); err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	return signed, nil
}

// CheckpointAt returns the signed checkpoint of exactly that many entries. The
// log signs one a batch, so not every size has one.
func (s *Store) CheckpointAt(ctx context.Context, size uint64) ([]byte, error) {
	var signed []byte
	err := s.read.QueryRowContext(ctx, `SELECT note FROM checkpoints WHERE size = ?`, int64(min(size, 1<<62))).Scan(&signed)
	if err == nil {
		return signed, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	var next sql.NullInt64
	if err := s.read.QueryRowContext(ctx, `SELECT min(size) FROM checkpoints WHERE size > ?`, int64(min(size, 1<<62))).Scan(&next); err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	if next.Valid {
		return nil, fmt.Errorf("no checkpoint was signed at %d entries: %w; the next is at %d", size, ledger.ErrNotFound, next.Int64)
	}
	return nil, fmt.Errorf("no checkpoint was signed at %d entries: %w; it is beyond the end", size, ledger.ErrNotFound)
}

// CheckpointFrom returns the signed checkpoint of the smallest size that is at
// least the given one; CheckpointUpTo the one of the largest that is at most it.
func (s *Store) CheckpointFrom(ctx context.Context, size uint64) ([]byte, error) {
	return s.checkpoint(ctx, size, `SELECT note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1`)
}

// CheckpointUpTo: see CheckpointFrom.
func (s *Store) CheckpointUpTo(ctx context.Context, size uint64) ([]byte, error) {
	return s.checkpoint(ctx, size, `SELECT note FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1`)
}

func (s *Store) checkpoint(ctx context.Context, size uint64, query string) (signed []byte, err error) {
	err = s.read.QueryRowContext(ctx, query, int64(min(size, 1<<62))).Scan(&signed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("no checkpoint near %d entries: %w", size, ledger.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("reading checkpoint: %w", err)
	}
	return signed, nil
}

// Leaves calls f with the leaf hashes of the first n entries, in order.
func (s *Store) Leaves(ctx context.Context, n uint64, f func(ledger.Hash) error) error {
	return s.leaves(ctx, 0, n, f)
}

// Prove returns the proof that an entry is in the tree of the given size. Its
// cost grows with the size: every leaf hash is read once.
func (s *Store) Prove(ctx context.Context, index, size uint64) ([]ledger.Hash, error) {
	return tlog.Inclusion(s.subtrees(ctx), index, size)
}

// ProveGrowth returns the proof that the tree of size old is the beginning of
// that of size size. Its cost is Prove's.
func (s *Store) ProveGrowth(ctx context.Context, old, size uint64) ([]ledger.Hash, error) {
	return tlog.Consistency(s.subtrees(ctx), old, size)
}

// RootAt computes the root of the first n entries, from their hashes.
func (s *Store) RootAt(ctx context.Context, n uint64) (ledger.Hash, error) {
	var tree tlog.Range
	err := s.leaves(ctx, 0, n, func(h ledger.Hash) error {
		tree.Append(h)
		return nil
	})
	if err == nil && tree.Size() != n {
		err = fmt.Errorf("reading leaf hashes: %d of %d are there", tree.Size(), n)
	}
	return tree.Root(), err
}

// subtrees computes the hash of a subtree from its leaves, in one pass.
func (s *Store) subtrees(ctx context.Context) tlog.Subtrees {
	return func(level int, index uint64) (ledger.Hash, error) {
		from, to := index<<level, (index+1)<<level
		var tree tlog.Range
		err := s.leaves(ctx, from, to, func(h ledger.Hash) error {
			tree.Append(h)
			return nil
		})
		if err != nil {
			return ledger.Hash{}, err
		}
		if tree.Size() != to-from {
			return ledger.Hash{}, fmt.Errorf("reading leaf hashes: %d of the entries %d to %d are there", tree.Size(), from, to)
		}
		return tree.Root(), nil
	}
}

// leaves reads the leaf hashes of the entries [from, to) that are there.
func (s *Store) leaves(ctx context.Context, from, to uint64, f func(ledger.Hash) error) error {
	rows, err := s.read.QueryContext(ctx, `SELECT leaf FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx`, int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("reading leaf hashes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var leaf sql.RawBytes
		if err := rows.Scan(&leaf); err != nil {
			return fmt.Errorf("reading leaf hashes: %w", err)
		}
		if len(leaf) != len(ledger.Hash{}) {
			return fmt.Errorf("reading leaf hashes: one has %d bytes", len(leaf))
		}
		if err := f(ledger.Hash(leaf)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading leaf hashes: %w", err)
	}
	return nil
}
