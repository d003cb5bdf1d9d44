package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// edit is one version in the making. It belongs to the goroutine that holds
// Graph.mu; or, where it only supposes, to whoever asks.
type edit struct {
	*version
	num     uint64
	base    *version
	touched bool                // anything is to be published, be it only a later SeenAt
	relink  todo                // whose relations have to be found anew
	resum   todo                // whose sum has to be made anew
	cleared map[uint64]struct{} // hashes whose waiters were all woken
	room    []byte              // to write in
	only    [1]uint32           // what lookup answers from
	recent  []recent            // answers of exactly one, while many relations are found
	freed   []uint32            // reusable after this edit: older edges still name them
	gone    []string            // URNs that are nobody's any more
	apart   *apart              // of what is only supposed: what it has to itself
}

func (g *Graph) begin() *edit {
	return g.current.Load().begin()
}

func (v *version) begin() *edit {
	made := *v
	return &edit{version: &made, num: v.g.edit.Add(1), base: v, cleared: map[uint64]struct{}{}}
}

// todo is a set of resources in the order in which they came: what lies together
// is worked on together, and a load of everything needs no hashing.
type todo struct {
	list []uint32
	has  []uint64 // a bit a resource, once the list is too long to be searched
}

const searched = 64

func (t *todo) add(id uint32) {
	if t.has == nil {
		if slices.Contains(t.list, id) {
			return
		}
		if t.list = append(t.list, id); len(t.list) > searched {
			for _, known := range t.list {
				t.mark(known)
			}
		}
		return
	}
	if t.mark(id) {
		t.list = append(t.list, id)
	}
}

// mark reports whether the resource was not marked before.
func (t *todo) mark(id uint32) bool {
	word, bit := int(id/64), uint64(1)<<(id%64)
	if word >= len(t.has) {
		t.has = append(t.has, make([]uint64, word+1-len(t.has)+len(t.has)/4)...)
	}
	fresh := t.has[word]&bit == 0
	t.has[word] |= bit
	return fresh
}

func digest(tree *merkle) string {
	sum := tree.root()
	return "sha256:" + hex.EncodeToString(sum[:])
}

// publish finds relations, makes sums, and shows the version to readers.
func (e *edit) publish() model.Version {
	if !e.touched && len(e.relink.list) == 0 {
		if e.overfull != e.base.overfull || e.orphans != e.base.orphans {
			e.g.current.Store(e.version)
		}
		return e.base.id
	}
	e.relate()
	e.id, e.tree = e.sumUp(e.id, e.tree)
	e.g.free = append(e.g.free, e.freed...)
	e.g.current.Store(e.version)
	return e.id
}

// relate finds anew the relations of whoever it may have changed for.
func (e *edit) relate() {
	if len(e.relink.list) > searched {
		e.recent = make([]recent, recents)
	}
	for _, id := range e.relink.list {
		if e.node(id) != nil {
			e.link(id)
		}
	}
}

// sumUp makes the tree of an edit out of that of its base, and names it.
func (e *edit) sumUp(id model.Version, tree *merkle) (model.Version, *merkle) {
	for _, urn := range e.gone {
		key := sha256.Sum256([]byte(urn))
		tree = tree.remove(e.num, &key, 0)
	}
	for _, at := range e.resum.list {
		if n := e.node(at); n != nil {
			key := sha256.Sum256([]byte(n.urn))
			var sum [32]byte
			sum, e.room = n.sum(e.version, e.room)
			tree = tree.put(e.num, &key, &sum, 0)
		}
	}
	if d := digest(tree); d != id.Digest {
		id = model.Version{Rev: id.Rev + 1, Digest: d}
	}
	return id, tree
}

// slot returns the place of a resource in a page that this edit may change.
func (e *edit) slot(id uint32) **node {
	if !e.touched {
		e.touched = true
		e.pages = slices.Clone(e.pages)
	}
	p := int(id / pageSize)
	for p >= len(e.pages) {
		e.pages = append(e.pages, &page{edit: e.num})
	}
	if e.pages[p].edit != e.num {
		e.pages[p] = &page{edit: e.num, nodes: e.pages[p].nodes}
	}
	return &e.pages[p].nodes[id%pageSize]
}

// own returns the resource for change.
func (e *edit) own(id uint32) *node {
	at := e.slot(id)
	if (*at).edit != e.num {
		c := **at
		c.edit = e.num
		if e.apart != nil {
			c.in = c.in.clip()
		}
		*at = &c
	}
	return *at
}

// observe takes one observation in.
func (e *edit) observe(o *model.Observation) {
	id, known := e.identify(&o.Resource)
	switch {
	case o.Gone:
		if known {
			e.drop(id)
		}
	case known:
		e.update(id, o)
	case o.Resource.URN != "":
		if e.count >= e.g.cfg.MaxResources {
			e.overfull = true
			break
		}
		e.update(e.add(o.Resource.URN), o)
	}
	if o.Restates && !o.Gone {
		e.restate(o)
	}
	for _, r := range o.Relations {
		e.state(r)
	}
	for _, r := range o.Cut {
		e.cut(r)
	}
}

