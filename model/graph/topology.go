package graph

import "github.com/assent-iom/assent/model"

var _ model.Topology = (*version)(nil)

// Size bounds the numbers of resources.
func (v *version) Size() int { return len(v.pages) * pageSize }

// Types returns the relation types by number.
func (v *version) Types() []string { return v.types }

// Number returns the number of whatever Resolve finds.
func (v *version) Number(id string) (uint32, bool) { return v.one(id) }

// At returns the URN and the type of a resource; empty where the number is nobody's.
func (v *version) At(n uint32) (model.URN, string) {
	at := v.node(n)
	if at == nil {
		return "", ""
	}
	return model.URN(at.urn), at.kind.typ
}

// Sketch reports whether a resource is known by its tags alone.
func (v *version) Sketch(n uint32) bool {
	at := v.node(n)
	return at != nil && at.source == model.SourceTags
}

// Dependency calls f for everything that a resource directly depends on.
func (v *version) Dependency(n uint32, f func(uint32, uint16)) {
	v.node(n).dependencies(v.living(f))
}

// Naming calls f for everybody who names an identifier that nobody answers to.
func (v *version) Naming(id string, f func(uint32)) {
	settled := v.settled()
	for _, h := range settled.waitHashes(id) {
		settled.waiting.each(h, f)
	}
}

// Whole reports whether no bound of the model was ever met.
func (v *version) Whole() bool { return !v.overfull }

// EachOf calls f for every resource of a type, in no particular order.
func (v *version) EachOf(kind string, f func(model.URN)) {
	for _, p := range v.pages {
		for _, n := range p.nodes {
			if n != nil && n.kind.typ == kind {
				f(model.URN(n.urn))
			}
		}
	}
}
