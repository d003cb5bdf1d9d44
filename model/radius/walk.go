package radius

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

// DefaultNodes bounds a walk: past fifty thousand dependents no limit that a
// person writes holds, and the walk stays within 20 ms.
const DefaultNodes = 50_000

// Budget bounds a walk. The zero value is DefaultNodes and no Stop.
type Budget struct {
	Nodes int
	// Stop ends the walk when it returns true; it is asked once a layer, and once a
	// thousand resources. A decision has none: see the package comment.
	Stop func() bool
}

// nowhere is the number of what the model does not know.
const nowhere = ^uint32(0)

// entry is one resource reached, with one effect. A later entry of the same
// resource with a worse effect replaces it; Via stays what it was, so that ways
// never run in circles.
type entry struct {
	n        uint32
	via      int32 // index of the entry it was reached from; -1 for a target
	depth    uint32
	relation uint16
	effect   Effect
	last     bool // nothing behind it is affected
	counted  bool // an earlier entry has already lost it to its pools
	replaced bool
}

// arrival is a way by which a dependent can be reached in this layer.
type arrival struct {
	effect   Effect
	last     bool
	via      int32
	relation uint16
}

// candidate is a dependent found in this layer, with its worst arrivals.
type candidate struct {
	n      uint32
	direct arrival
	pools  []pooled
}

type pooled struct {
	arrival
	members *members
}

// members counts what a pool has, and has lost.
type members struct{ total, lost, required int }

// memberKey is a dependent and the row of pools.tsv that is about it.
type memberKey struct {
	n   uint32
	row *pool
}

// marks is room for a walk; what it holds means nothing between walks.
type marks struct {
	epoch uint32
	of    []uint32 // resource → the walk that met it
	best  []int32  // resource → its entry
	layer []uint32 // resource → the layer that found it
	found []int32  // resource → its candidate
	at    uint32   // the layer
	cands []candidate
	// entries is where a walk writes; a Reach gets a copy, as long as it has to be.
	entries []entry
	// What a walk begins with: its changes in order, their places, and what the
	// tables say of the snapshot's relations.
	changes []Change
	first   []int32
	rows    []*relationRow // by number of the relation
	pooling []bool         // by number: some pool is about it
}

var spare = sync.Pool{New: func() any { return new(marks) }}

func (m *marks) begin(size int) {
	if len(m.of) < size {
		*m = marks{of: make([]uint32, size), best: make([]int32, size), layer: make([]uint32, size), found: make([]int32, size)}
	}
	m.rows, m.pooling = m.rows[:0], m.pooling[:0]
	if m.epoch++; m.epoch == 0 { // wrapped: old marks would look new
		clear(m.of)
		m.epoch = 1
	}
}

func (m *marks) next() {
	if m.at++; m.at == 0 {
		clear(m.layer)
		m.at = 1
	}
}

// walk is one search for what breaks.
type walk struct {
	*marks
	t      model.Topology
	tables *tables
	kinds  map[string][]*pool
	// The last of kinds that was looked up.
	lastKind  string
	lastPools []*pool
	looked    bool
	members   map[memberKey]*members
	reach     *Reach
}

// Availability returns what breaks when the changes happen.
func Availability(s model.Snapshot, changes []Change, b Budget) *Reach {
	if b.Nodes <= 0 {
		b.Nodes = DefaultNodes
	}
	switch known := s.(type) {
	case *Witness:
		known.broken = Availability(known.Snapshot, changes, b)
		return known.broken
	case *recalled:
		return known.broken()
	}
	t, ok := s.(model.Topology)
	if !ok {
		return everything(s, changes, b)
	}
	m := spare.Get().(*marks)
	defer spare.Put(m)
	m.begin(t.Size())
	w := &walk{marks: m, t: t, tables: loaded(), reach: &Reach{Complete: true, t: t, entries: m.entries[:0]}}
	if !t.Whole() {
		w.reach.cut("the model is full, and does not know everything that there is")
	}
	for _, name := range t.Types() {
		row := w.tables.relations[name]
		if row == nil { // a relation type that somebody stated and no table knows
			row = w.tables.relations[model.References]
		}
		w.rows, w.pooling = append(w.rows, row), append(w.pooling, w.tables.pooled[name])
	}
	w.run(w.start(changes), b)
	m.entries, w.reach.entries = w.reach.entries, slices.Clone(w.reach.entries)
	return w.reach
}

