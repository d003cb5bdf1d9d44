package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/approval"
)

// Given returns the approvals of an action that are good then and not used yet, with
// verified signatures; and the no, if somebody said it and the request has not expired.
func (b *Inbox) Given(ctx context.Context, scope string, set *intent.Set, at time.Time) (yes []policy.Approval, no *approval.Ticket, err error) {
	rows, err := b.db.QueryContext(ctx, `SELECT t.body, t.signature, r.expires FROM item i JOIN ticket t ON t.request = i.request JOIN request r ON r.id = i.request
		WHERE i.scope = ? AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.ticket = t.id AND c.scope = i.scope) ORDER BY t.id`, scope)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the inbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s approval.Signed
		var expires int64 // of the request
		if err := rows.Scan(&s.Ticket, &s.Signature, &expires); err != nil {
			return nil, nil, fmt.Errorf("reading the inbox: %w", err)
		}
		t, _, err := approval.Open(s, set)
		if err != nil {
			continue // a key that is no longer declared, or a file that somebody else wrote: it is no answer
		}
		if t.Answer == approval.No {
			if at.UnixMilli() < expires {
				no = &t
			}
		} else if a, ok := s.For(t, scope); ok && at.Before(a.Expires) {
			yes = append(yes, a)
		}
	}
	return yes, no, rows.Err()
}

// Prior is what the things that a held action changes were like when it was asked about.
// What is in the file is not trusted: its digest is in what was signed.
func (b *Inbox) Prior(ctx context.Context, request, scope string) (policy.Prior, error) {
	r, err := b.Get(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, it := range r.Items {
		if it.Scope == scope {
			return it.Prior, nil
		}
	}
	return nil, nil
}

// Claim uses approvals up for one decision, all or none, and returns what was
// signed. approval.ErrUsed: another decision was first.
func (b *Inbox) Claim(ctx context.Context, approvals []policy.Approval, decision string) (signed []approval.Signed, err error) {
	err = b.write(ctx, func(tx *sql.Tx) error {
		for _, a := range approvals {
			done, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO claim (ticket, scope, decision, expires) VALUES (?, ?, ?, ?)", a.ID, a.Scope, decision, a.Expires.UnixMilli())
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n != 1 {
				return approval.ErrUsed
			}
			var s approval.Signed
			if err := tx.QueryRowContext(ctx, "SELECT body, signature FROM ticket WHERE id = ?", a.ID).Scan(&s.Ticket, &s.Signature); err != nil {
				return err
			}
			signed = append(signed, s)
			if err := markUsed(ctx, tx, a, decision); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("using an approval: %w", err)
	}
	return signed, nil
}

// markUsed writes into the request which decision went through on it.
func markUsed(ctx context.Context, tx *sql.Tx, a policy.Approval, decision string) error {
	found, err := read(ctx, tx, "WHERE id = ?", a.Request)
	if err != nil || len(found) == 0 {
		return err
	}
	for i := range found[0].Items {
		if found[0].Items[i].Scope == a.Scope {
			found[0].Items[i].Used = decision
		}
	}
	return save(ctx, tx, found[0], "")
}
