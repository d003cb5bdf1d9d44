package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/assent-iom/assent/ledger/seal"
)

// Beside hands to f what somebody who reads the log has kept in a file beside it, nil if
// nothing, and keeps what f returns in its place. One process is in f at a time; who comes
// meanwhile waits, and not for long. It may be called of a log that is read-only.
func (s *Store) Beside(ctx context.Context, name string, f func(was []byte) (is []byte, err error)) error {
	path := s.path(name)
	lock, err := waitLock(ctx, path+lockAfter)
	if err != nil {
		return fmt.Errorf("locking %s: %w", name, err)
	}
	defer lock.Close()
	was, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	is, err := f(was)
	if err != nil || bytes.Equal(was, is) {
		return err
	}
	return seal.Replace(path, is)
}
