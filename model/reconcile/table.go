package reconcile

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed fields.tsv
var fieldsTSV string

// setter is one row of fields.tsv.
type setter struct {
	kind, field, how, call, param string
	names                         []string // NAME=VALUE; nil: the call cannot be written
}

// The ways in which a call changes a field.
const (
	set    = "set"
	add    = "add"
	remove = "remove"
)

// setters are the rows of fields.tsv, read once. A test reads them too, and fails
// where they cannot be.
var setters = sync.OnceValues(func() ([]setter, error) { return parseFields(fieldsTSV) })

func parseFields(text string) (all []setter, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 6 {
			return nil, fmt.Errorf("fields.tsv:%d: %d cells, want 6", n, len(cells))
		}
		s := setter{kind: cells[0], field: cells[1], how: cells[2], call: cells[3], param: cells[4]}
		switch {
		case s.how != set && s.how != add && s.how != remove:
			return nil, fmt.Errorf("fields.tsv:%d: no way is called %q", n, s.how)
		case strings.HasSuffix(s.field, ".*") != strings.HasSuffix(s.param, ".*"):
			return nil, fmt.Errorf("fields.tsv:%d: each member of one side, and not of the other", n)
		case !strings.Contains(s.call, ":"):
			return nil, fmt.Errorf("fields.tsv:%d: %q is no service:Operation", n, s.call)
		}
		if cells[5] != "-" {
			for name := range strings.SplitSeq(cells[5], ",") {
				if !strings.Contains(name, "=") {
					return nil, fmt.Errorf("fields.tsv:%d: %q says nothing", n, name)
				}
				s.names = append(s.names, name)
			}
		}
		all = append(all, s)
	}
	return all, nil
}
