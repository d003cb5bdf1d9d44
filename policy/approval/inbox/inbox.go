// Package inbox keeps the requests of policy/approval in one SQLite file, which
// the gate and whoever answers share: `assent run` in one terminal, `assent
// approve` in another.
//
// # What it promises
//
//   - What is read from the file is not trusted: an approval counts only if its
//     signature is by a key that is declared now.
//   - An approval is claimed for an action before the action is recorded as
//     allowed, in one transaction, once. A crash in between loses the approval and
//     never uses it twice.
//   - The number of open requests is bounded; past it a held action is refused.
package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

const (
	// busyTimeout is how long one process waits for another's transaction, which
	// takes milliseconds.
	busyTimeout = 5 * time.Second
	// maxOpen bounds the requests that wait at the same time: more than anybody
	// answers in a day.
	maxOpen = 1000
	// maxOpenOfOne bounds those of one actor: what one agent asks must not keep others
	// from asking.
	maxOpenOfOne = 100
	// kept is how long a request stays after it has expired, for whoever asks what
	// became of it; the ledger keeps what was used for ever.
	kept = 30 * 24 * time.Hour
	// format is the layout of the tables below.
	format = 1
)

const schema = `
CREATE TABLE request (
  id      TEXT PRIMARY KEY,
  expires INTEGER NOT NULL,
  body    TEXT NOT NULL
) STRICT;
CREATE TABLE item (
  scope   TEXT NOT NULL,
  request TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
  PRIMARY KEY (scope, request)
) WITHOUT ROWID, STRICT;
CREATE TABLE ticket (
  id        TEXT PRIMARY KEY,
  request   TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
  body      BLOB NOT NULL,
  signature TEXT NOT NULL
) STRICT;
CREATE TABLE claim (
  ticket   TEXT NOT NULL,
  scope    TEXT NOT NULL,
  decision TEXT NOT NULL,
  expires  INTEGER NOT NULL,
  PRIMARY KEY (ticket, scope)
) WITHOUT ROWID, STRICT;
`

// The errors that callers tell apart.
var (
	ErrNotFound = errors.New("no such request")
	ErrFull     = fmt.Errorf("%d requests are open already: answer or refuse some (assent inbox)", maxOpen)
	ErrMany     = fmt.Errorf("%d requests of this actor are open already: answer or refuse some (assent inbox)", maxOpenOfOne)
)

// Inbox is an open file. Its methods may be called from anywhere.
type Inbox struct {
	db *sql.DB
}

// Open opens the file, and makes it if it is missing.
func Open(path string) (*Inbox, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("opening the inbox: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite goes by the umask
	if err != nil {
		return nil, fmt.Errorf("opening the inbox: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening the inbox: %w", err)
	}
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the inbox %s: %w", path, err)
	}
	db.SetMaxOpenConns(2) // one writes, one reads
	b := &Inbox{db: db}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the inbox %s: %w; move it away and it is made anew: open requests are then asked again", path, err), db.Close())
	}
	return b, nil
}

func (b *Inbox) prepare() error {
	return b.write(context.Background(), func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version == format {
			_, err := tx.Exec(glassTables)
			return err
		}
		if version != 0 {
			return fmt.Errorf("it has format %d, this program reads %d", version, format)
		}
		_, err := tx.Exec(schema + glassTables + fmt.Sprintf("PRAGMA user_version = %d", format))
		return err
	})
}

// Close closes the file.
func (b *Inbox) Close() error { return b.db.Close() }

func (b *Inbox) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Hold asks for a held action: in the request that it is in already, in the open
// one of its run, or in a new one. approval.ErrDenied, with the request, says that somebody
// has refused it.
func (b *Inbox) Hold(ctx context.Context, d policy.Decision) (r approval.Request, err error) {
	it, at := approval.NewItem(d), d.At
	err = b.write(ctx, func(tx *sql.Tx) error {
		if err := clean(ctx, tx, at); err != nil {
			return err
		}
		open, err := read(ctx, tx, "WHERE expires > ?", at.UnixMilli())
		if err != nil {
			return err
		}
		for _, r = range open {
			if r.Has(it.Scope, at) {
				if r.State(at) == approval.Denied {
					return approval.ErrDenied
				}
				return refresh(ctx, tx, &r, it)
			}
		}
		waiting, own := 0, 0
		for _, r = range open {
			if r.Takes(d.Action.Run, d.Action.Actor, at) {
				r.Items = append(r.Items, it)
				return save(ctx, tx, r, it.Scope)
			}
			if r.State(at) == approval.Pending {
				waiting++
				if r.Actor.ID == d.Action.Actor.ID {
					own++
				}
			}
		}
		switch {
		case waiting >= maxOpen:
			return ErrFull
		case own >= maxOpenOfOne:
			return ErrMany
		}
		_, name, _ := strings.Cut(d.ID, "_")
		r = approval.Request{ID: "req_" + name, Run: d.Action.Run, Actor: d.Action.Actor, Opened: at, Expires: at.Add(approval.Waits), Items: []approval.Item{it}}
		return save(ctx, tx, r, it.Scope)
	})
	if err != nil && !errors.Is(err, approval.ErrDenied) {
		return approval.Request{}, fmt.Errorf("asking for approval: %w", err)
	}
	return r, err
}

