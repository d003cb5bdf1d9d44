package graph

import (
	"slices"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

// marks says which resources a walk has met: those whose mark is the walk's
// epoch. Nothing has to be cleared between walks.
type marks struct {
	epoch uint32
	of    []uint32
	hop   []uint32 // position in the layer being found
}

// spareMarks is a cache; what it holds means nothing between walks.
var spareMarks = sync.Pool{New: func() any { return new(marks) }}

func (m *marks) begin(size int) {
	if len(m.of) < size {
		m.of, m.hop, m.epoch = make([]uint32, size), make([]uint32, size), 0
	}
	if m.epoch++; m.epoch == 0 { // wrapped: old marks would look new
		clear(m.of)
		m.epoch = 1
	}
}

// met marks a resource and reports whether it was marked before.
func (m *marks) met(id uint32) bool {
	was := m.of[id] == m.epoch
	m.of[id] = m.epoch
	return was
}

// found is one resource of the layer being found.
type found struct {
	id  uint32
	urn string // here, so that sorting does not visit the resources
	typ string
	via model.URN
}

// Dependents walks reverse edges breadth first. A resource that was never seen
// has dependents too: those that name it.
func (v *version) Dependents(of []model.URN, limit int) model.Reach {
	m := spareMarks.Get().(*marks)
	defer spareMarks.Put(m)
	m.begin(len(v.pages) * pageSize)
	reach := model.Reach{Complete: !v.overfull}
	var layer, next []found
	unseen := make([]model.URN, 0, len(of))
	for _, urn := range of {
		id, ok := v.one(string(urn))
		if !ok {
			unseen = append(unseen, urn)
		} else if !m.met(id) {
			layer = append(layer, found{id: id, urn: v.node(id).urn})
		}
	}
	slices.SortFunc(layer, byURN)
	slices.Sort(unseen)
	add := func(from uint32, typ string, via model.URN) {
		if !m.met(from) {
			m.hop[from] = uint32(len(next))
			next = append(next, found{from, v.node(from).urn, typ, via})
			return
		}
		// Of several relations to one dependency, the first by name is told.
		if at := int(m.hop[from]); at < len(next) && next[at].id == from && next[at].via == via && typ < next[at].typ {
			next[at].typ = typ
		}
	}
	for _, urn := range unseen {
		for _, h := range v.waitHashes(string(urn)) {
			v.waiting.each(h, func(id uint32) { add(id, model.References, urn) })
		}
	}
	for depth := 1; ; depth++ {
		for _, f := range layer {
			v.node(f.id).in.each(func(in inEdge) { add(in.from, v.types[in.typ], model.URN(f.urn)) })
		}
		if len(next) == 0 {
			return reach
		}
		slices.SortFunc(next, byURN)
		grow := len(next)
		if limit > 0 {
			grow = min(grow, limit-len(reach.Hops))
		}
		reach.Hops = slices.Grow(reach.Hops, grow)
		for _, f := range next {
			if limit > 0 && len(reach.Hops) == limit {
				reach.Complete = false
				return reach
			}
			reach.Hops = append(reach.Hops, model.Hop{URN: model.URN(f.urn), Type: v.node(f.id).kind.typ, Depth: depth, Via: f.via, Relation: f.typ})
		}
		layer, next = next, layer[:0]
	}
}

func byURN(a, b found) int { return strings.Compare(a.urn, b.urn) }

// waitHashes are those under which somebody would wait for an identifier: its
// own, and the id at the end of an ARN. The loose key is left out where the ARN
// is whole, or references to other accounts would count.
func (v *version) waitHashes(s string) []uint64 {
	key := canon(s)
	hashes := []uint64{v.hash(key)}
	if a, ok := parseARN(key); ok {
		if a.wild() {
			hashes = append(hashes, v.hash(a.loose()))
		}
		if tail := a.tail(); tail != "" {
			hashes = append(hashes, v.hash(tail))
		}
	}
	return hashes
}
