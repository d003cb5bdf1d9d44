package radius

import (
	"maps"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Looked bounds how many of those who break a judge looks at one by one: their
// owners, their environments. The rest is counted.
const Looked = 1000

// Witness is a snapshot that remembers what it was asked and what it said. It
// serves one judgement, and one goroutine.
type Witness struct {
	model.Snapshot
	attrs     bool
	names     []named // in the order in which they were asked
	resources map[model.URN]*model.Resource
	facing    map[model.URN]bool
	broken    *Reach
	near      map[asked]model.Near
	exposed   *Exposure
	pending   []model.Pending
	conflicts []model.Conflict
	standing  map[model.URN]model.Standing
	portraits map[model.URN]model.Portrait
	footing   map[model.URN]map[int][]model.Hop
	whole     map[model.URN]bool // of these the attributes are remembered in any case
	filler    model.Filler       // nil: the snapshot is none
	few       [2]named           // room for names
	behind    *model.Behind
}

// named is an identifier, and what it stands for.
type named struct {
	id  string
	urn model.URN
}

// NewWitness watches a snapshot. Attributes are remembered only with attrs: most
// judges read none, and they are long.
func NewWitness(s model.Snapshot, attrs bool) *Witness {
	w := &Witness{Snapshot: s, attrs: attrs}
	for {
		switch s := w.Snapshot.(type) {
		case model.Dated:
			w.Snapshot, w.behind = s.Snapshot, &s.Behind
		case model.Amid:
			w.Snapshot, w.pending = s.Snapshot, s.Pending
		case *recalled:
			w.behind = s.facts.Behind
			return w
		default:
			w.filler, _ = s.(model.Filler)
			return w
		}
	}
}

// BehindOf says how old a remembered snapshot is; nil: as new as the model is.
func BehindOf(s model.Snapshot) *model.Behind {
	switch s := s.(type) {
	case *Witness:
		return s.behind
	case *recalled:
		return s.facts.Behind
	}
	return nil
}

// Brief returns what is known of a resource, as far as a judge of names and places
// reads it: without attributes. It MUST NOT be changed.
func Brief(s model.Snapshot, urn model.URN) (*model.Resource, bool) {
	w, ok := s.(*Witness)
	if !ok || w.attrs || w.whole[urn] || w.filler == nil {
		res, known := s.Resource(urn)
		return &res, known
	}
	if res := w.resources[urn]; res != nil {
		return res, true
	}
	res := new(model.Resource)
	if !w.filler.Fill(urn, res) {
		return res, false
	}
	w.keep(urn, res)
	return res, true
}

func (w *Witness) keep(urn model.URN, res *model.Resource) {
	if w.resources == nil {
		w.resources = map[model.URN]*model.Resource{}
	}
	w.resources[urn] = res
}

// Resolve implements model.Snapshot.
func (w *Witness) Resolve(id string) (model.URN, bool) {
	urn, ok := w.Snapshot.Resolve(id)
	if w.names == nil {
		w.names = w.few[:0]
	}
	if n := len(w.names); n == 0 || w.names[n-1].id != id {
		w.names = append(w.names, named{id, urn})
	}
	return urn, ok
}

// Resource implements model.Snapshot.
func (w *Witness) Resource(urn model.URN) (model.Resource, bool) {
	res, ok := w.Snapshot.Resource(urn)
	if ok {
		kept := res
		w.keep(urn, &kept)
	}
	return res, ok
}

// Facts returns what was asked so far. The result shares nothing with the witness
// that changes later.
func (w *Witness) Facts() model.Facts {
	f := model.Facts{Model: w.Version(), Behind: w.behind}
	for _, n := range w.names {
		if f.Names == nil {
			f.Names = make(map[string]model.URN, len(w.names))
		}
		f.Names[n.id] = n.urn
	}
	for _, urn := range slices.Sorted(maps.Keys(w.resources)) {
		res := w.resources[urn]
		kept := model.Resource{URN: urn, Platform: res.Platform, Type: res.Type, Name: res.Name, Account: res.Account, Region: res.Region, Tags: res.Tags}
		if w.attrs || w.whole[urn] {
			kept.Attrs = res.Attrs
		}
		f.Resources = append(f.Resources, kept)
	}
	for urn := range w.facing {
		f.Facing = append(f.Facing, urn)
	}
	slices.Sort(f.Facing)
	for _, n := range w.near {
		f.Near = append(f.Near, n)
	}
	slices.SortFunc(f.Near, func(a, b model.Near) int {
		if c := strings.Compare(string(a.Of), string(b.Of)); c != 0 {
			return c
		}
		return map[bool]int{false: -1, true: 1}[a.Reverse]
	})
	if r := w.broken; r != nil {
		f.Broken = &model.Broken{Count: r.Count, Complete: r.Complete, Reasons: slices.Clone(r.Reasons), Nearest: slices.Clone(r.Nearest(Looked))}
	}
	if x := w.exposed; x != nil {
		f.Exposed = &model.Exposed{Complete: x.Complete, Opened: slices.Clone(x.Opened), Reachable: slices.Clone(x.Reachable)}
	}
	f.Conflicts = slices.Clone(w.conflicts)
	for _, urn := range slices.Sorted(maps.Keys(w.standing)) {
		f.Standing = append(f.Standing, w.standing[urn])
	}
	for _, urn := range slices.Sorted(maps.Keys(w.portraits)) {
		f.Portraits = append(f.Portraits, w.portraits[urn])
	}
	for _, urn := range slices.Sorted(maps.Keys(w.footing)) {
		for _, hops := range slices.Sorted(maps.Keys(w.footing[urn])) {
			f.Footing = append(f.Footing, model.Footing{Of: urn, Hops: hops, On: slices.Clone(w.footing[urn][hops])})
		}
	}
	return f
}

// Recall is the snapshot that facts tell of. It answers what was asked before, and
// knows nothing else.
func Recall(f model.Facts) model.Snapshot {
	r := &recalled{facts: f, resources: make(map[model.URN]model.Resource, len(f.Resources))}
	for _, res := range f.Resources {
		r.resources[res.URN] = res
	}
	return r
}

type recalled struct {
	facts     model.Facts
	resources map[model.URN]model.Resource
}

// Version implements model.Snapshot.
func (r *recalled) Version() model.Version { return r.facts.Model }

// Resource implements model.Snapshot.
func (r *recalled) Resource(urn model.URN) (model.Resource, bool) {
	res, ok := r.resources[urn]
	return res, ok
}

// Resolve implements model.Snapshot.
func (r *recalled) Resolve(id string) (model.URN, bool) {
	urn := r.facts.Names[id]
	return urn, urn != ""
}

// Dependents implements model.Snapshot. It is never complete: what was remembered
// is what Availability found, which asks for itself.
func (r *recalled) Dependents([]model.URN, int) model.Reach { return model.Reach{} }

// Dependencies implements model.Snapshot.
func (r *recalled) Dependencies(model.URN) []model.Relation { return nil }

// Each implements model.Snapshot.
func (r *recalled) Each(f func(model.Resource) bool) {
	for _, res := range r.facts.Resources {
		if !f(res) {
			return
		}
	}
}

// broken is the walk as it was found then.
func (r *recalled) broken() *Reach {
	b := r.facts.Broken
	if b == nil {
		out := &Reach{}
		out.cut("what depends on it was not recorded")
		return out
	}
	return &Reach{Count: b.Count, Complete: b.Complete, Reasons: slices.Clone(b.Reasons), hops: slices.Clone(b.Nearest)}
}

// exposed is what was let in, as it was found then.
func (r *recalled) exposed() Exposure {
	x := Exposure{Opened: []model.Hop{}, Reachable: []model.Hop{}}
	if was := r.facts.Exposed; was != nil {
		x.Complete, x.Opened, x.Reachable = was.Complete, append(x.Opened, was.Opened...), append(x.Reachable, was.Reachable...)
	}
	return x
}

// FacingIn is Facing for a resource of a snapshot, which may be one of memory.
func FacingIn(s model.Snapshot, res model.Resource) bool {
	switch s := s.(type) {
	case *recalled:
		_, found := slices.BinarySearchFunc(s.facts.Facing, res.URN, func(a, b model.URN) int { return strings.Compare(string(a), string(b)) })
		return found
	case *Witness:
		if !mayFace(res.Type) {
			return false
		}
		if full, ok := s.Snapshot.Resource(res.URN); ok && res.Attrs == nil {
			res = full
		}
		facing := FacingIn(s.Snapshot, res)
		if facing {
			if s.facing == nil {
				s.facing = map[model.URN]bool{}
			}
			s.facing[res.URN] = true
		}
		return facing
	}
	return Facing(res)
}
