package collect

import (
	"maps"
	"slices"
	"time"
)

// Kept is how one collector has looked at what exists, as it is kept beyond the
// process: what was not found then, and what nobody has looked at, stay two things.
type Kept struct {
	Collector string     `json:"collector"`
	At        time.Time  `json:"at,omitzero"` // when this was so
	Coverage  []Coverage `json:"coverage"`
	Gaps      []Gap      `json:"gaps,omitempty"`
}

// Until returns until when everything in a scope is known, by what collectors have kept:
// when the last whole listing began, or, where changes are followed since, what is
// followed surely. Zero: it was not listed whole, or not since the collector's start.
func Until(all []Kept) func(Scope) time.Time {
	until := map[Scope]time.Time{}
	for _, k := range all {
		for _, c := range k.Coverage {
			if c.State != Complete || c.Earlier {
				continue
			}
			until[c.Scope] = c.ListedAt
			if followed := k.At.Add(-MaxStall); c.Watched && followed.After(c.ListedAt) {
				until[c.Scope] = followed
			}
		}
	}
	return func(s Scope) time.Time {
		if at, ok := until[s]; ok {
			return at
		}
		s.Region = ""
		return until[s]
	}
}

// Kept returns what there is to keep, by collector; what an earlier process has found
// out, and nobody since, is in it.
func (r *Runner) Kept() []Kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	by, now := map[string]*Kept{}, r.cfg.Now().UTC()
	of := func(name string) *Kept {
		if by[name] == nil {
			by[name] = &Kept{Collector: name, At: now, Coverage: []Coverage{}}
		}
		return by[name]
	}
	for s, c := range r.covers {
		k := of(r.by[s])
		k.Coverage = append(k.Coverage, c)
	}
	for name, gaps := range r.gaps {
		of(name).Gaps = gaps
	}
	var all []Kept
	for _, name := range slices.Sorted(maps.Keys(by)) {
		k := by[name]
		SortCoverage(k.Coverage)
		all = append(all, *k)
	}
	return all
}

// recall takes in what an earlier process has kept.
func (r *Runner) recall(all []Kept) {
	for _, k := range all {
		for _, c := range k.Coverage {
			c.Watched, c.Earlier = false, true
			r.covers[c.Scope], r.by[c.Scope] = c, k.Collector
		}
		r.gaps[k.Collector] = k.Gaps
	}
}

// outgrow forgets what an earlier process knew of scopes that are not there any more.
// The caller holds r.mu.
func (r *Runner) outgrow(name string, scopes []Scope) {
	for s, c := range r.covers {
		if c.Earlier && r.by[s] == name && !slices.Contains(scopes, s) {
			delete(r.covers, s)
			delete(r.by, s)
		}
	}
}
