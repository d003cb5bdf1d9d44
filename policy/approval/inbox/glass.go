package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

// glassTables were added later: an older file gets them when it is opened.
const glassTables = `
CREATE TABLE IF NOT EXISTS glass (
  id        TEXT PRIMARY KEY,
  expires   INTEGER NOT NULL,
  due       INTEGER NOT NULL, -- until when somebody else has to review it
  body      BLOB NOT NULL,
  signature TEXT NOT NULL,
  review    BLOB,             -- NULL: nobody has
  reviewed  TEXT
) STRICT;
`

// maxGlass bounds the overrides that are kept and not reviewed.
const maxGlass = 100

// ErrUnreviewed is returned for one more override where too many wait to be reviewed.
var ErrUnreviewed = errors.New("too many overrides wait to be reviewed (assent break-glass list)")

// Broken is an override as it is kept.
type Broken struct {
	policy.Override
	Due    time.Time        `json:"review_due"`
	Review *approval.Review `json:"review,omitempty"`
	Signed approval.Signed  `json:"-"`
}

// Overdue reports whether nobody has reviewed it in time.
func (b Broken) Overdue(at time.Time) bool { return b.Review == nil && at.After(b.Due) }

// BreakGlass keeps an override, signed by somebody who is declared.
func (b *Inbox) BreakGlass(ctx context.Context, s approval.Signed, set *intent.Set, due time.Time) error {
	o, err := approval.OpenGlass(s, set)
	if err != nil {
		return err
	}
	return b.write(ctx, func(tx *sql.Tx) error {
		var waiting int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM glass WHERE review IS NULL").Scan(&waiting); err != nil {
			return err
		}
		if waiting >= maxGlass {
			return ErrUnreviewed
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO glass (id, expires, due, body, signature) VALUES (?, ?, ?, ?, ?)",
			o.ID, o.Expires.UnixMilli(), due.UnixMilli(), s.Ticket, s.Signature)
		return err
	})
}

// Glass returns the overrides that are good now, their signatures verified.
func (b *Inbox) Glass(ctx context.Context, at time.Time, set *intent.Set) ([]Broken, error) {
	return b.glass(ctx, set, "WHERE expires > ? ORDER BY id", at.UnixMilli())
}

// AllGlass returns all that are kept, the newest first.
func (b *Inbox) AllGlass(ctx context.Context, set *intent.Set) ([]Broken, error) {
	return b.glass(ctx, set, "ORDER BY expires DESC, id")
}

func (b *Inbox) glass(ctx context.Context, set *intent.Set, where string, args ...any) ([]Broken, error) {
	return glassIn(ctx, b.db, set, where, args...)
}

// glassIn reads them. A review that does not count is as good as none.
func glassIn(ctx context.Context, from interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, set *intent.Set, where string, args ...any) (all []Broken, err error) {
	rows, err := from.QueryContext(ctx, "SELECT due, body, signature, review, coalesce(reviewed, '') FROM glass "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the overrides: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var one Broken
		var due int64
		var review approval.Signed
		if err := rows.Scan(&due, &one.Signed.Ticket, &one.Signed.Signature, &review.Ticket, &review.Signature); err != nil {
			return nil, fmt.Errorf("reading the overrides: %w", err)
		}
		if one.Override, err = approval.OpenGlass(one.Signed, set); err != nil {
			continue // a key that is no longer declared, or a file that somebody else wrote: it overrides nothing
		}
		one.Due = time.UnixMilli(due).UTC()
		if review.Ticket != nil {
			if r, err := approval.OpenReview(review, one.Override, set); err == nil {
				one.Review = &r
			}
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// ReviewGlass keeps what somebody else found. One review is all there is.
func (b *Inbox) ReviewGlass(ctx context.Context, s approval.Signed, set *intent.Set) error {
	r, err := approval.ReadReview(s.Ticket)
	if err != nil {
		return err
	}
	return b.write(ctx, func(tx *sql.Tx) error {
		all, err := glassIn(ctx, tx, set, "WHERE id = ?", r.Override)
		switch {
		case err != nil:
			return err
		case len(all) != 1 || all[0].Review != nil:
			return fmt.Errorf("%w, or it was reviewed already: %s", ErrNotFound, r.Override)
		}
		if _, err := approval.OpenReview(s, all[0].Override, set); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE glass SET review = ?, reviewed = ? WHERE id = ?", s.Ticket, s.Signature, r.Override)
		return err
	})
}