// identify returns the resource that is meant: by URN, by an ARN of which one
// side does not know the account or region, or, where the URN is only an id or
// is empty, by alias.
func (e *edit) identify(r *model.Resource) (uint32, bool) {
	if r.URN == "" {
		for _, a := range r.Aliases {
			if id, ok := e.one(a); ok {
				return id, true
			}
		}
		return 0, false
	}
	urn := string(r.URN)
	ids := e.holders(urn)
	for _, id := range ids {
		if e.node(id).urn == urn {
			return id, true
		}
	}
	a, ok := parseARN(urn)
	if !ok {
		if len(ids) == 1 && !strings.Contains(urn, "://") {
			return ids[0], true
		}
		return 0, false
	}
	if len(ids) == 1 {
		return ids[0], true
	}
	found, count := uint32(0), 0
	for _, id := range e.holders(a.loose()) {
		b, ok := parseARN(e.node(id).urn)
		if ok && (a.wild() || b.wild()) && b.service == a.service && b.resource == a.resource && a.fits(b) {
			found = id
			count++
		}
	}
	return found, count == 1
}

func (e *edit) add(urn model.URN) uint32 {
	var id uint32
	if e.apart == nil && len(e.g.free) > 0 {
		k := len(e.g.free) - 1
		id, e.g.free = e.g.free[k], e.g.free[:k]
	} else {
		id = e.next
		e.next++
	}
	*e.slot(id) = &node{edit: e.num, urn: string(urn), kind: e.kind(kind{})}
	e.count++
	e.rekey(id, nil, e.node(id).keys())
	e.resum.add(id)
	e.relink.add(id)
	return id
}

// drop forgets a resource. Who depended on it waits for it to come back.
func (e *edit) drop(id uint32) {
	n := e.node(id)
	keys := n.keys()
	e.rekey(id, keys, nil)
	e.forsake(n, keys)
	for _, out := range n.out {
		if e.node(out.to) != nil {
			t := e.own(out.to)
			t.in = t.in.without(out.from(id))
		}
	}
	for _, h := range n.waits {
		e.unwait(id, h)
	}
	e.gone = append(e.gone, n.urn)
	*e.slot(id) = nil
	e.count--
	e.freed = append(e.freed, id)
}

// update lays what an observation says over what is known.
func (e *edit) update(id uint32, o *model.Observation) {
	old := *e.node(id)
	if o.Sketches(old.source) {
		return
	}
	n, r := old, &o.Resource
	if a, ok := parseARN(old.urn); ok && a.wild() {
		if b, ok := parseARN(string(r.URN)); ok && !b.wild() {
			n.urn = string(r.URN)
		}
	}
	k := *n.kind
	for _, f := range []struct {
		to   *string
		from string
	}{{&k.platform, r.Platform}, {&k.typ, r.Type}, {&k.account, r.Account}, {&k.region, r.Region},
		{&n.name, r.Name}, {&n.source, r.Source}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if k != *n.kind {
		n.kind = e.kind(k)
	}
	n.tags = mergeTags(old.tags, r.Tags, o.Whole)
	n.alias = mergeAliases(old.alias, r.Aliases, o.Whole)
	if len(r.Attrs) > 0 {
		if n.attrs, e.room = canonical(r.Attrs, e.room); !o.Whole {
			n.attrs = merge(old.attrs, n.attrs)
		}
	}
	if !r.SeenAt.IsZero() && r.SeenAt.UnixNano() > n.seen {
		n.seen = r.SeenAt.UnixNano()
	}
	said := old.attrs == n.attrs && slices.Equal(old.tags, n.tags)
	placed := *old.kind == *n.kind
	named := old.urn == n.urn && slices.Equal(old.alias, n.alias) && old.name == n.name && placed && !(n.kind.rules.selectable && !said)
	same := said && named
	if same && old.seen == n.seen && old.source == n.source {
		return
	}
	if e.apart != nil && n.edit != e.num {
		n.in = n.in.clip()
	}
	n.edit = e.num
	if at := e.slot(id); (*at).edit == e.num {
		**at = n
	} else {
		*at = &n
	}
	if !same {
		e.resum.add(id)
	}
	if !said {
		e.relink.add(id)
	}
	if named {
		return
	}
	if old.urn != n.urn {
		e.gone = append(e.gone, old.urn)
		n.in.each(func(in inEdge) { e.resum.add(in.from) }) // their relations name it
	}
	e.relink.add(id) // what was another's name may be its own now
	if !placed {     // and what names it may mean something else by it
		e.relinkDependents(id)
	}
	e.rekey(id, old.keys(), n.keys())
}

func mergeTags(old []string, tags map[string]string, whole bool) []string {
	if tags == nil {
		return old
	}
	all := map[string]string{}
	if !whole {
		for i := 0; i < len(old); i += 2 {
			all[old[i]] = old[i+1]
		}
	}
	for k, v := range tags {
		all[k] = v
	}
	return flatten(all)
}

func mergeAliases(old, aliases []string, whole bool) []string {
	if aliases == nil {
		return old
	}
	var all []string
	if !whole {
		all = slices.Clone(old)
	}
	for _, a := range aliases {
		if a != "" && len(a) <= maxIdentifier {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
