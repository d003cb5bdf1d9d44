package graph

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// rekey changes under which keys a resource is found, and marks everybody whose
// relations that may change.
func (e *edit) rekey(id uint32, before, after []string) {
	lost := false
	for _, k := range before {
		if _, still := slices.BinarySearch(after, k); !still {
			lost = true
			h := e.hash(k)
			e.keys = e.keys.remove(e.num, h, id, false, 0)
			e.wake(h)
		}
	}
	if lost && after != nil { // of what goes, forsake says it
		e.relinkDependents(id)
	}
	var gained []string
	for _, k := range after {
		if _, had := slices.BinarySearch(before, k); had {
			continue
		}
		h := e.hash(k)
		e.regain(h)
		shared := false
		e.keys = e.keys.put(e.num, h, id, 0, &shared)
		if shared && !strings.HasPrefix(k, " ") { // references by loose key are always awake
			for _, other := range e.holders(k) {
				e.relinkDependents(other)
			}
		}
		e.wake(h)
		gained = append(gained, k)
	}
	for _, k := range gained {
		e.adopt(k)
	}
}

func (e *edit) relinkDependents(id uint32) {
	e.node(id).in.each(func(in inEdge) { e.relink.add(in.from) })
}

// wake marks everybody who waits for a key.
func (e *edit) wake(h uint64) {
	count := 0
	e.waiting.each(h, func(id uint32) {
		e.relink.add(id)
		count++
	})
	if count > 0 {
		e.cleared[h] = struct{}{}
		e.waiting = e.waiting.remove(e.num, h, 0, true, 0)
		e.waits -= count
	}
}

func (e *edit) unwait(id uint32, h uint64) {
	if _, done := e.cleared[h]; !done {
		e.waiting = e.waiting.remove(e.num, h, id, false, 0)
		e.waits--
	}
}

// orphanKey is the key whose arrival may bring the dependent of a relation.
func orphanKey(from model.URN) string {
	if a, ok := parseARN(string(from)); ok {
		return a.loose()
	}
	return canon(string(from))
}

// state records a relation that was said outright.
func (e *edit) state(r model.Relation) {
	if r.From == "" || r.To == "" || len(r.From) > maxIdentifier || len(r.To) > maxIdentifier {
		return
	}
	if r.Type == "" {
		r.Type = model.References
	}
	id, ok := e.one(string(r.From))
	if !ok {
		h, there := e.hash(orphanKey(r.From)), false
		e.orphans.each(h, func(o *model.Relation) { there = there || *o == r })
		if there {
			return
		}
		if e.orphan >= maxOrphans {
			e.overfull = true
			return
		}
		e.orphans = e.orphans.put(e.num, h, &r, 0, nil)
		e.orphan++
		return
	}
	s := stated{string(r.To), r.Type, r.Source}
	at, there := slices.BinarySearchFunc(e.node(id).stated, s, stated.compare)
	if there {
		return
	}
	n := e.own(id)
	n.stated = slices.Insert(slices.Clone(n.stated), at, s)
	e.relink.add(id)
}

// adopt gives stated relations to the dependent that has now been seen.
func (e *edit) adopt(key string) {
	h := e.hash(key)
	var list []*model.Relation
	e.orphans.each(h, func(r *model.Relation) { list = append(list, r) })
	if len(list) == 0 {
		return
	}
	e.orphans = e.orphans.remove(e.num, h, nil, true, 0)
	e.orphan -= len(list)
	for _, r := range list {
		e.state(*r) // which makes it an orphan again if it is still not clear whose it is
	}
}

// cut ends stated relations. An empty type or source fits any.
func (e *edit) cut(r model.Relation) {
	fits := func(s stated) bool {
		return (r.Type == "" || r.Type == s.typ) && (r.Source == "" || r.Source == s.source) && e.same(s.to, string(r.To))
	}
	id, ok := e.one(string(r.From))
	if ok {
		if slices.ContainsFunc(e.node(id).stated, fits) {
			n := e.own(id)
			n.stated = slices.DeleteFunc(slices.Clone(n.stated), fits)
			e.relink.add(id)
		}
		return
	}
	h := e.hash(orphanKey(r.From))
	var ended []*model.Relation
	e.orphans.each(h, func(o *model.Relation) {
		if o.From == r.From && fits(stated{string(o.To), o.Type, o.Source}) {
			ended = append(ended, o)
		}
	})
	for _, o := range ended {
		e.orphans = e.orphans.remove(e.num, h, o, false, 0)
		e.orphan--
	}
}

// restate ends what was stated of a dependent and is not stated any more.
func (e *edit) restate(o *model.Observation) {
	id, ok := e.identify(&o.Resource)
	if !ok {
		return
	}
	ended := func(s stated) bool {
		return !slices.ContainsFunc(o.Relations, func(r model.Relation) bool {
			return s == stated{string(r.To), r.Type, r.Source} || r.Type == "" && s == stated{string(r.To), model.References, r.Source}
		})
	}
	if slices.ContainsFunc(e.node(id).stated, ended) {
		n := e.own(id)
		n.stated = slices.DeleteFunc(slices.Clone(n.stated), ended)
		e.relink.add(id)
	}
}

// same reports whether two identifiers mean one thing.
func (e *edit) same(a, b string) bool {
	if a == b || canon(a) == canon(b) {
		return true
	}
	x, okX := e.one(a)
	y, okY := e.one(b)
	return okX && okY && x == y
}

// linking is one resource's relations being found.
type linking struct {
	*edit
	id    uint32
	n     *node
	out   []edge
	waits []uint64
}

