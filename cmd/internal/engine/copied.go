package engine

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/assent-iom/assent/ledger/copies"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/model/store/postgres"
)

// Copied is a ledger that is copied to the database that proxies share, as long as it is
// open.
type Copied struct {
	db     *pgxpool.Pool
	log    *store.Store
	follow *copies.Follower
}

// lastTime bounds the copying of what a ledger's last moments have written.
const lastTime = 5 * time.Second

// CopyLedger begins to copy. A database that is away is waited for, by nobody else.
func CopyLedger(ctx context.Context, to Shared, log *store.Store, trouble func(what string, err error)) (*Copied, error) {
	db, err := postgres.Connect(ctx, to.URL)
	if err != nil {
		return nil, err
	}
	return &Copied{db, log, copies.Follow(db, log, trouble)}, nil
}

// Stop copies what is new, if the database is there, and ends.
func (c *Copied) Stop() {
	if c == nil {
		return
	}
	c.follow.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	_ = copies.Copy(ctx, c.db, c.log) // a copy may be behind: whoever follows it next goes on
	c.db.Close()
}
