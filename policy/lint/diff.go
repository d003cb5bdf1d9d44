package lint

import (
	"encoding/json"
	"sort"

	"github.com/assent-iom/assent/model/intent"
)

// Difference is one thing that a new set of documents means and the old one does
// not, or the other way round.
type Difference struct {
	// Effect is allows more, allows less, forbids more, forbids less, new, gone or
	// changed. The last three are of documents that are no clauses.
	Effect  string `json:"effect"`
	What    string `json:"what"` // the clause or document
	Source  string `json:"source,omitempty"`
	Example string `json:"example,omitempty"` // a request that it makes a difference to, in words
}

// The effects of clauses.
const (
	AllowsMore  = "allows more"
	AllowsLess  = "allows less"
	ForbidsMore = "forbids more"
	ForbidsLess = "forbids less"
	New         = "new"
	Gone        = "gone"
	Changed     = "changed"
)

// Diff compares two sets by what they mean: a clause that was only moved, renamed
// or written otherwise makes no difference.
func Diff(old, now *intent.Set) []Difference {
	out := []Difference{}
	if old == nil {
		old = &intent.Set{}
	}
	if now == nil {
		now = &intent.Set{}
	}
	missing := func(effect string, these, those []box) {
		for _, b := range these {
			if part, differs := uncovered(b, those, standsFor); differs {
				out = append(out, Difference{effect, b.name, b.pos.String(), part.example()})
			}
		}
	}
	missing(AllowsMore, allows(now), allows(old))
	missing(AllowsLess, allows(old), allows(now))
	missing(ForbidsMore, nevers(now), nevers(old))
	missing(ForbidsLess, nevers(old), nevers(now))
	was, is := documents(old), documents(now)
	for _, name := range order(was, is) {
		a, known := was[name]
		b, stays := is[name]
		switch {
		case !known:
			out = append(out, Difference{Effect: New, What: name, Source: b.pos})
		case !stays:
			out = append(out, Difference{Effect: Gone, What: name, Source: a.pos})
		case a.text != b.text:
			out = append(out, Difference{Effect: Changed, What: name, Source: b.pos})
		}
	}
	return out
}

type document struct{ text, pos string }

// documents lists those that are no intents, with their content.
func documents(s *intent.Set) map[string]document {
	all := map[string]document{}
	s.Each(func(kind, name string, at intent.Pos, doc any) {
		if kind == "Intent" {
			return
		}
		text, err := json.Marshal(doc)
		if err != nil { // documents hold only what JSON has words for
			panic(err)
		}
		all[kind+" "+name] = document{string(text), at.String()}
	})
	return all
}

func order(a, b map[string]document) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}