// link finds anew what a resource relates to and what it waits for.
func (e *edit) link(id uint32) {
	l := linking{edit: e, id: id, n: e.node(id)}
	rules := l.n.kind.rules
	walk(l.n.attrs, func(path []byte, s string) {
		mentions(s, func(key string) { l.mention(key, path) })
		if len(rules.names) > 0 {
			l.name(path, s)
		}
		if len(rules.hosts) > 0 {
			l.host(path, s)
		}
	})
	for i := 0; i < len(l.n.tags); i += 2 {
		mentions(l.n.tags[i+1], func(key string) { l.mention(key, []byte("Tags."+l.n.tags[i])) })
	}
	for _, s := range l.n.stated {
		l.stated(s)
	}
	for i := range rules.selects {
		l.selectors(&rules.selects[i])
	}
	slices.Sort(l.waits)
	if out := l.settle(); !slices.Equal(l.n.out, out) {
		e.setOut(id, out)
	}
	e.setWaits(id, slices.Compact(l.waits))
}

// mention relates the resource to whoever answers to an identifier.
func (l *linking) mention(key string, path []byte) {
	for _, to := range l.look(key) {
		if to == l.id {
			continue
		}
		r := l.n.kind.rules.meaning(string(path), l.node(to).kind.lower)
		l.add(to, r, path, model.Ruled)
	}
}

// stated relates it as was said outright. A mere reference gets its meaning from
// the table, like any other.
func (l *linking) stated(s stated) {
	for _, to := range l.look(canon(s.to)) {
		if to == l.id {
			continue
		}
		if s.typ != model.References {
			l.out = append(l.out, edge{to: to, typ: l.typeNumber(s.typ), source: l.sourceNumber([]byte(s.source)), sure: model.Stated})
			continue
		}
		l.add(to, l.n.kind.rules.meaning(s.source, l.node(to).kind.lower), []byte(s.source), model.Stated)
	}
}

func (l *linking) add(to uint32, r *rule, path []byte, sure model.Confidence) {
	x := edge{to: to, source: l.sourceNumber(path), sure: sure}
	switch {
	case r != nil:
		x.typ, x.back = uint16(r.typ), r.back
	case sure != model.Stated:
		x.sure = model.Mentioned
	}
	l.out = append(l.out, x)
}

// look finds who answers to a key, and waits where that may change.
func (l *linking) look(key string) []uint32 {
	ids, exact := l.lookup(key)
	if exact {
		return ids
	}
	l.waits = append(l.waits, l.hash(key))
	if a, ok := parseARN(key); ok {
		l.waits = append(l.waits, l.hash(a.loose()))
	}
	return ids
}

// settle sorts what was found: of several sayings of one relation the surest and
// then the first by name stays, and a mere reference gives way to anything that
// says what for.
func (l *linking) settle() []edge {
	slices.SortFunc(l.out, func(a, b edge) int {
		if c := a.compare(b); c != 0 {
			return c
		}
		if a.sure != b.sure {
			return int(b.sure) - int(a.sure)
		}
		return strings.Compare(l.sources[a.source], l.sources[b.source])
	})
	out := slices.CompactFunc(l.out, func(a, b edge) bool { return a.compare(b) == 0 })
	kept := out[:0]
	for i, x := range out {
		// References is number 0, and so the first of its kind.
		if x.typ == 0 && i+1 < len(out) && out[i+1].to == x.to {
			continue
		}
		kept = append(kept, x)
	}
	return kept
}

// recent is the answer to one key. Keys stay as they are while relations are
// found, and what is near names the same few subnets, groups and roles.
type recent struct {
	key string
	id  uint32
}

// recents is a power of two; 4,096 answers are 96 KiB, which a cache holds.
const recents = 4096

// lookup is find with a memory.
func (e *edit) lookup(key string) (ids []uint32, exact bool) {
	if e.recent == nil {
		return e.find(key)
	}
	at := &e.recent[e.hash(key)%recents]
	if at.key == key {
		e.only[0] = at.id
		return e.only[:], true
	}
	if ids, exact = e.find(key); exact && len(ids) == 1 {
		*at = recent{key, ids[0]}
	}
	return ids, exact
}

func (e *edit) setOut(id uint32, out []edge) {
	n := e.own(id)
	e.resum.add(id)
	for _, was := range n.out {
		if _, still := slices.BinarySearchFunc(out, was, edge.compare); !still && e.node(was.to) != nil {
			t := e.own(was.to)
			t.in = t.in.without(was.from(id))
		}
	}
	for _, is := range out {
		if _, had := slices.BinarySearchFunc(n.out, is, edge.compare); !had {
			t := e.own(is.to)
			t.in = t.in.with(is.from(id))
		}
	}
	n.out = slices.Clip(out)
}

func (e *edit) setWaits(id uint32, waits []uint64) {
	old := e.node(id).waits
	kept := waits[:0:0]
	for _, h := range waits {
		_, had := slices.BinarySearch(old, h)
		if _, gone := e.cleared[h]; had && !gone {
			kept = append(kept, h)
			continue
		}
		if e.waits >= e.g.cfg.MaxWaiting {
			e.overfull = true
			continue
		}
		e.waiting = e.waiting.put(e.num, h, id, 0, nil)
		e.waits++
		kept = append(kept, h)
	}
	for _, h := range old {
		if _, still := slices.BinarySearch(waits, h); !still {
			e.unwait(id, h)
		}
	}
	if !slices.Equal(old, kept) {
		e.own(id).waits = slices.Clip(kept)
	}
}
