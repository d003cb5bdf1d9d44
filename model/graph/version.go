package graph

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// version is one state of the model. The writer builds it; once published
// nothing in it changes.
type version struct {
	g        *Graph // for its bounds and names
	id       model.Version
	seed     maphash.Seed
	pages    []*page
	count    int
	keys     *index[uint32]          // hash of key → who is known under it
	waiting  *index[uint32]          // hash of key → who names it although nobody answers to it
	waits    int                     // pairs in waiting
	orphans  *index[*model.Relation] // hash of key of a dependent not seen yet → what was stated of it
	orphan   int                     // how many they are
	next     uint32                  // above every id that was given
	tree     *merkle
	types    []string  // relation types by number
	sources  []string  // attribute paths by number
	overfull bool      // a bound was met: what depends on what is not all known
	supposed *supposed // of what would be: in place of id and tree
}

var _ model.Snapshot = (*version)(nil)

func (v *version) node(id uint32) *node {
	if p := int(id / pageSize); p < len(v.pages) {
		return v.pages[p].nodes[id%pageSize]
	}
	return nil
}

func (v *version) hash(key string) uint64 { return maphash.String(v.seed, key) }

// holders returns who is known under a key.
func (v *version) holders(key string) []uint32 { return v.holding(key, nil) }

// holding is holders, written into room.
func (v *version) holding(key string, room []uint32) []uint32 {
	ids := room
	v.keys.each(v.hash(key), func(id uint32) {
		if n := v.node(id); n != nil && n.has(key) {
			ids = append(ids, id)
		}
	})
	return ids
}

// find returns who a reference means. Exact is false if nobody answers to just
// that spelling, so that a later arrival may change the answer.
func (v *version) find(key string) (ids []uint32, exact bool) { return v.finding(key, nil) }

// finding is find, written into room.
func (v *version) finding(key string, room []uint32) (ids []uint32, exact bool) {
	if ids = v.holding(key, room); len(ids) > 0 {
		return ids, true
	}
	a, ok := parseARN(key)
	if !ok {
		return nil, false
	}
	var few [128]byte // the loose key, whose holders are those that are spelt so
	loose := append(append(append(append(few[:0], loosePrefix...), a.service...), ':'), a.resource...)
	v.keys.each(maphash.Bytes(v.seed, loose), func(id uint32) {
		if n := v.node(id); n != nil && n.spelt(a) {
			ids = append(ids, id)
		}
	})
	if len(ids) == 1 {
		return ids, false
	}
	return nil, false // two candidates are none
}

// spelt reports whether one of the resource's ARNs may be a spelling of a.
func (n *node) spelt(a arn) bool {
	for i := -1; i < len(n.alias); i++ {
		s := n.urn
		if i >= 0 {
			s = n.alias[i]
		}
		if b, ok := parseARN(s); ok && a.service == b.service && a.resource == b.resource && a.fits(b) {
			return true
		}
	}
	return false
}

// one returns the single resource that an identifier means.
func (v *version) one(id string) (uint32, bool) {
	n, ok := v.oneOf(id)
	if key := canon(id); !ok && key != id {
		n, ok = v.oneOf(key)
	}
	if !ok && v.g.cfg.Veil != nil {
		if said := v.g.cfg.Veil.Text(id); said != id {
			return v.oneOf(canon(said))
		}
	}
	return n, ok
}

func (v *version) oneOf(key string) (uint32, bool) {
	if strings.HasPrefix(key, " ") {
		return 0, false // a loose key is not for outsiders
	}
	var few [4]uint32
	ids, _ := v.finding(key, few[:0])
	for _, n := range ids {
		if v.node(n).urn == key {
			return n, true
		}
	}
	if len(ids) == 1 {
		return ids[0], true
	}
	return 0, false
}

// Version names the snapshot.
func (v *version) Version() model.Version {
	id, _ := v.named()
	return id
}

// Resource returns what is known of a resource.
func (v *version) Resource(urn model.URN) (model.Resource, bool) {
	id, ok := v.one(string(urn))
	if !ok {
		return model.Resource{}, false
	}
	return v.node(id).resource(), true
}

// Fill implements model.Filler.
func (v *version) Fill(urn model.URN, into *model.Resource) bool {
	id, ok := v.one(string(urn))
	if ok {
		v.node(id).fill(into)
	}
	return ok
}

// Resolve turns a distinctive identifier into the URN it is known under. An
// identifier that several resources share is none.
func (v *version) Resolve(id string) (model.URN, bool) {
	n, ok := v.one(id)
	if !ok {
		return "", false
	}
	return model.URN(v.node(n).urn), true
}

// Dependencies returns what a resource directly depends on, sorted.
func (v *version) Dependencies(urn model.URN) []model.Relation {
	id, ok := v.one(string(urn))
	if !ok {
		return nil
	}
	n := v.node(id)
	var out []model.Relation
	for _, e := range n.out {
		if !e.back && v.node(e.to) != nil {
			out = append(out, v.relation(n, v.node(e.to), e))
		}
	}
	n.in.each(func(in inEdge) {
		if !in.back {
			return
		}
		by := v.node(in.from)
		if at, ok := slices.BinarySearchFunc(by.out, edge{to: id, typ: in.typ, back: true}, edge.compare); ok {
			out = append(out, v.relation(n, by, by.out[at]))
		}
	})
	slices.SortFunc(out, func(a, b model.Relation) int {
		if c := strings.Compare(string(a.To), string(b.To)); c != 0 {
			return c
		}
		return strings.Compare(a.Type, b.Type)
	})
	return out
}

func (v *version) relation(from, to *node, e edge) model.Relation {
	return model.Relation{From: model.URN(from.urn), To: model.URN(to.urn), Type: v.types[e.typ],
		Source: v.sources[e.source], Confidence: e.sure}
}

// byName sorts relations by the URN they lead to, then by type.
func (v *version) byName(out []edge) []edge {
	slices.SortFunc(out, func(a, b edge) int {
		if a.to != b.to {
			return strings.Compare(v.node(a.to).urn, v.node(b.to).urn)
		}
		if a.typ != b.typ {
			return strings.Compare(v.types[a.typ], v.types[b.typ])
		}
		return a.compare(b)
	})
	return out
}

// Each calls f for every resource in URN order until f returns false.
func (v *version) Each(f func(model.Resource) bool) {
	for _, n := range v.sorted() {
		if !f(n.resource()) {
			return
		}
	}
}

func (v *version) sorted() []*node {
	all := make([]*node, 0, v.count)
	for _, p := range v.pages {
		for _, n := range p.nodes {
			if n != nil {
				all = append(all, n)
			}
		}
	}
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.urn, b.urn) })
	return all
}