// start makes the entries of the targets, worst effect each, in one order.
func (w *walk) start(changes []Change) []int32 {
	changes = append(w.changes[:0], changes...)
	w.changes = changes
	slices.SortStableFunc(changes, func(a, b Change) int {
		if a.Effect != b.Effect {
			return cmp.Compare(b.Effect, a.Effect)
		}
		return strings.Compare(string(a.URN), string(b.URN))
	})
	r := w.reach
	for _, c := range changes {
		if c.Effect == None {
			continue
		}
		n, known := w.t.Number(string(c.URN))
		if !known {
			n = nowhere
			if c.Effect.Breaks() {
				r.unread(c.URN)
			}
		} else if w.of[n] == w.epoch {
			continue
		} else {
			if c.Effect.Breaks() && w.t.Sketch(n) {
				r.unread(c.URN)
			}
			w.of[n], w.best[n] = w.epoch, int32(len(r.entries))
		}
		r.targets = append(r.targets, c.URN)
		r.entries = append(r.entries, entry{n: n, via: -1, effect: c.Effect})
	}
	layer := w.first[:0]
	for i := range r.entries {
		layer = append(layer, int32(i))
		if e := &r.entries[i]; e.n != nowhere && e.effect == Destroy && w.heals(e.n) {
			e.effect = Restart
		}
	}
	w.first = layer
	return layer
}

// heals reports whether a controller that lives makes the resource again.
func (w *walk) heals(n uint32) bool {
	kind := w.t.Kind(n)
	kind = strings.ToLower(kind)
	types, healed := w.t.Types(), false
	w.t.Dependency(n, func(on uint32, relation uint16) {
		if healed || types[relation] != model.Controls || w.of[on] == w.epoch {
			return
		}
		_, controller := w.t.At(on)
		controller = strings.ToLower(controller)
		for _, h := range w.tables.heals {
			healed = healed || h.kind.Fits(kind) && h.controller.Fits(controller)
		}
	})
	return healed
}

func (w *walk) run(layer []int32, b Budget) {
	stopped := func() bool { return b.Stop != nil && b.Stop() }
	for depth := uint32(1); len(layer) > 0; depth++ {
		if stopped() {
			w.reach.cut("the time for it was over")
			return
		}
		w.next()
		w.cands = w.cands[:0]
		for i, at := range layer {
			if i%1024 == 1023 && stopped() {
				w.reach.cut("the time for it was over")
				return
			}
			w.leave(at)
		}
		layer = w.commit(layer[:0], depth)
		if w.reach.Count > b.Nodes {
			w.reach.cut(fmt.Sprintf("more than %d resources are affected", b.Nodes))
			return
		}
	}
}

// leave finds the dependents of one entry.
func (w *walk) leave(at int32) {
	e := w.reach.entries[at]
	if e.replaced || e.last {
		return
	}
	if e.n == nowhere {
		if c := w.rows[0][e.effect]; c.effect != None { // References is number 0
			w.t.Naming(string(w.reach.targets[at]), func(n uint32) { w.arrive(n, arrival{c.effect, c.last, at, 0}, nil) })
		}
		return
	}
	w.t.Dependent(e.n, func(on uint32, relation uint16) {
		c := w.rows[relation][e.effect]
		if c.effect == None {
			return
		}
		var lost *members
		if w.pooling[relation] && e.effect.Breaks() {
			if lost = w.pool(on, e.n, relation); lost != nil && !e.counted {
				lost.lost++
			}
		}
		w.arrive(on, arrival{c.effect, c.last, at, relation}, lost)
	})
}

