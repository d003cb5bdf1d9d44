package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations bring the tables from each format to the next: the first makes format
// 1 of nothing. What was released MUST NOT be changed, only added to.
var migrations = []string{logTables, leaseTables, saltTable}

const logTables = `
CREATE TABLE assent_log (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  id   text   NOT NULL DEFAULT md5(random()::text || clock_timestamp()::text),
  head bigint NOT NULL DEFAULT 0, -- the last event
  tail bigint NOT NULL DEFAULT 0  -- events up to it were compacted
);
INSERT INTO assent_log DEFAULT VALUES;
CREATE TABLE assent_event (
  seq    bigint PRIMARY KEY,
  writer text   NOT NULL,
  batch  bigint NOT NULL,
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  body   text   NOT NULL
);
CREATE TABLE assent_writer ( -- the last batch of each, so that none is appended twice
  id    text PRIMARY KEY,
  batch bigint NOT NULL,
  at    timestamptz NOT NULL
);
CREATE TABLE assent_snapshot (
  seq  bigint NOT NULL, -- the last event that is in it
  part integer NOT NULL,
  kind text   NOT NULL, -- resources, relations
  body bytea  NOT NULL,
  PRIMARY KEY (seq, part)
);
`

// The order of locks is lease, log: whoever takes both takes them so.
const leaseTables = `
CREATE TABLE assent_lease (
  name   text PRIMARY KEY,
  holder text   NOT NULL,
  fence  bigint NOT NULL,
  until  timestamptz NOT NULL
);
CREATE TABLE assent_built_log (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  rev  bigint NOT NULL DEFAULT 0, -- the last change of assent_built
  tail bigint NOT NULL DEFAULT 0  -- of what is gone since before it, nothing is left
);
INSERT INTO assent_built_log DEFAULT VALUES;
CREATE TABLE assent_built (
  urn  text PRIMARY KEY,
  body text, -- NULL: it is gone
  rev  bigint NOT NULL
);
CREATE INDEX assent_built_rev ON assent_built (rev);
CREATE TABLE assent_heard (
  id   text PRIMARY KEY,
  at   bigint NOT NULL, -- nanoseconds
  body text NOT NULL
);
CREATE INDEX assent_heard_at ON assent_heard (at);
CREATE TABLE assent_look (
  collector text PRIMARY KEY,
  body      text NOT NULL
);
CREATE FUNCTION assent_append(who text, number bigint, bodies text[], leases text[], fences bigint[])
RETURNS TABLE (kept bigint, last bigint) LANGUAGE plpgsql AS $$
DECLARE
  valid text[] := '{}';
  l record;
  h bigint;
  n bigint;
BEGIN
  -- A lease that holds now cannot be taken over before this transaction ends.
  FOR l IN SELECT DISTINCT e.lease, e.fence FROM unnest(leases, fences) AS e(lease, fence) WHERE e.lease <> '' ORDER BY 1, 2 LOOP
    PERFORM FROM assent_lease a WHERE a.name = l.lease AND a.fence = l.fence AND a.until > clock_timestamp() FOR SHARE;
    IF FOUND THEN
      valid := valid || (l.lease || ' ' || l.fence);
    END IF;
  END LOOP;
  -- From here on writers are one after the other, until they commit.
  SELECT g.head INTO STRICT h FROM assent_log g FOR UPDATE;
  IF EXISTS (SELECT FROM assent_writer w WHERE w.id = who AND w.batch >= number) THEN
    RETURN QUERY SELECT -1::bigint, h; -- committed already, and nobody could say so
    RETURN;
  END IF;
  INSERT INTO assent_writer VALUES (who, number, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at;
  INSERT INTO assent_event (seq, writer, batch, body)
    SELECT h + row_number() OVER (ORDER BY e.place), who, number, e.body
    FROM unnest(bodies, leases, fences) WITH ORDINALITY AS e(body, lease, fence, place)
    WHERE e.lease = '' OR e.lease || ' ' || e.fence = ANY (valid);
  GET DIAGNOSTICS n = ROW_COUNT;
  UPDATE assent_log g SET head = h + n;
  PERFORM pg_notify('assent_model', '');
  RETURN QUERY SELECT n, h + n;
END $$;
`

const saltTable = `
CREATE TABLE assent_salt (
  one   boolean PRIMARY KEY DEFAULT true CHECK (one),
  value bytea NOT NULL
);
`

// migrationLock keeps two programs from making the tables at once.
const migrationLock = 0x617373656e74

// ErrFormat: the tables were made by a newer program.
var ErrFormat = errors.New("the tables of the model have a newer format")

// prepare makes the tables, or brings them to the format of this program.
func (s *Store) prepare(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('assent_format') IS NOT NULL").Scan(&there); err != nil {
			return err
		}
		format := 0
		if there {
			if err := tx.QueryRow(ctx, "SELECT format FROM assent_format").Scan(&format); err != nil {
				return fmt.Errorf("reading the format of the tables: %w", err)
			}
		}
		switch {
		case format == len(migrations):
			return nil
		case format > len(migrations) || format < 0:
			return fmt.Errorf("%w: %d, and this program reads up to %d; upgrade assent on this machine, or give it a database of its own", ErrFormat, format, len(migrations))
		}
		if !there {
			if _, err := tx.Exec(ctx, "CREATE TABLE assent_format (format integer NOT NULL); INSERT INTO assent_format VALUES (0)", pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("making the tables (the role needs CREATE on the schema, once): %w", err)
			}
		}
		for ; format < len(migrations); format++ {
			if _, err := tx.Exec(ctx, migrations[format], pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("bringing the tables to format %d: %w", format+1, err)
			}
		}
		_, err := tx.Exec(ctx, "UPDATE assent_format SET format = $1", len(migrations))
		return err
	})
}
