package graph

import "sync/atomic"

// flatAfter is how often a page is walked over before its edges are laid out: a
// page that is written to all the time is laid out only if it is read even more.
const flatAfter = 64

// flat are the edges of a page as walks want them: who depends on each of its
// resources, side by side, and of which kind each is. Nothing in it is chased
// through pointers, which is most of what a walk over a wide radius costs.
type flat struct {
	kinds [pageSize]*kind
	start [pageSize + 1]uint32 // where the dependents of each begin
	on    []arc
}

type arc struct {
	on  uint32
	typ uint16
}

// flatness is the layout of a page, once it was walked over often enough. It
// belongs to a page that does not change any more.
type flatness struct {
	walks atomic.Uint32
	of    atomic.Pointer[flat]
}

// flattened returns the layout, or nil while it does not pay.
func (p *page) flattened() *flat {
	if f := p.flat.of.Load(); f != nil {
		return f
	}
	if p.flat.walks.Add(1) < flatAfter {
		return nil
	}
	f := new(flat)
	size := 0
	for _, n := range p.nodes {
		if n != nil {
			n.dependents(func(uint32, uint16) { size++ })
		}
	}
	f.on = make([]arc, 0, size)
	for i, n := range p.nodes {
		if f.start[i] = uint32(len(f.on)); n != nil {
			f.kinds[i] = n.kind
			n.dependents(func(on uint32, typ uint16) { f.on = append(f.on, arc{on, typ}) })
		}
	}
	f.start[pageSize] = uint32(len(f.on))
	p.flat.of.Store(f) // two that make it make the same
	return f
}

// Dependent calls f for everybody who directly depends on a resource.
func (v *version) Dependent(n uint32, f func(uint32, uint16)) {
	f = v.living(f)
	p := v.pages[n/pageSize]
	if l := p.flattened(); l != nil {
		i := n % pageSize
		for _, a := range l.on[l.start[i]:l.start[i+1]] {
			f(a.on, a.typ)
		}
		return
	}
	p.nodes[n%pageSize].dependents(f)
}

// Kind returns the type of a resource; empty where the number is nobody's.
func (v *version) Kind(n uint32) string {
	p := v.pages[n/pageSize]
	if l := p.flat.of.Load(); l != nil {
		if k := l.kinds[n%pageSize]; k != nil {
			return k.typ
		}
		return ""
	}
	if at := p.nodes[n%pageSize]; at != nil {
		return at.kind.typ
	}
	return ""
}