// pool returns the members of the pool that a dependent has a member in, or nil.
func (w *walk) pool(n, member uint32, relation uint16) *members {
	kind := w.t.Kind(n)
	pools, known := w.lastPools, w.looked && kind == w.lastKind // most of what depends on one thing is of one kind
	if !known {
		pools, known = w.kinds[kind]
	}
	if !known {
		lower := strings.ToLower(kind)
		for i := range w.tables.pools {
			if p := &w.tables.pools[i]; p.kind.Fits(lower) {
				pools = append(pools, p)
			}
		}
		if w.kinds == nil {
			w.kinds = map[string][]*pool{}
		}
		w.kinds[kind] = pools
	}
	w.lastKind, w.lastPools, w.looked = kind, pools, true
	name := w.t.Types()[relation]
	for _, p := range pools {
		if p.relation != name || !w.isMember(p, member) {
			continue
		}
		key := memberKey{n, p}
		m := w.members[key]
		if m == nil {
			m = &members{required: p.required}
			w.t.Dependency(n, func(on uint32, r uint16) {
				if r == relation && w.isMember(p, on) {
					m.total++
				}
			})
			if w.members == nil {
				w.members = map[memberKey]*members{}
			}
			w.members[key] = m
		}
		return m
	}
	return nil
}

func (w *walk) isMember(p *pool, n uint32) bool {
	kind := w.t.Kind(n)
	return p.member.Fits(strings.ToLower(kind))
}

// arrive keeps the worst way to a dependent.
func (w *walk) arrive(n uint32, a arrival, m *members) {
	if w.layer[n] != w.at {
		w.layer[n], w.found[n] = w.at, int32(len(w.cands))
		w.cands = append(w.cands, candidate{n: n})
	}
	c := &w.cands[w.found[n]]
	if m == nil {
		if w.worse(a, c.direct) {
			c.direct = a
		}
		return
	}
	for i := range c.pools {
		if c.pools[i].members == m {
			if w.worse(a, c.pools[i].arrival) {
				c.pools[i].arrival = a
			}
			return
		}
	}
	c.pools = append(c.pools, pooled{a, m})
}

// worse orders arrivals, so that the order in which they come does not matter.
func (w *walk) worse(a, b arrival) bool {
	switch {
	case a.effect != b.effect:
		return a.effect > b.effect
	case a.last != b.last:
		return b.last
	case a.via != b.via:
		return w.reach.urn(a.via) < w.reach.urn(b.via)
	}
	return w.t.Types()[a.relation] < w.t.Types()[b.relation]
}

// commit turns the candidates of a layer into entries.
func (w *walk) commit(layer []int32, depth uint32) []int32 {
	r := w.reach
	for _, c := range w.cands {
		best := c.direct
		for _, p := range c.pools {
			if p.members.total-p.members.lost >= p.members.required {
				p.effect = min(p.effect, Degrade)
			}
			if w.worse(p.arrival, best) {
				best = p.arrival
			}
		}
		e := entry{n: c.n, via: best.via, depth: depth, relation: best.relation, effect: best.effect, last: best.last}
		if w.of[c.n] == w.epoch {
			old := &r.entries[w.best[c.n]]
			if e.effect < old.effect || e.effect == old.effect && (e.last || !old.last) {
				continue
			}
			e.counted = old.counted || old.effect.Breaks()
			if old.via < 0 { // a target stays a target, whatever else reaches it
				old.effect, old.counted = e.effect, e.counted
				layer = append(layer, w.best[c.n])
				continue
			}
			old.replaced = true
		} else {
			w.of[c.n] = w.epoch
			r.Count++
		}
		w.best[c.n] = int32(len(r.entries))
		layer = append(layer, w.best[c.n])
		r.entries = append(r.entries, e)
	}
	return layer
}

// everything is the answer for a snapshot whose relations cannot be told apart:
// whoever depends on a target is cut off with it.
func everything(s model.Snapshot, changes []Change, b Budget) *Reach {
	r := &Reach{Complete: true}
	var of []model.URN
	worst := None
	for _, c := range changes {
		if !c.Effect.Felt() {
			continue
		}
		worst = max(worst, c.Effect)
		of = append(of, c.URN)
		if res, known := s.Resource(c.URN); (!known || res.Sketch()) && c.Effect.Breaks() {
			r.unread(c.URN)
		}
	}
	if len(of) == 0 {
		return r
	}
	sort.Slice(of, func(i, j int) bool { return of[i] < of[j] })
	found := s.Dependents(of, b.Nodes)
	if !found.Complete {
		r.cut("not all that depends on it is known")
	}
	r.targets, r.hops, r.Count = of, found.Hops, len(found.Hops)
	for i := range r.hops {
		r.hops[i].Effect = min(worst, Disconnect).String()
	}
	return r
}
