package graph

import (
	"cmp"
	"encoding/binary"
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

	layers [3][]found // room for the walk's own lists
	places []place
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
	n   *node
	id  uint32
	typ uint16 // the relation to via
	via model.URN
}

// Dependents walks reverse edges breadth first. A resource that was never seen
// has dependents too: those that name it.
func (v *version) Dependents(of []model.URN, limit int) model.Reach {
	m := spareMarks.Get().(*marks)
	defer spareMarks.Put(m)
	m.begin(len(v.pages) * pageSize)
	reach := model.Reach{Complete: !v.overfull}
	layer, next := m.layers[0][:0], m.layers[1][:0]
	defer func() { // what it points to MUST NOT outlive the version
		m.layers[0], m.layers[1] = layer, next
		for i, l := range m.layers {
			clear(l[:cap(l)])
			m.layers[i] = l[:0]
		}
	}()
	unseen := make([]model.URN, 0, len(of))
	for _, urn := range of {
		id, ok := v.one(string(urn))
		if !ok {
			unseen = append(unseen, urn)
		} else if !m.met(id) {
			layer = append(layer, found{n: v.node(id), id: id})
		}
	}
	layer = m.order(layer)
	slices.Sort(unseen)
	add := func(from uint32, typ uint16, via model.URN) {
		if !m.met(from) {
			m.hop[from] = uint32(len(next))
			next = append(next, found{n: v.node(from), id: from, typ: typ, via: via})
			return
		}
		// Of several relations to one dependency, the first by name is told.
		if at := int(m.hop[from]); at < len(next) && next[at].id == from && next[at].via == via && v.types[typ] < v.types[next[at].typ] {
			next[at].typ = typ
		}
	}
	for _, urn := range unseen {
		settled := v.settled()
		for _, h := range settled.waitHashes(string(urn)) {
			settled.waiting.each(h, func(id uint32) { add(id, 0, urn) }) // 0 is References
		}
	}
	for depth := 1; ; depth++ {
		for i := range layer {
			urn := model.URN(layer[i].n.urn)
			layer[i].n.dependents(v.living(func(from uint32, typ uint16) { add(from, typ, urn) }))
		}
		if len(next) == 0 {
			return reach
		}
		next = m.order(next)
		grow := len(next)
		if limit > 0 {
			grow = min(grow, limit-len(reach.Hops))
		}
		reach.Hops = slices.Grow(reach.Hops, grow)
		for i := range next {
			if limit > 0 && len(reach.Hops) == limit {
				reach.Complete = false
				return reach
			}
			f := &next[i]
			reach.Hops = append(reach.Hops, model.Hop{URN: model.URN(f.n.urn), Type: f.n.kind.typ, Depth: depth, Via: f.via, Relation: v.types[f.typ]})
		}
		layer, next = next, layer[:0]
	}
}

// place is where a resource stands in a layer, with the bytes of its URN that
// come after what all in the layer begin with.
type place struct {
	key uint64
	at  uint32
}

// order sorts by URN. URNs begin alike for forty bytes and more; that part is
// looked at once each, and the eight bytes after it decide nearly always. What is
// moved about is small and holds no pointer.
func (m *marks) order(layer []found) []found {
	if len(layer) < 2 {
		return layer
	}
	common := layer[0].n.urn
	for i := range layer[1:] {
		urn := layer[i+1].n.urn
		if strings.HasPrefix(urn, common) {
			continue
		}
		n := 0
		for n < len(urn) && urn[n] == common[n] {
			n++
		}
		common = common[:n]
	}
	m.places = slices.Grow(m.places[:0], len(layer))
	for i := range layer {
		rest := layer[i].n.urn[len(common):]
		var word [8]byte
		copy(word[:], rest)
		m.places = append(m.places, place{binary.BigEndian.Uint64(word[:]), uint32(i)})
	}
	slices.SortFunc(m.places, func(a, b place) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return strings.Compare(layer[a.at].n.urn, layer[b.at].n.urn)
	})
	sorted := slices.Grow(m.layers[2][:0], len(layer))
	for _, p := range m.places {
		sorted = append(sorted, layer[p.at])
	}
	m.layers[2] = layer // its room is free now
	return sorted
}

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
