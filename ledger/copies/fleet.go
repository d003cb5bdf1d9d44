package copies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// maxFleet bounds how many ledgers are listed.
const maxFleet = 10_000

// Member is one ledger of the fleet, as its copy shows it.
type Member struct {
	Origin  string    `json:"origin"`
	VKey    string    `json:"vkey"` // of the head, as the ledger said: whoever knows it otherwise may trust it
	Entries uint64    `json:"entries"`
	Copied  time.Time `json:"copied"` // when something came last
	// Beat is the last heartbeat; nil: there is none.
	Beat *Beat `json:"heartbeat,omitempty"`
	// Silent: no heartbeat came when one was due, and the last one said nothing of an
	// end, or cannot be read. Ended: the last one was the last.
	Silent bool `json:"silent,omitempty"`
	Ended  bool `json:"ended,omitempty"`
}

// Beat is the last sign of life in a ledger.
type Beat struct {
	At      time.Time     `json:"at"`
	Every   time.Duration `json:"every_ns"`
	Version string        `json:"version,omitempty"`
	Mode    string        `json:"mode"`
	Intent  string        `json:"intent"`
}

// grace is how many heartbeats may be missing: one that is late is no news.
const grace = 3

// Fleet lists the ledgers that are copied, by name. A database without any has none.
func Fleet(ctx context.Context, db DB, now time.Time) ([]Member, error) {
	rows, err := db.Query(ctx, `SELECT l.origin, l.vkey, l.size, l.at, b.envelope FROM assent_ledger l
		LEFT JOIN LATERAL (SELECT envelope FROM assent_entry e WHERE e.origin = l.origin AND e.kind = $1 ORDER BY e.idx DESC LIMIT 1) b ON true
		ORDER BY l.origin LIMIT $2`, string(ledger.KindHeartbeat), maxFleet)
	if err != nil {
		return nil, listed(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Member, err error) {
		var size int64
		var beat []byte
		if err := row.Scan(&m.Origin, &m.VKey, &size, &m.Copied, &beat); err != nil {
			return m, err
		}
		m.Entries, m.Copied = uint64(size), m.Copied.UTC()
		if beat == nil {
			return m, nil
		}
		h, err := ledger.ParseHeartbeat(beat)
		if err != nil { // a copy that was damaged says nothing, and the others are listed: Check says why
			m.Silent = true
			return m, nil
		}
		m.Beat = &Beat{At: h.At.UTC(), Every: h.Every, Version: h.Version, Mode: h.Mode.String(), Intent: h.Intent}
		m.Ended = h.Last
		m.Silent = !h.Last && now.Sub(h.At) > grace*h.Every
		return m, nil
	})
	return all, listed(err)
}

// undefinedTable is PostgreSQL's code of a table that is not there.
const undefinedTable = "42P01"

// listed makes no tables an empty fleet.
func listed(err error) error {
	var e *pgconn.PgError
	if err == nil || errors.As(err, &e) && e.Code == undefinedTable {
		return nil
	}
	return fmt.Errorf("reading the fleet: %w", err)
}

// Reader reads the copy of one ledger. It implements what of ledger.Reader a question
// needs.
type Reader struct {
	db     DB
	origin string
}

// Open returns a reader of a copy.
func Open(db DB, origin string) *Reader { return &Reader{db, origin} }

// Origin is the name of the ledger.
func (r *Reader) Origin() string { return r.origin }

// Scan calls f for the entries from an index on, in order, until it returns false. An
// entry that is missing, or not what its hash says, is an error.
func (r *Reader) Scan(ctx context.Context, from uint64, f func(ledger.Stored) bool) error {
	for next := from; ; {
		page, err := r.page(ctx, next)
		if err != nil {
			return fmt.Errorf("reading the copy of %s: %w", r.origin, err)
		}
		for _, s := range page {
			if s.Index != next {
				return fmt.Errorf("reading the copy of %s: entry %d is missing", r.origin, next)
			}
			if !f(s) {
				return nil
			}
			next++
		}
		if len(page) < batch {
			return nil
		}
	}
}

func (r *Reader) page(ctx context.Context, from uint64) ([]ledger.Stored, error) {
	rows, err := r.db.Query(ctx, `SELECT idx, kind, key, run, at, envelope, leaf FROM assent_entry WHERE origin = $1 AND idx >= $2 ORDER BY idx LIMIT $3`, r.origin, int64(from), batch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s ledger.Stored, err error) {
		var idx int64
		var leaf []byte
		if err := row.Scan(&idx, &s.Kind, &s.Key, &s.Run, &s.At, &s.Envelope, &leaf); err != nil {
			return s, err
		}
		s.Index, s.LeafHash = uint64(idx), tlog.LeafHash(s.Envelope)
		if string(leaf) != string(s.LeafHash[:]) {
			return s, fmt.Errorf("entry %d is not what its hash says", idx)
		}
		return s, nil
	})
}

// Check holds a copy against its signed head: every entry that the head covers is here
// as it was signed. Without a key the one that the copy names is taken. It returns how
// many entries the head covers.
func Check(ctx context.Context, db DB, origin, vkey string) (covered uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("checking the copy of %s: %w", origin, err)
		}
	}()
	var size int64
	var said, head string
	if err := db.QueryRow(ctx, `SELECT size, vkey, head FROM assent_ledger WHERE origin = $1`, origin).Scan(&size, &said, &head); err != nil {
		return 0, err
	}
	if vkey == "" {
		vkey = said
	}
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	signed, err := tlog.OpenCheckpoint([]byte(head), key)
	if err != nil {
		return 0, err
	}
	if signed.Origin != origin || signed.Size > uint64(size) {
		return 0, fmt.Errorf("its head is of %s and %d entries, %d are here", signed.Origin, signed.Size, size)
	}
	var tree tlog.Range
	if err := Open(db, origin).Scan(ctx, 0, func(s ledger.Stored) bool {
		tree.Append(s.LeafHash)
		return tree.Size() < signed.Size
	}); err != nil {
		return 0, err
	}
	if tree.Size() != signed.Size || tree.Root() != signed.Root {
		return 0, errors.New("its entries are not those that were signed")
	}
	return signed.Size, nil
}
