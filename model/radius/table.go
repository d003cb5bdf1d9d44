package radius

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

var (
	//go:embed propagation.tsv
	propagationText string
	//go:embed pools.tsv
	poolsText string
)

// eachRow calls f for the columns of every row of a table. A width of 0 is any.
func eachRow(name, text string, width int, f func(columns []string) error) error {
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		columns := strings.Split(line, "\t")
		if width > 0 && len(columns) != width {
			return fmt.Errorf("%s:%d: %d columns, want %d", name, i+1, len(columns), width)
		}
		if err := f(columns); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

// columns are the effects on a dependency that propagation.tsv has columns for.
var columns = [...]Effect{Destroy, Replace, Disconnect, Restrict, Restart, Degrade, Config}

// cell is what becomes of a dependent.
type cell struct {
	effect Effect
	last   bool // and of nothing behind it
}

// relationRow is the cells of one relation by the effect on the dependency.
type relationRow [Destroy + 1]cell

// pool is a row of pools.tsv: what lives on while enough members are left.
type pool struct {
	kind     model.Pattern
	relation string
	member   model.Pattern
	required int
}

type healing struct{ kind, controller model.Pattern }

type facing struct {
	kind      model.Pattern
	attribute []string
	value     string
}

// tables are the data files, read.
type tables struct {
	relations map[string]*relationRow
	pools     []pool
	pooled    map[string]bool // relations that some pool is about
	heals     []healing
	faces     []facing
}

var loaded = sync.OnceValue(func() *tables {
	t, err := parseTables(propagationText, poolsText)
	if err != nil {
		panic(err) // a test reads the tables
	}
	return t
})

func parseTables(propagation, pools string) (*tables, error) {
	t := &tables{relations: map[string]*relationRow{}, pooled: map[string]bool{}}
	types := model.RelationTypes()
	err := eachRow("propagation.tsv", propagation, len(columns)+1, func(f []string) error {
		if !slices.Contains(types, f[0]) || t.relations[f[0]] != nil {
			return fmt.Errorf("relation %q is not one, or comes twice", f[0])
		}
		row := &relationRow{}
		for i, on := range columns {
			word, last := strings.CutSuffix(f[i+1], ".")
			if word == "-" {
				continue
			}
			e, err := ParseEffect(word)
			if err != nil {
				return err
			}
			row[on] = cell{e, last}
		}
		t.relations[f[0]] = row
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range types {
		if t.relations[name] == nil {
			return nil, fmt.Errorf("propagation.tsv: no row for %s", name)
		}
	}
	lower := func(s string) model.Pattern { return model.NewPattern(strings.ToLower(s)) }
	err = eachRow("pools.tsv", pools, 0, func(f []string) error {
		switch {
		case f[0] == "pool" && len(f) == 5 && t.relations[f[2]] != nil:
			n, err := strconv.Atoi(f[4])
			if err != nil || n < 0 {
				return fmt.Errorf("%q members must be left; want a number", f[4])
			}
			t.pooled[f[2]] = true
			t.pools = append(t.pools, pool{lower(f[1]), f[2], lower(f[3]), n})
		case f[0] == "heal" && len(f) == 3:
			t.heals = append(t.heals, healing{lower(f[1]), lower(f[2])})
		case f[0] == "faces" && len(f) == 4:
			t.faces = append(t.faces, facing{lower(f[1]), strings.Split(f[2], "."), f[3]})
		default:
			return fmt.Errorf("no such row: %q", f)
		}
		return nil
	})
	return t, err
}
