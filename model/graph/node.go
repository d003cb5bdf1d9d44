package graph

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// pageSize is how many resources one change copies the pointers of: 4 KiB.
const pageSize = 512

type page struct {
	edit  uint64
	nodes [pageSize]*node
	flat  flatness
}

// node is one resource. It MUST NOT change once published.
type node struct {
	edit   uint64 // the edit that made it, which alone may change it
	urn    string
	kind   *kind
	name   string
	source string
	tags   []string // key, value, key, value…, sorted by key
	alias  []string // sorted
	attrs  string   // canonical
	seen   int64    // Unix nanoseconds, 0: never said
	stated []stated // relations said outright, sorted
	out    []edge   // what its attributes and statements say, sorted by (to, type)
	in     inbound
	waits  []uint64 // hashes of what it names and nobody is, sorted
}

// kind holds what many resources have in common; there is one per combination.
type kind struct {
	platform, typ, account, region string
	lower                          string   // typ in lower case, as rules compare it
	rules                          *ruleset // of the type
}

// stated is a relation as an observation said it; to may be an alias.
type stated struct{ to, typ, source string }

func (s stated) compare(o stated) int {
	if c := strings.Compare(s.to, o.to); c != 0 {
		return c
	}
	if c := strings.Compare(s.typ, o.typ); c != 0 {
		return c
	}
	return strings.Compare(s.source, o.source)
}

// edge is a resolved relation, kept where it was said: typ and source are numbers
// in the tables of names. Back turns it round: whoever is named depends on whoever
// names it.
type edge struct {
	to     uint32
	source uint32
	typ    uint16
	sure   model.Confidence
	back   bool
}

func (e edge) compare(o edge) int {
	if c := cmp.Compare(e.to, o.to); c != 0 {
		return c
	}
	if c := cmp.Compare(e.typ, o.typ); c != 0 {
		return c
	}
	if e.back != o.back {
		if o.back {
			return -1
		}
		return 1
	}
	return 0
}

// inEdge is the other end of an edge.
type inEdge struct {
	from uint32
	typ  uint16
	back bool
}

func (e edge) from(id uint32) inEdge { return inEdge{id, e.typ, e.back} }

// dependents calls f for everybody who directly depends on the resource.
func (n *node) dependents(f func(id uint32, typ uint16)) {
	n.in.each(func(in inEdge) {
		if !in.back {
			f(in.from, in.typ)
		}
	})
	for _, e := range n.out {
		if e.back {
			f(e.to, e.typ)
		}
	}
}

// dependencies calls f for everything that the resource directly depends on.
func (n *node) dependencies(f func(id uint32, typ uint16)) {
	for _, e := range n.out {
		if !e.back {
			f(e.to, e.typ)
		}
	}
	n.in.each(func(in inEdge) {
		if in.back {
			f(in.from, in.typ)
		}
	})
}

// chunkSize bounds what a removed edge copies, even at a hub of thousands.
const chunkSize = 128

// inbound is the list of reverse edges: full chunks, and one that grows. Versions
// share backing arrays: only the newest version appends, and never over a slot
// that an older one can see, because removing always copies.
type inbound struct {
	full [][]inEdge
	tail []inEdge
}

func (l inbound) each(f func(inEdge)) {
	for _, chunk := range l.full {
		for _, e := range chunk {
			f(e)
		}
	}
	for _, e := range l.tail {
		f(e)
	}
}

// clip makes the next one added go to another array: what is only supposed MUST
// NOT write where the newest version appends.
func (l inbound) clip() inbound { return inbound{slices.Clip(l.full), slices.Clip(l.tail)} }

func (l inbound) with(e inEdge) inbound {
	if len(l.tail) == chunkSize {
		l.full = append(l.full, l.tail)
		l.tail = nil
	}
	l.tail = append(l.tail, e)
	return l
}

func (l inbound) without(e inEdge) inbound {
	if i := slices.Index(l.tail, e); i >= 0 {
		l.tail = remove(l.tail, i)
		return l
	}
	for n, chunk := range l.full {
		i := slices.Index(chunk, e)
		if i < 0 {
			continue
		}
		if chunk = remove(chunk, i); len(chunk) == 0 {
			l.full = slices.Delete(slices.Clone(l.full), n, n+1)
		} else {
			l.full = slices.Clone(l.full)
			l.full[n] = chunk
		}
		return l
	}
	return l
}

