package verify

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// database is one connection for reading. It speaks to the driver itself: database/sql,
// with its pools and conversions, would be a hundred kilobytes of the verifier.
type database struct {
	conn connection
	tx   driver.Tx
}

// connection is what the driver's are.
type connection interface {
	driver.Conn
	driver.QueryerContext
	driver.ConnBeginTx
}

// openDatabase opens a file and begins the one transaction that all is read in.
func openDatabase(ctx context.Context, path string) (*database, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows drive
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: url.Values{
		"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"},
	}.Encode()}
	conn, err := new(sqlite.Driver).Open(u.String())
	if err != nil {
		return nil, err
	}
	db := &database{conn: conn.(connection)}
	if db.tx, err = db.conn.BeginTx(ctx, driver.TxOptions{ReadOnly: true}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return db, nil
}

func (db *database) close() error { return errors.Join(db.tx.Rollback(), db.conn.Close()) }

// errNone: there is no such row.
var errNone = errors.New("no such row")

// rows are what a query returned.
type rows struct {
	rows   driver.Rows
	values []driver.Value
	done   bool // SQLite would begin again
	err    error
}

func (db *database) query(ctx context.Context, query string, args ...driver.Value) (*rows, error) {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	r, err := db.conn.QueryContext(ctx, query, named)
	if err != nil {
		return nil, err
	}
	return &rows{rows: r, values: make([]driver.Value, len(r.Columns()))}, nil
}

// queryRow reads the first row of a query, or returns errNone.
func (db *database) queryRow(ctx context.Context, query string, arg driver.Value, into ...any) error {
	var args []driver.Value
	if arg != nil {
		args = append(args, arg)
	}
	r, err := db.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer r.close()
	if !r.next() {
		return errors.Join(r.err, errNone)
	}
	return r.scan(into...)
}

// next goes to the next row. When there is none, err says why, or is nil at the end.
func (r *rows) next() bool {
	if r.done {
		return false
	}
	err := r.rows.Next(r.values)
	r.done = err != nil
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return err == nil
}

func (r *rows) close() error { return r.rows.Close() }

// scan takes the values of a row: integers, texts and bytes, each for what it is.
func (r *rows) scan(into ...any) error {
	for i, to := range into {
		switch to := to.(type) {
		case *int64:
			v, ok := r.values[i].(int64)
			if !ok {
				return fmt.Errorf("column %d is no number", i+1)
			}
			*to = v
		case *string:
			switch v := r.values[i].(type) {
			case string:
				*to = v
			case []byte:
				*to = string(v)
			default:
				return fmt.Errorf("column %d is no text", i+1)
			}
		case *[]byte:
			switch v := r.values[i].(type) {
			case string:
				*to = []byte(v)
			case []byte:
				*to = v // the driver has made it for this row
			default:
				return fmt.Errorf("column %d is no bytes", i+1)
			}
		}
	}
	return nil
}
