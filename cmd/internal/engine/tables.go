package engine

import (
	"errors"
	"fmt"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// Amazon makes the AWS decoder with the newest table that the machine has. A
// table of the machine's own that cannot be used is bad, and the embedded one is
// used.
func Amazon(dir string) (amazon *aws.Live, bad, err error) {
	n, bad := table.OpenNewest(dir)
	if n.Table == nil {
		return nil, nil, bad
	}
	amazon, err = aws.NewLive(n.Table)
	return amazon, bad, err
}

// Table is the hash of the running AWS table: sha256:HEX.
func (e *Engine) Table() string { return e.amazon.Table().Hash() }

// ReloadTable puts the newest AWS table in the place of the running one, and
// reports whether it is another. On an error the running one stays. It MUST be
// called by one goroutine at a time.
func (e *Engine) ReloadTable() (changed bool, err error) {
	n, err := table.OpenNewest(e.cfg.TablesDir)
	if err != nil {
		return false, err
	}
	if n.Table == nil {
		return false, errors.New("there is no aws table")
	}
	if n.Table.Hash() == e.Table() {
		return false, nil
	}
	e.amazon.Swap(n.Table)
	e.review()
	return true, nil
}

// openTable makes the engine's AWS decoder; a table that cannot be used is said.
func (e *Engine) openTable() error {
	amazon, bad, err := Amazon(e.cfg.TablesDir)
	if err != nil {
		return fmt.Errorf("opening the aws table: %w", err)
	}
	if bad != nil {
		e.cfg.Trouble("the machine's own aws table is not used, but the embedded one", bad)
	}
	e.amazon = amazon
	return nil
}
