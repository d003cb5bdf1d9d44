// Package origins keeps, in one SQLite file, with which decision an object of a
// cluster came to be as it is, so that a restart does not make the admission door
// judge what the controllers are still carrying out.
//
// # What it promises
//
//   - What Keep has returned from survives the process, however that ends. A power
//     failure may take the last away: they are no evidence, and what is not known
//     here is judged.
//   - It is bounded: the objects that were touched longest ago are forgotten.
package origins

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
)

const (
	// busyTimeout is how long one process waits for another's transaction, which
	// takes well under a millisecond.
	busyTimeout = 5 * time.Second
	// forgetEvery is after how many objects the oldest are forgotten: it takes a look
	// at every row.
	forgetEvery = 1024
	// format is the layout of the table below.
	format = 1
)

const schema = `
CREATE TABLE origin (
  object   TEXT PRIMARY KEY,
  decision TEXT NOT NULL,
  touched  INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX origin_touched ON origin (touched);
`

// File is an open file. Its methods may be called from anywhere.
type File struct {
	db    *sql.DB
	bound int
	keeps atomic.Uint64
}

// Open opens the file, and makes it if it is missing. It keeps up to bound objects.
func Open(path string, bound int) (*File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite goes by the umask
	if err != nil {
		return nil, fmt.Errorf("opening origins: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening origins: %w", err)
	}
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening origins %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // every use but the first is a short transaction that writes
	f := &File{db: db, bound: bound}
	if err := f.prepare(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("opening origins %s: %w; move it away: what it knew is judged", path, err), db.Close())
	}
	return f, nil
}

func (f *File) prepare(ctx context.Context) error {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	var version int
	if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case format:
		return nil
	case 0:
		if _, err := tx.Exec(schema + fmt.Sprintf("PRAGMA user_version = %d", format)); err != nil {
			return err
		}
		return tx.Commit()
	}
	return fmt.Errorf("it has format %d, this program reads %d", version, format)
}

// Close closes the file.
func (f *File) Close() error { return f.db.Close() }

// Each gives what was kept, the oldest first.
func (f *File) Each(take func(object, decision string)) error {
	rows, err := f.db.Query("SELECT object, decision FROM origin ORDER BY touched")
	if err != nil {
		return fmt.Errorf("reading origins: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var object, decision string
		if err := rows.Scan(&object, &decision); err != nil {
			return fmt.Errorf("reading origins: %w", err)
		}
		take(object, decision)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading origins: %w", err)
	}
	return nil
}

// Keep keeps with which decision an object is as it is now.
func (f *File) Keep(object, decision string) error {
	const keep = `INSERT INTO origin VALUES (?, ?, (SELECT coalesce(max(touched), 0) + 1 FROM origin))
		ON CONFLICT (object) DO UPDATE SET decision = excluded.decision, touched = excluded.touched`
	if _, err := f.db.Exec(keep, object, decision); err != nil {
		return fmt.Errorf("keeping an origin: %w", err)
	}
	if f.keeps.Add(1)%forgetEvery != 0 {
		return nil
	}
	const forget = `DELETE FROM origin WHERE touched <= (SELECT touched FROM origin ORDER BY touched DESC LIMIT 1 OFFSET ?)`
	if _, err := f.db.Exec(forget, f.bound); err != nil {
		return fmt.Errorf("forgetting the oldest origins: %w", err)
	}
	return nil
}
