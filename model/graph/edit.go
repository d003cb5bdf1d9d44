package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// edit is one version in the making. It belongs to the goroutine that holds
// Graph.mu.
type edit struct {
	*version
	g       *Graph
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
}

func (g *Graph) begin() *edit {
	g.edit++
	base := g.current.Load()
	v := *base
	return &edit{version: &v, g: g, num: g.edit, base: base, cleared: map[uint64]struct{}{}}
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
		if e.overfull != e.base.overfull {
			e.g.current.Store(e.version)
		}
		return e.base.id
	}
	if len(e.relink.list) > searched {
		e.recent = make([]recent, recents)
	}
	for _, id := range e.relink.list {
		if e.node(id) != nil {
			e.link(id)
		}
	}
	for _, id := range e.resum.list {
		if n := e.node(id); n != nil {
			key := sha256.Sum256([]byte(n.urn))
			var sum [32]byte
			sum, e.room = n.sum(e.version, e.room)
			e.tree = e.tree.put(e.num, &key, &sum, 0)
		}
	}
	if d := digest(e.tree); d != e.id.Digest {
		e.id = model.Version{Rev: e.id.Rev + 1, Digest: d}
	}
	e.g.free = append(e.g.free, e.freed...)
	e.g.current.Store(e.version)
	return e.id
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
		c := *e.pages[p]
		c.edit = e.num
		e.pages[p] = &c
	}
	return &e.pages[p].nodes[id%pageSize]
}

// own returns the resource for change.
func (e *edit) own(id uint32) *node {
	at := e.slot(id)
	if (*at).edit != e.num {
		c := **at
		c.edit = e.num
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
	if k := len(e.g.free); k > 0 {
		id, e.g.free = e.g.free[k-1], e.g.free[:k-1]
	} else {
		id = e.g.next
		e.g.next++
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
	e.rekey(id, n.keys(), nil)
	for _, out := range n.out {
		if e.node(out.to) != nil {
			t := e.own(out.to)
			t.in = t.in.without(out.from(id))
		}
	}
	for _, h := range n.waits {
		e.unwait(id, h)
	}
	key := sha256.Sum256([]byte(n.urn))
	e.tree = e.tree.remove(e.num, &key, 0)
	*e.slot(id) = nil
	e.count--
	e.freed = append(e.freed, id)
}

func (e *edit) kind(k kind) *kind {
	k.lower, k.rules = "", nil
	if known, ok := e.g.kinds[k]; ok {
		return known
	}
	k = kind{platform: strings.Clone(k.platform), typ: strings.Clone(k.typ), account: strings.Clone(k.account), region: strings.Clone(k.region)}
	made := k
	made.lower = strings.ToLower(k.typ)
	if made.rules = e.g.rules[made.typ]; made.rules == nil {
		made.rules = rulesOf(made.typ)
		if len(e.g.rules) < maxNumbered {
			e.g.rules[made.typ] = made.rules
		}
	}
	if len(e.g.kinds) < maxNumbered {
		e.g.kinds[k] = &made
	}
	return &made
}

// update lays what an observation says over what is known.
func (e *edit) update(id uint32, o *model.Observation) {
	old := *e.node(id)
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
		key := sha256.Sum256([]byte(old.urn))
		e.tree = e.tree.remove(e.num, &key, 0)
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