func remove(chunk []inEdge, i int) []inEdge {
	out := make([]inEdge, 0, max(len(chunk)-1, 1))
	out = append(out, chunk[:i]...)
	return append(out, chunk[i+1:]...)
}

// eachKey calls f for every key under which the resource is found. A key may
// come twice.
func (n *node) eachKey(f func(key string)) {
	f(n.urn)
	n.arnKeys(n.urn, f)
	for _, a := range n.alias {
		f(canon(a))
		n.arnKeys(a, f)
	}
	n.nameKeys(f)
	n.labelKeys(f)
}

func (n *node) arnKeys(s string, f func(key string)) {
	if a, ok := parseARN(s); ok {
		f(a.loose())
		if tail := a.tail(); tail != "" {
			f(tail)
		}
	}
}

// has reports whether key is one of the resource's keys. It builds none of them:
// this is asked for every reference that is found.
func (n *node) has(key string) bool {
	if n.urn == key || spells(n.urn, key) || n.answers(key) {
		return true
	}
	for _, a := range n.alias {
		if canon(a) == key || spells(a, key) {
			return true
		}
	}
	return false
}

// spells reports whether key follows from the ARN s.
func spells(s, key string) bool {
	a, ok := parseARN(s)
	if !ok {
		return false
	}
	if rest, loose := strings.CutPrefix(key, loosePrefix); loose {
		service, resource, _ := strings.Cut(rest, ":")
		return service == a.service && resource == a.resource
	}
	return len(key) < len(s) && key == a.tail()
}

// keys returns the keys, sorted, each once.
func (n *node) keys() []string {
	var keys []string
	n.eachKey(func(k string) { keys = append(keys, k) })
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (n *node) resource() (r model.Resource) {
	n.fill(&r)
	if n.attrs != "" {
		r.Attrs = []byte(n.attrs)
	}
	return r
}

// fill writes all but the attributes into r, whose map and list it uses.
func (n *node) fill(r *model.Resource) {
	tags, aliases := r.Tags, r.Aliases[:0]
	clear(tags)
	if tags == nil && len(n.tags) > 0 {
		tags = make(map[string]string, len(n.tags)/2)
	}
	for i := 0; i < len(n.tags); i += 2 {
		tags[n.tags[i]] = n.tags[i+1]
	}
	*r = model.Resource{URN: model.URN(n.urn), Platform: n.kind.platform, Type: n.kind.typ, Name: n.name,
		Account: n.kind.account, Region: n.kind.region, Source: n.source, Tags: tags, Aliases: append(aliases, n.alias...)}
	if n.seen != 0 {
		r.SeenAt = time.Unix(0, n.seen).UTC()
	}
}

// sum hashes what the resource is and what it relates to: every field with its
// length, so that no two contents share an encoding. When it was seen, and by
// whom, is not content. buf is room to write in.
func (n *node) sum(v *version, buf []byte) ([32]byte, []byte) {
	buf = append(buf[:0], 0) // a leaf
	put := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	list := func(l []string) {
		buf = binary.AppendUvarint(buf, uint64(len(l)))
		for _, s := range l {
			put(s)
		}
	}
	for _, s := range [...]string{n.urn, n.kind.platform, n.kind.typ, n.name, n.kind.account, n.kind.region} {
		put(s)
	}
	list(n.tags)
	list(n.alias)
	put(n.attrs)
	buf = binary.AppendUvarint(buf, uint64(len(n.out)))
	var few [16]edge
	for _, e := range v.byName(append(few[:0], n.out...)) {
		put(v.node(e.to).urn)
		put(v.types[e.typ])
		put(v.sources[e.source])
		buf = append(buf, byte(e.sure))
		if e.back {
			buf = append(buf, 'b')
		}
	}
	return sha256.Sum256(buf), buf
}

func flatten(tags map[string]string) []string {
	if len(tags) == 0 {
		return nil
	}
	keys := make([]string, 0, len(tags))
	for k := range tags {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	flat := make([]string, 0, 2*len(keys))
	for _, k := range keys {
		flat = append(flat, k, tags[k])
	}
	return flat
}
