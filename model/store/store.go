package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/assent-iom/assent/model"
	_ "modernc.org/sqlite" // the driver; registers itself
)

const (
	// busyTimeout is how long one process waits for another's transaction. Batches
	// take milliseconds; a longer wait means a stuck process, which must be told.
	busyTimeout = 5 * time.Second
	// format is the layout of the tables below.
	format = 1
)

// ErrDamaged: the file is not a model that this version can read.
var ErrDamaged = errors.New("the model file cannot be used")

const schema = `
CREATE TABLE IF NOT EXISTS resource (
  urn  TEXT PRIMARY KEY,
  body TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS alias (
  alias TEXT NOT NULL,
  urn   TEXT NOT NULL,
  PRIMARY KEY (alias, urn)
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS alias_urn ON alias (urn);
CREATE TABLE IF NOT EXISTS relation (
  dependent  TEXT NOT NULL,
  dependency TEXT NOT NULL,
  type       TEXT NOT NULL,
  source     TEXT NOT NULL,
  PRIMARY KEY (dependent, dependency, type, source)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS changes (n INTEGER NOT NULL) STRICT;
INSERT INTO changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changes);
`

// Store is an open model file. Its methods may be called from anywhere.
type Store struct {
	db   *sql.DB
	path string
}

// Open opens the file, and makes it, and the folder it is in, if it is missing.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("opening model %s: %w", path, err)
	}
	// SQLite makes files by the umask; attributes are nobody else's business.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening model: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening model: %w", err)
	}
	query := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(0)"},
		"_txlock": {"immediate"}} // or two writers that both read first could not both go on
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening model %s: %w", path, err)
	}
	db.SetMaxOpenConns(2) // one writes, one reads
	s := &Store{db: db, path: path}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	damaged := func(err error) error {
		return fmt.Errorf("%w: %s: %w; move it away (mv %s %s.damaged) and it is made anew from what is seen next",
			ErrDamaged, s.path, err, s.path, s.path)
	}
	var version int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return damaged(err)
	}
	if version != 0 && version != format {
		return damaged(fmt.Errorf("it has format %d, this program reads %d", version, format))
	}
	var verdict string
	if err := s.db.QueryRow("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return damaged(err)
	}
	if verdict != "ok" {
		return damaged(errors.New(verdict))
	}
	if version == format {
		if _, err := s.db.Exec(builtSchema + looksSchema + heardSchema + saltSchema); err != nil {
			return fmt.Errorf("preparing model %s: %w", s.path, err)
		}
		return nil
	}
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("preparing model %s: %w", s.path, err)
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.Exec(schema + builtSchema + looksSchema + heardSchema + saltSchema + fmt.Sprintf("PRAGMA user_version = %d;", format)); err != nil {
		return fmt.Errorf("preparing model %s: %w", s.path, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("preparing model %s: %w", s.path, err)
	}
	return nil
}

// Load returns every resource in URN order and every stated relation, of one
// moment.
func (s *Store) Load(ctx context.Context) (resources []model.Resource, relations []model.Relation, err error) {
	relations, err = s.Each(ctx, func(r *model.Resource) { resources = append(resources, *r) })
	if err != nil {
		return nil, nil, err
	}
	return resources, relations, nil
}

// Each is Load that shows resources one after the other, so that not all of them need
// be there at once.
func (s *Store) Each(ctx context.Context, see func(*model.Resource)) ([]model.Relation, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("loading model: %w", err)
	}
	defer tx.Rollback() // it only reads
	if err := eachResource(ctx, tx, see); err != nil {
		return nil, err
	}
	return loadRelations(ctx, tx)
}

func loadRelations(ctx context.Context, tx *sql.Tx) ([]model.Relation, error) {
	rows, err := tx.QueryContext(ctx, "SELECT dependent, dependency, type, source FROM relation ORDER BY 1, 2, 3, 4")
	if err != nil {
		return nil, fmt.Errorf("loading relations: %w", err)
	}
	defer rows.Close()
	var relations []model.Relation
	for rows.Next() {
		var r model.Relation
		if err := rows.Scan(&r.From, &r.To, &r.Type, &r.Source); err != nil {
			return nil, fmt.Errorf("loading relations: %w", err)
		}
		relations = append(relations, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("loading relations: %w", err)
	}
	return relations, nil
}

// Changes counts the batches that all processes together have saved. A process
// that finds it higher than it expects loads again to learn what others learnt.
func (s *Store) Changes(ctx context.Context) (int64, error) {
	var n int64
	if err := s.db.QueryRowContext(ctx, "SELECT n FROM changes").Scan(&n); err != nil {
		return 0, fmt.Errorf("counting changes of the model: %w", err)
	}
	return n, nil
}

// Close closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing model: %w", err)
	}
	return nil
}
