package radius

import (
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// maxNear bounds the relations of one resource that are looked at: a subnet with more
// dependents is named by everybody.
const maxNear = 10_000

// asked is one question for relations.
type asked struct {
	of      model.URN
	reverse bool
}

// Near returns the relations of one resource, sorted: those of it as the dependent, or
// (reverse) those of its direct dependents. It is not complete where a bound was met.
// A Witness remembers them, and what Recall tells answers with them.
func Near(s model.Snapshot, of model.URN, reverse bool) model.Near {
	switch s := s.(type) {
	case *Witness:
		n, ok := s.near[asked{of, reverse}]
		if !ok {
			n = Near(s.Snapshot, of, reverse)
			if s.near == nil {
				s.near = map[asked]model.Near{}
			}
			s.near[asked{of, reverse}] = n
		}
		return n
	case *recalled:
		for _, n := range s.facts.Near {
			if n.Of == of && n.Reverse == reverse {
				return n
			}
		}
		return model.Near{Of: of, Reverse: reverse}
	case model.Topology:
		return nearOf(s, of, reverse)
	}
	n := model.Near{Of: of, Reverse: reverse, Complete: true}
	if !reverse {
		for _, r := range s.Dependencies(of) {
			n.Relations = append(n.Relations, model.Relation{From: of, To: r.To, Type: r.Type})
		}
		return n
	}
	reach := s.Dependents([]model.URN{of}, maxNear)
	n.Complete = reach.Complete
	for _, hop := range reach.Hops {
		if hop.Depth == 1 {
			n.Relations = append(n.Relations, model.Relation{From: hop.URN, To: of, Type: hop.Relation})
		}
	}
	return n
}

func nearOf(s model.Topology, of model.URN, reverse bool) model.Near {
	n := model.Near{Of: of, Reverse: reverse, Complete: s.Whole()}
	at, ok := s.Number(string(of))
	if !ok {
		return n
	}
	types := s.Types()
	take := func(on uint32, relation uint16) {
		if len(n.Relations) >= maxNear {
			n.Complete = false
			return
		}
		other, _ := s.At(on)
		r := model.Relation{From: of, To: other, Type: types[relation]}
		if reverse {
			r.From, r.To = other, of
		}
		n.Relations = append(n.Relations, r)
	}
	if reverse {
		s.Dependent(at, take)
	} else {
		s.Dependency(at, take)
	}
	slices.SortFunc(n.Relations, func(a, b model.Relation) int {
		return strings.Compare(string(a.From)+"\n"+string(a.To)+"\n"+a.Type, string(b.From)+"\n"+string(b.To)+"\n"+b.Type)
	})
	return n
}