// refresh notes what an action that is asked about again would change, as that is now: as
// long as nobody has answered, what it was like before is nobody's question.
func refresh(ctx context.Context, tx *sql.Tx, r *approval.Request, it approval.Item) error {
	if len(r.Answers) > 0 {
		return nil
	}
	for i := range r.Items {
		if had := &r.Items[i]; had.Scope == it.Scope && had.Used == "" && had.Prior.Digest() != it.Prior.Digest() {
			had.Prior = it.Prior
			return save(ctx, tx, *r, "")
		}
	}
	return nil
}

// clean forgets what expired long ago.
func clean(ctx context.Context, tx *sql.Tx, at time.Time) error {
	old := at.Add(-kept).UnixMilli()
	for _, table := range []string{"request", "claim"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE expires < ?", old); err != nil {
			return err
		}
	}
	return nil
}

func save(ctx context.Context, tx *sql.Tx, r approval.Request, scope string) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO request (id, expires, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", r.ID, r.Expires.UnixMilli(), string(body)); err != nil {
		return err
	}
	if scope != "" {
		_, err = tx.ExecContext(ctx, "INSERT OR IGNORE INTO item (scope, request) VALUES (?, ?)", scope, r.ID)
	}
	return err
}

// querier is a transaction or the database.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read reads requests, oldest first.
func read(ctx context.Context, q querier, where string, args ...any) ([]approval.Request, error) {
	rows, err := q.QueryContext(ctx, "SELECT body FROM request "+where+" ORDER BY id", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []approval.Request
	for rows.Next() {
		var body string
		var r approval.Request
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// List returns every request that is kept, oldest first.
func (b *Inbox) List(ctx context.Context) ([]approval.Request, error) {
	all, err := read(ctx, b.db, "")
	if err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	return all, nil
}

// Get returns one request by its id, or by the beginning of one that no other has.
func (b *Inbox) Get(ctx context.Context, id string) (approval.Request, error) {
	found, err := read(ctx, b.db, "WHERE id >= ? AND id < ?", id, id+"~")
	switch {
	case err != nil:
		return approval.Request{}, fmt.Errorf("reading the inbox: %w", err)
	case len(found) == 0 || id == "":
		return approval.Request{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	case len(found) > 1 && found[0].ID != id:
		return approval.Request{}, fmt.Errorf("%s is the beginning of %d requests", id, len(found))
	}
	return found[0], nil
}

// Answer takes a signed answer. The set says whose keys are whose.
func (b *Inbox) Answer(ctx context.Context, s approval.Signed, set *intent.Set, at time.Time) error {
	t, _, err := approval.Open(s, set)
	if err != nil {
		return err
	}
	return b.write(ctx, func(tx *sql.Tx) error {
		found, err := read(ctx, tx, "WHERE id = ?", t.Request)
		if err != nil {
			return fmt.Errorf("reading the inbox: %w", err)
		}
		if len(found) == 0 {
			return fmt.Errorf("%w: %s", ErrNotFound, t.Request)
		}
		r := found[0]
		if err := r.Accepts(t, at); err != nil {
			return err
		}
		r.Answers = append(r.Answers, approval.Answer{ID: s.ID(), By: t.By, Answer: t.Answer, At: t.At, Until: t.Expires, Reason: t.Reason})
		if err := save(ctx, tx, r, ""); err != nil {
			return fmt.Errorf("taking the answer: %w", err)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO ticket (id, request, body, signature) VALUES (?, ?, ?, ?)", s.ID(), r.ID, s.Ticket, s.Signature)
		return err
	})
}
