package graph

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

var _ model.Supposing = (*version)(nil)

// supposed is what a version that nobody published still has to do, for those who
// ask; most never do.
type supposed struct {
	edit     *edit
	forsaken // whose relations name what is gone

	relinking sync.Once // guards settled
	settled   *version
	naming    sync.Once // guards id and tree
	id        model.Version
	tree      *merkle
}

// forsaken are those who depended on what a supposition takes away. That they lose
// a relation is seen by its end being nobody; what they wait for from then on is
// found out when somebody asks: a group that is deleted may have thousands.
type forsaken struct {
	by   []uint32
	lost map[uint64]struct{} // hashes of the keys that they named it by
}

// Suppose returns what the model would be after observations. It copies what they
// touch and nothing else, shares the rest with v, and reads in every way like the
// version that Apply would have made of v.
func (v *version) Suppose(changes []model.Observation) model.Snapshot {
	e := v.begin()
	e.apart = &apart{kinds: map[kind]*kind{}, types: map[string]uint16{}, sources: map[string]uint32{}}
	if v.supposed != nil {
		e.apart.forsaken = forsaken{slices.Clone(v.supposed.by), maps.Clone(v.supposed.lost)}
		e.supposed = nil
	}
	// Others append where these end.
	e.types, e.sources = slices.Clip(e.types), slices.Clip(e.sources)
	for i := range changes {
		e.observe(&changes[i])
	}
	e.relate()
	by := slices.Compact(slices.Sorted(slices.Values(e.apart.by)))
	e.supposed = &supposed{edit: e, forsaken: forsaken{by, e.apart.lost}}
	return e.version
}

// forsake relinks whoever depended on a resource that is gone, whose keys these
// were: now, or when it is asked for, where nothing else could be meant by them.
func (e *edit) forsake(n *node, keys []string) {
	now := e.apart == nil
	for _, k := range keys {
		now = now || strings.HasPrefix(k, loosePrefix) && len(e.holders(k)) > 0
	}
	if now {
		n.in.each(func(in inEdge) { e.relink.add(in.from) })
		return
	}
	n.in.each(func(in inEdge) { e.apart.by = append(e.apart.by, in.from) })
	if e.apart.lost == nil {
		e.apart.lost = map[uint64]struct{}{}
	}
	for _, k := range keys {
		e.apart.lost[e.hash(k)] = struct{}{}
	}
}

// regain relinks the forsaken when something comes that they may have named.
func (e *edit) regain(h uint64) {
	if e.apart == nil {
		return
	}
	if _, lost := e.apart.lost[h]; !lost {
		return
	}
	for _, id := range e.apart.by {
		e.relink.add(id)
	}
	e.apart.forsaken = forsaken{}
}

// living calls f for whoever is still there.
func (v *version) living(f func(uint32, uint16)) func(uint32, uint16) {
	if v.supposed == nil || len(v.supposed.by) == 0 {
		return f
	}
	return func(id uint32, typ uint16) {
		if v.node(id) != nil {
			f(id, typ)
		}
	}
}

// settled is the version with everybody's relations found anew.
func (v *version) settled() *version {
	s := v.supposed
	if s == nil || len(s.by) == 0 {
		return v
	}
	s.relinking.Do(func() {
		e := v.begin()
		e.supposed = nil
		e.apart = &apart{kinds: map[kind]*kind{}, types: map[string]uint16{}, sources: map[string]uint32{}}
		e.types, e.sources = slices.Clip(e.types), slices.Clip(e.sources)
		e.relink.list = s.by
		e.relate()
		s.settled = e.version
	})
	return s.settled
}

// named returns what a version is called, and the tree that says so.
func (v *version) named() (model.Version, *merkle) {
	s := v.supposed
	if s == nil {
		return v.id, v.tree
	}
	s.naming.Do(func() {
		id, tree := s.edit.base.named()
		e := *s.edit
		e.version = v.settled()
		e.resum.list = append(slices.Clip(e.resum.list), s.by...)
		s.id, s.tree = e.sumUp(id, tree)
		s.edit = nil
	})
	return s.id, s.tree
}
