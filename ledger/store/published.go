package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

// Cosigned is the published checkpoint if others than the log have signed it too;
// ledger.ErrNotFound: there is none.
func (s *Store) Cosigned(context.Context) ([]byte, error) {
	f, err := os.Open(filepath.Join(s.Public(), "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ledger.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, tlog.MaxCheckpoint+1))
	if err != nil {
		return nil, fmt.Errorf("reading the published checkpoint: %w", err)
	}
	if bytes.Count(signed, []byte("\n\u2014 ")) < 2 {
		return nil, ledger.ErrNotFound
	}
	return signed, nil
}
