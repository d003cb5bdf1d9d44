package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/seal"
	"github.com/assent-iom/assent/ledger/tlog"
)

// busy bounds how long a batch waits for another process's: longer than any
// commit on a disk that works, shorter than the patience of a client.
const busy = 5 * time.Second

// readers bounds the connections that read at once; each has its own page cache.
const readers = 4

// formatVersion is the version of the schema below.
const formatVersion = "1"

// The signed truth is in the envelopes and the notes; every other column can be
// computed from them, and verifiers do. open and meta are working state.
const schema = `
CREATE TABLE entries (
	idx      INTEGER PRIMARY KEY,
	kind     TEXT NOT NULL,
	key      TEXT NOT NULL,
	envelope BLOB NOT NULL,
	leaf     BLOB NOT NULL
) STRICT;
CREATE INDEX entries_key ON entries (key, kind) WHERE key <> '';
CREATE TABLE checkpoints (
	seq  INTEGER PRIMARY KEY,
	size INTEGER NOT NULL UNIQUE,
	note BLOB NOT NULL
) STRICT;
CREATE TABLE open (
	key     TEXT PRIMARY KEY,
	idx     INTEGER NOT NULL,
	leaf    BLOB NOT NULL,
	session TEXT NOT NULL
) STRICT;
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;
`

// objects hold what entries name and do not hold, deflated. A log that was begun
// before there were any gets the table when it is next opened for writing.
const objects = `
CREATE TABLE IF NOT EXISTS objects (
	name TEXT PRIMARY KEY,
	data BLOB NOT NULL
) STRICT;
`

// openDB opens the database file for writing or for reading.
func openDB(path string, readOnly bool) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows drive
	}
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}}
	if readOnly {
		query.Set("mode", "ro")
		query.Add("_pragma", "query_only(1)")
	} else {
		query.Add("_pragma", "journal_mode(WAL)")
		query.Add("_pragma", "synchronous(FULL)")
		query.Add("_pragma", "secure_delete(1)") // of what Forget takes out, no page keeps a copy
		// Nobody but the owner reads the ledger, whatever the umask says.
		f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}
	return sql.Open("sqlite", u.String())
}

// state is what the database says of itself.
type state struct{ origin, vkey string }

// readState returns the zero state for a database without a schema.
func readState(ctx context.Context, db *sql.DB) (state, error) {
	var st state
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'meta'`).Scan(&tables); err != nil {
		return st, fmt.Errorf("reading %s: %w", Database, err)
	}
	if tables == 0 {
		return st, nil
	}
	var format string
	for name, value := range map[string]*string{"format": &format, "origin": &st.origin, "vkey": &st.vkey} {
		if err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(value); err != nil {
			return st, fmt.Errorf("reading %s of %s: %w", name, Database, err)
		}
	}
	if format != formatVersion {
		return st, fmt.Errorf("%s has format %q, this program reads %q", Database, format, formatVersion)
	}
	return st, nil
}

// found makes the schema and the first entry.
func found(ctx context.Context, db *sql.DB, s *seal.Seal, genesis []byte) error {
	envelope, err := s.Envelope(genesis)
	if err != nil {
		return err
	}
	var r tlog.Range
	leaf := tlog.LeafHash(envelope)
	r.Append(leaf)
	note, err := tlog.Checkpoint{Origin: s.Origin(), Size: 1, Root: r.Root()}.Sign(s.NoteSigner())
	if err != nil {
		return err
	}
	data, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning the log: %w", err)
	}
	defer tx.Rollback() // nothing to undo after the commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("beginning the log: %w", err)
	}
	for _, row := range []struct {
		query string
		args  []any
	}{
		{insertEntry, []any{0, string(ledger.KindGenesis), "", envelope, leaf[:]}},
		{insertCheckpoint, []any{1, 1, note}},
		{insertMeta, []any{"format", []byte(formatVersion)}},
		{insertMeta, []any{"origin", []byte(s.Origin())}},
		{insertMeta, []any{"vkey", []byte(s.VKey())}},
		{insertMeta, []any{"range", data}},
	} {
		if _, err := tx.ExecContext(ctx, row.query, row.args...); err != nil {
			return fmt.Errorf("beginning the log: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("beginning the log: %w", err)
	}
	return nil
}

const (
	insertEntry      = `INSERT INTO entries (idx, kind, key, envelope, leaf) VALUES (?, ?, ?, ?, ?)`
	insertCheckpoint = `INSERT INTO checkpoints (seq, size, note) VALUES (?, ?, ?)`
	insertMeta       = `INSERT INTO meta (name, value) VALUES (?, ?)`
	insertObject     = `INSERT OR IGNORE INTO objects (name, data) VALUES (?, ?)`
	// byKey says what the index on keys is partial by, or SQLite would read the
	// whole table.
	byKey          = `key = ? AND key <> ''`
	lastCheckpoint = `SELECT seq, note FROM checkpoints ORDER BY seq DESC LIMIT 1`
)

// row is what Scan and QueryRow have in common.
type row interface{ Scan(...any) error }

// scanEntry reads one row of entries.
func scanEntry(r row) (ledger.Stored, error) {
	var e ledger.Stored
	var kind string
	var leaf []byte
	err := r.Scan(&e.Index, &kind, &e.Key, &e.Envelope, &leaf)
	if errors.Is(err, sql.ErrNoRows) {
		return e, ledger.ErrNotFound
	}
	if err != nil {
		return e, fmt.Errorf("reading ledger entry: %w", err)
	}
	if len(leaf) != len(e.LeafHash) {
		return e, fmt.Errorf("reading ledger entry %d: its leaf hash has %d bytes; run: assent ledger verify", e.Index, len(leaf))
	}
	copy(e.LeafHash[:], leaf)
	e.Kind = ledger.Kind(kind)
	envelope, err := ledger.ParseEnvelope(e.Envelope)
	if err != nil {
		return e, fmt.Errorf("reading ledger entry %d: %w; run: assent ledger verify", e.Index, err)
	}
	about, err := ledger.Place(envelope.Payload)
	if err != nil {
		return e, fmt.Errorf("reading ledger entry %d: %w; run: assent ledger verify", e.Index, err)
	}
	e.Run, e.At = about.Run, about.At
	return e, nil
}
