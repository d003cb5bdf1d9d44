package radius

import (
	"slices"

	"github.com/assent-iom/assent/model"
)

const (
	// FootingHops is how far what a thing stands on is followed.
	FootingHops = 2
	// footingBound ends the walk: a thing that stands on more is an account.
	footingBound = 256
)

// soft are the relations over which nothing is built on anything.
var soft = []string{model.Observes, model.PartOf, model.OwnedBy, model.Calls, model.Replicates}

// Footing returns what a thing stands on: what it needs to be there and to be as it
// is meant, over at most so many hops, nearest first.
func Footing(s model.Snapshot, of model.URN, hops int) []model.Hop {
	switch known := s.(type) {
	case *Witness:
		out := Footing(known.Snapshot, of, hops)
		if known.footing == nil {
			known.footing = map[model.URN]map[int][]model.Hop{}
		}
		if known.footing[of] == nil {
			known.footing[of] = map[int][]model.Hop{}
		}
		known.footing[of][hops] = out
		return out
	case *recalled:
		for _, f := range known.facts.Footing {
			if f.Of == of && f.Hops == hops {
				return f.On
			}
		}
		return nil
	}
	seen := map[model.URN]bool{of: true}
	var out []model.Hop
	layer := []model.URN{of}
	for depth := 1; depth <= hops; depth++ {
		var next []model.URN
		for _, urn := range layer {
			for _, r := range s.Dependencies(urn) {
				if seen[r.To] || slices.Contains(soft, r.Type) || r.Type == model.References && r.Confidence == model.Mentioned || len(out) == footingBound {
					continue
				}
				seen[r.To] = true
				next = append(next, r.To)
				out = append(out, model.Hop{URN: r.To, Depth: depth, Via: urn, Relation: r.Type})
			}
		}
		layer = next
	}
	return out
}

// StandingOf tells how a resource stands, if the snapshot knows what was built.
func StandingOf(s model.Snapshot, urn model.URN) model.Standing {
	known, ok := s.(model.Reconciled)
	if !ok {
		return model.Standing{}
	}
	return known.Standing(urn)
}

// Standing implements model.Reconciled.
func (w *Witness) Standing(urn model.URN) model.Standing {
	st := StandingOf(w.Snapshot, urn)
	if st.Settled || st.Built {
		if w.standing == nil {
			w.standing = map[model.URN]model.Standing{}
		}
		w.standing[urn] = st
	}
	return st
}

// Standing implements model.Reconciled.
func (r *recalled) Standing(urn model.URN) model.Standing {
	for _, st := range r.facts.Standing {
		if st.URN == urn {
			return st
		}
	}
	return model.Standing{}
}

// PortraitOf says in portable words what a resource is, if the snapshot can.
func PortraitOf(s model.Snapshot, urn model.URN) model.Portrait {
	known, ok := s.(model.Portraying)
	if !ok {
		return model.Portrait{URN: urn}
	}
	return known.Portrait(urn)
}

// Portrait implements model.Portraying.
func (w *Witness) Portrait(urn model.URN) model.Portrait {
	p := PortraitOf(w.Snapshot, urn)
	if len(p.Props) > 0 {
		if w.portraits == nil {
			w.portraits = map[model.URN]model.Portrait{}
		}
		w.portraits[urn] = p
	}
	return p
}

// Portrait implements model.Portraying.
func (r *recalled) Portrait(urn model.URN) model.Portrait {
	for _, p := range r.facts.Portraits {
		if p.URN == urn {
			return p
		}
	}
	return model.Portrait{URN: urn}
}

// makersLooked bounds the search for who makes a thing: a pod's ReplicaSet, its
// Deployment, and what that is part of.
const makersLooked = 4

// Makers are those that a resource comes from, nearest first: the controller that makes
// it, what it is attached to.
func Makers(s model.Snapshot, urn model.URN) []model.URN {
	out := []model.URN{urn}
	for i := 0; i < min(len(out), makersLooked); i++ {
		for _, r := range Near(s, out[i], false).Relations {
			if (r.Type == model.Controls || r.Type == model.Attached) && !slices.Contains(out, r.To) {
				out = append(out, r.To)
			}
		}
	}
	return out[1:]
}

// Whole returns a resource with its attributes, which a witness then remembers too.
func Whole(s model.Snapshot, urn model.URN) (model.Resource, bool) {
	res, ok := s.Resource(urn)
	if w, watched := s.(*Witness); watched && ok {
		if w.whole == nil {
			w.whole = map[model.URN]bool{}
		}
		w.whole[urn] = true
	}
	return res, ok
}
