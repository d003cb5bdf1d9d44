package engine

import (
	"context"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/reconcile"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// Resolve is the entry that says what listings tell of decisions whose outcome nobody
// saw, and how many that are; none: there is nothing to record.
func Resolve(ctx context.Context, log *store.Store, running model.Snapshot, covers func(collect.Scope) collect.Coverage, now time.Time) (e ledger.Entry, n int, err error) {
	resolved, left, err := reconcile.ByWhatExists(ctx, log, reconcile.Looked{
		Seen: running.Resource,
		Listed: func(t model.Target, platform, account, region string) time.Time {
			c := covers(collect.Scope{Platform: platform, Account: account, Region: region, Type: t.Type})
			if c.State != collect.Complete {
				return time.Time{}
			}
			return c.ListedAt
		},
	})
	if err != nil || len(resolved) == 0 {
		return e, 0, err
	}
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return e, 0, err
	}
	head, err := tlog.ReadCheckpoint(signed)
	if err != nil {
		return e, 0, err
	}
	e, err = ledger.ReconcileEntry(ledger.Reconciliation{At: now, Sources: []ledger.Source{{Kind: reconcile.Collectors}}, Origin: head.Origin, Size: head.Size, Root: head.Root,
		Own: map[string]uint64{}, Unknown: uint64(left), Resolved: resolved})
	return e, len(resolved), err
}
