// Package budget counts what was changed, so that many small actions do not add
// up to what one large one would be refused for: 300 deletes, each within its own
// limit. A judge names the budgets that an action counts against
// (policy.Decision.Budgets); this package remembers, in one SQLite file that all
// processes of a user share, and says whether enough is left.
//
// # What it promises
//
//   - Looking and counting are one transaction: of two calls at the same time, in
//     whatever processes, that both fit alone and not together, one is refused.
//   - What was not done is given back: an action that was refused, not sent, or
//     answered with an error by the upstream. One whose outcome nobody knows counts.
//   - A file that cannot be used is an error, and the action is refused.
package budget

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/assent-iom/assent/policy"
)

const (
	// busyTimeout is how long one process waits for another's transaction, which
	// takes well under a millisecond.
	busyTimeout = 5 * time.Second
	// kept is how long a count is kept: longer than any budget looks back, and than
	// any run takes.
	kept = 62 * 24 * time.Hour
	// forgetEvery is after how many uses what is older is forgotten: it takes a look
	// at every row.
	forgetEvery = 1000
	// format is the layout of the table below.
	format = 1
)

const schema = `
CREATE TABLE spent (
  decision TEXT NOT NULL,
  key      TEXT NOT NULL,
  at       INTEGER NOT NULL,
  changes  INTEGER NOT NULL,
  deletes  INTEGER NOT NULL,
  PRIMARY KEY (decision, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX spent_key ON spent (key, at);
`

// Over is a budget that is not enough for an action.
type Over struct {
	policy.Budget
	SpentChanges int       // by others, within the window
	SpentDeletes int       //
	Frees        time.Time // when the oldest of it is given back; zero: not before the run ends
}

// Book is an open file. Its methods may be called from anywhere.
type Book struct {
	db   *sql.DB
	uses atomic.Uint64
}

// Open opens the file, and makes it if it is missing.
func Open(path string) (*Book, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("opening budgets: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite goes by the umask
	if err != nil {
		return nil, fmt.Errorf("opening budgets: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening budgets: %w", err)
	}
	// A count that a power failure takes away is no loss of evidence, so it is not
	// waited for.
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening budgets %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // every use is a short transaction that writes
	b := &Book{db: db}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening budgets %s: %w; move it away and counting begins anew", path, err), db.Close())
	}
	return b, nil
}

func (b *Book) prepare() error {
	return b.transaction(context.Background(), func(tx *sql.Tx) (keep bool, err error) {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version == format {
			return true, err
		}
		if version != 0 {
			return false, fmt.Errorf("it has format %d, this program reads %d", version, format)
		}
		_, err = tx.Exec(schema + fmt.Sprintf("PRAGMA user_version = %d", format))
		return true, err
	})
}

// Close closes the file.
func (b *Book) Close() error { return b.db.Close() }

func (b *Book) transaction(ctx context.Context, f func(*sql.Tx) (keep bool, err error)) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	keep, err := f(tx)
	if err != nil || !keep {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// The ways to use a budget.
type Way uint8

// Look asks only; Spend takes it if there is enough; Count takes it in any case,
// and says what was not enough.
const (
	Look Way = iota
	Spend
	Count
)

// Use holds a decision against its budgets and returns those that are not enough.
func (b *Book) Use(ctx context.Context, d policy.Decision, way Way) (over []Over, err error) {
	err = b.transaction(ctx, func(tx *sql.Tx) (bool, error) {
		if b.uses.Add(1)%forgetEvery == 1 {
			if _, err := tx.ExecContext(ctx, "DELETE FROM spent WHERE at < ?", d.At.Add(-kept).UnixMilli()); err != nil {
				return false, err
			}
		}
		for _, budget := range d.Budgets {
			o, fits, err := left(ctx, tx, budget, d)
			if err != nil {
				return false, err
			}
			if !fits {
				over = append(over, o)
			}
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO spent (decision, key, at, changes, deletes) VALUES (?, ?, ?, ?, ?)",
				d.ID, budget.Key, d.At.UnixMilli(), budget.Changes, budget.Deletes); err != nil {
				return false, err
			}
		}
		return way == Count || way == Spend && len(over) == 0, nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting against budgets: %w", err)
	}
	return over, nil
}

// left looks whether a budget is enough.
func left(ctx context.Context, tx *sql.Tx, b policy.Budget, d policy.Decision) (o Over, fits bool, err error) {
	o.Budget = b
	since := int64(0)
	if b.Per > 0 {
		since = d.At.Add(-b.Per).UnixMilli()
	}
	var oldest sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT COALESCE(SUM(changes), 0), COALESCE(SUM(deletes), 0), MIN(at) FROM spent WHERE key = ? AND at > ? AND decision <> ?",
		b.Key, since, d.ID).Scan(&o.SpentChanges, &o.SpentDeletes, &oldest)
	if err != nil {
		return o, false, err
	}
	if b.Per > 0 && oldest.Valid {
		o.Frees = time.UnixMilli(oldest.Int64).UTC().Add(b.Per)
	}
	fits = (b.MaxChanges == nil || b.Changes == 0 || o.SpentChanges+b.Changes <= *b.MaxChanges) &&
		(b.MaxDeletes == nil || b.Deletes == 0 || o.SpentDeletes+b.Deletes <= *b.MaxDeletes)
	return o, fits, nil
}

// GiveBack takes a decision out of the count: it was not carried out.
func (b *Book) GiveBack(ctx context.Context, decision string) error {
	if _, err := b.db.ExecContext(ctx, "DELETE FROM spent WHERE decision = ?", decision); err != nil {
		return fmt.Errorf("giving back to budgets: %w", err)
	}
	return nil
}
