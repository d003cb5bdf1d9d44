package lint

import (
	"slices"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
)

// maxAtoms bounds into how many boxes one is cut up. One that has more is held
// against the others whole.
const maxAtoms = 4096

// atoms cuts a box up along every list that it has.
func atoms(b box) []box {
	n := 1
	for _, l := range []int{len(b.who), len(b.in), len(b.verbs), len(b.what.Capability), len(b.what.Operation), len(b.what.Type), len(b.what.Resource)} {
		if n *= max(l, 1); n > maxAtoms {
			return []box{b}
		}
	}
	all := []box{b}
	if !b.everyone { // anybody at all is no list of names
		all = cut(all, len(b.who), func(b *box, i int) { b.who = b.who[i : i+1] })
	}
	if !b.everywhere {
		all = cut(all, len(b.in), func(b *box, i int) { b.in = b.in[i : i+1] })
	}
	all = cut(all, len(b.verbs), func(b *box, i int) { b.verbs = []model.Verb{b.verbs[i]} })
	for _, words := range []func(*box) *intent.Words{
		func(b *box) *intent.Words { return &b.what.Capability }, func(b *box) *intent.Words { return &b.what.Operation },
		func(b *box) *intent.Words { return &b.what.Type }, func(b *box) *intent.Words { return &b.what.Resource },
	} {
		all = cut(all, len(*words(&b)), func(b *box, i int) { *words(b) = intent.Words{(*words(b))[i]} })
	}
	return all
}

func cut(all []box, n int, take func(b *box, i int)) []box {
	if n < 2 {
		return all
	}
	out := make([]box, 0, n*len(all))
	for _, b := range all {
		for i := range n {
			part := b
			take(&part, i)
			out = append(out, part)
		}
	}
	return out
}

// union reports whether every part of a box is covered by one that may stand for
// it, and by which, each once.
func union(b box, others []box, may func(i int) bool, covers func(wide, narrow box) bool) (by []int, covered bool) {
	seen := map[int]bool{}
	for _, part := range atoms(b) {
		found := false
		for i, o := range others {
			if found = may(i) && covers(o, part); found {
				if !seen[i] {
					seen[i] = true
					by = append(by, i)
				}
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return by, true
}

// uncovered returns the first part of a box that none of the others covers.
func uncovered(b box, others []box, covers func(wide, narrow box) bool) (part box, found bool) {
	for _, part := range atoms(b) {
		if !slices.ContainsFunc(others, func(o box) bool { return covers(o, part) }) {
			return part, true
		}
	}
	return box{}, false
}
