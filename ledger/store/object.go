package store

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/assent-iom/assent/ledger"
)

// deflate packs objects, in the caller's goroutine.
func (s *Store) deflate(all []ledger.Object) ([]ledger.Object, error) {
	if len(all) == 0 {
		return nil, nil
	}
	w, _ := s.packers.Get().(*flate.Writer)
	if w == nil {
		w, _ = flate.NewWriter(nil, flate.BestSpeed) // the level is one that there is
	}
	defer s.packers.Put(w)
	var out []ledger.Object
	for _, o := range all {
		if o.Name == "" || len(o.Data) > ledger.MaxObject {
			return nil, fmt.Errorf("the object %q has %d bytes, the limit is %d", o.Name, len(o.Data), ledger.MaxObject)
		}
		var packed bytes.Buffer
		w.Reset(&packed)
		_, err := w.Write(o.Data)
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, fmt.Errorf("packing %s: %w", o.Name, err)
		}
		out = append(out, ledger.Object{Name: o.Name, Data: packed.Bytes()})
	}
	return out, nil
}

// Object returns an object that some entry names; ledger.ErrNotFound if it was not
// kept. Whether it is what its name says is for the reader to check.
func (s *Store) Object(ctx context.Context, name string) ([]byte, error) {
	var packed []byte
	err := s.read.QueryRowContext(ctx, `SELECT data FROM objects WHERE name = ?`, name).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%s: %w", name, ledger.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), ledger.MaxObject+1))
	if err == nil && len(data) > ledger.MaxObject {
		err = fmt.Errorf("it is longer than %d bytes", ledger.MaxObject)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// Forget destroys objects, of which it is recorded already that they are: their bytes
// are overwritten in the database of the ledger in dir, not only let go of.
func Forget(ctx context.Context, dir string, names []string) (err error) {
	db, err := openDB(filepath.Join(dir, Database), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, name := range names {
		if _, err := db.ExecContext(ctx, `DELETE FROM objects WHERE name = ?`, name); err != nil {
			return fmt.Errorf("destroying %s: %w", name, err)
		}
	}
	// What overwrites them goes into the database now, and the write-ahead log begins anew.
	if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("destroying objects: %w", err)
	}
	return nil
}
