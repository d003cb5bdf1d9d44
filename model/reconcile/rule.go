package reconcile

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/model"
)

//go:embed rules.tsv
var rulesTSV string

// rule is one row of rules.tsv.
type rule struct {
	kind, path model.Pattern
	what, who  string
}

const (
	computed = "computed"
	theirs   = "theirs"
	ordered  = "ordered"
	critical = "critical"
	spread   = "spread"
)

// Rules are the rows of rules.tsv.
type Rules struct{ rows []rule }

// ReadRules reads the rules that the program brings.
func ReadRules() (*Rules, error) { return parseRules(rulesTSV) }

func parseRules(text string) (*Rules, error) {
	r := &Rules{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			return nil, fmt.Errorf("rules.tsv:%d: %d cells, want 4", n, len(cells))
		}
		row := rule{model.NewPattern(cells[0]), model.NewPattern(cells[1]), cells[2], cells[3]}
		switch row.what {
		case computed, ordered, critical:
			if row.who != "" {
				return nil, fmt.Errorf("rules.tsv:%d: %s has nobody", n, row.what)
			}
		case theirs:
			if row.who == "" {
				return nil, fmt.Errorf("rules.tsv:%d: a field that is hidden has to say whose it is", n)
			}
		case spread:
			if row.who == "" {
				return nil, fmt.Errorf("rules.tsv:%d: what is taken apart has to say by which members", n)
			}
		default:
			return nil, fmt.Errorf("rules.tsv:%d: no rule is called %q", n, row.what)
		}
		r.rows = append(r.rows, row)
	}
	return r, nil
}

// of finds the rows of one kind that fit a field of a type. The path has no
// positions in it.
func (r *Rules) of(what, kind, path string) (found []rule) {
	for _, row := range r.rows {
		if row.what == what && row.kind.Fits(kind) && row.path.Fits(path) {
			found = append(found, row)
		}
	}
	return found
}

// Critical reports whether a field of a type is critical.
func (r *Rules) Critical(kind, path string) bool { return r.is(critical, kind, plainPath(path)) }

func (r *Rules) is(what, kind, path string) bool { return len(r.of(what, kind, path)) > 0 }
