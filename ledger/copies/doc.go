// Package copies keeps copies of many ledgers in one PostgreSQL, one log an instance,
// so that those of a fleet are asked as one, and a proxy that is missing shows.
//
// A ledger stays the evidence. A copy follows it, some seconds later and in its order;
// what it holds can be checked with the ledger's own key, and is what is left of a
// ledger whose machine is lost.
//
// # What it promises
//
//   - A copy is a beginning of its ledger: entries are taken in order, each once, in one
//     transaction with the copy's new size. Two processes of one ledger do not disturb
//     each other.
//   - A ledger that is another than the one that was copied (it was rolled back, or
//     written anew) is not copied on: Follow says so, and goes on saying so.
//   - Nothing waits for a copy: a database that is away is tried again.
//   - Reading checks every entry against its hash, and Check a whole copy against its
//     signed head.
//
// # Words
//
// Copy: what of one ledger is here. Origin: the name that a ledger signs with. Fleet: all
// ledgers that are copied to one database.
package copies

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is where the copies are: a pgxpool.Pool.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
}

// tables are made once. What was released MUST NOT be changed, only added to.
const tables = `
CREATE TABLE IF NOT EXISTS assent_ledger (
  origin text PRIMARY KEY,
  size   bigint NOT NULL DEFAULT 0, -- how many entries are here
  vkey   text   NOT NULL,           -- as the ledger says
  head   text   NOT NULL DEFAULT '', -- its newest signed checkpoint that covers no more than is here
  at     timestamptz NOT NULL DEFAULT clock_timestamp() -- when something came last
);
CREATE TABLE IF NOT EXISTS assent_entry (
  origin   text   NOT NULL REFERENCES assent_ledger,
  idx      bigint NOT NULL,
  kind     text   NOT NULL,
  key      text   NOT NULL,
  run      text   NOT NULL,
  at       timestamptz NOT NULL,
  envelope bytea  NOT NULL,
  leaf     bytea  NOT NULL,
  PRIMARY KEY (origin, idx)
);
CREATE INDEX IF NOT EXISTS assent_entry_key ON assent_entry (key) WHERE key <> '';
CREATE INDEX IF NOT EXISTS assent_entry_kind ON assent_entry (origin, kind, idx DESC);
`

// lockTables keeps two processes from making the tables at once: PostgreSQL's IF NOT
// EXISTS is no promise among several.
const lockTables = `SELECT pg_advisory_xact_lock(7310579001)`

func prepare(ctx context.Context, db DB) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockTables); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, tables, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("making the tables of ledgers' copies: %w", err)
	}
	return nil
}
