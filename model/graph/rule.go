package graph

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

//go:embed relations.tsv
var relationsTable string

// rule is one row of relations.tsv.
type rule struct {
	from, path, to model.Pattern
	typ            uint32 // number in the table of types, which begins with model.RelationTypes
	back           bool   // what is named depends on who names it
	by             string // id, name, select, host
}

// ruleset is the rows that are about one type, in the order of the table.
type ruleset struct {
	ids, names, selects, hosts []rule
	selectable                 bool // some selector looks for resources of this type
	named                      bool // some row names resources of this type by plain name
}

// rules returns the table, which a test holds to be readable.
var rules = sync.OnceValue(func() []rule {
	all, err := parseRules(relationsTable)
	if err != nil {
		panic(err)
	}
	return all
})

// parseRules reads the table of relations.tsv.
func parseRules(text string) ([]rule, error) {
	types := model.RelationTypes()
	var all []rule
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("relations.tsv:%d: %d columns, want from, path, to, means and by", i+1, len(f))
		}
		means, back := strings.CutPrefix(f[3], "<")
		typ := slices.Index(types, means)
		if typ < 0 {
			return nil, fmt.Errorf("relations.tsv:%d: no relation is called %q", i+1, means)
		}
		if !slices.Contains([]string{"id", "name", "select", "host"}, f[4]) {
			return nil, fmt.Errorf("relations.tsv:%d: by %q; want id, name, select or host", i+1, f[4])
		}
		all = append(all, rule{model.NewPattern(strings.ToLower(f[0])), model.NewPattern(f[1]), model.NewPattern(strings.ToLower(f[2])), uint32(typ), back, f[4]})
	}
	return all, nil
}

// rulesOf picks the rows that are about a type.
func rulesOf(typ string) *ruleset {
	typ = strings.ToLower(typ)
	s := &ruleset{}
	for _, r := range rules() {
		switch {
		case r.by == "select" && r.to.Fits(typ):
			s.selectable = true
		case r.by == "name" && r.to.Fits(typ):
			s.named = true
		}
		if !r.from.Fits(typ) {
			continue
		}
		switch r.by {
		case "id":
			s.ids = append(s.ids, r)
		case "name":
			s.names = append(s.names, r)
		case "select":
			s.selects = append(s.selects, r)
		case "host":
			s.hosts = append(s.hosts, r)
		}
	}
	return s
}

// meaning returns what naming a resource of a type at a path means, or nil where
// the table does not say.
func (s *ruleset) meaning(path string, to string) *rule {
	for i := range s.ids {
		if r := &s.ids[i]; r.to.Fits(to) && r.path.Fits(path) {
			return r
		}
	}
	return nil
}
