package radius

import (
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Exposure is what a change that lets more in opens, and what can be reached from
// there.
type Exposure struct {
	Complete  bool        `json:"complete"`
	Opened    []model.Hop `json:"opened"`    // guarded by a target, or inside or behind one
	Reachable []model.Hop `json:"reachable"` // what those can use, and act as
}

// opens are the relations by which a widened resource opens its dependents: a
// group its instances, a policy its roles and whoever acts as them, a route its
// subnets.
var opens = []string{model.GuardedBy, model.Grants, model.Identity, model.RoutesVia, model.Contains}

// carries are the relations by which what is open leads on, to what it depends on:
// a load balancer to its targets, a function to its table, by its role's policies.
var carries = []string{model.ForwardsTo, model.Calls, model.Reads, model.Identity, model.Grants, model.RunsOn, model.Attached}

// Exposed follows every Widen among the changes: back to what it opens, and from
// there forward to what that can use. What is let in by whom the action itself
// says, in its properties (network.ingress, access.anonymous).
func Exposed(s model.Snapshot, changes []Change, b Budget) Exposure {
	out := Exposure{Complete: true, Opened: []model.Hop{}, Reachable: []model.Hop{}}
	var widened []model.URN
	for _, c := range changes {
		if c.Effect == Widen && !slices.Contains(widened, c.URN) {
			widened = append(widened, c.URN)
		}
	}
	if len(widened) == 0 {
		return out
	}
	if b.Nodes <= 0 {
		b.Nodes = DefaultNodes
	}
	t, ok := s.(model.Topology)
	if !ok || !t.Whole() {
		out.Complete = false
	}
	if !ok {
		return out
	}
	x := &exposing{t: t, left: b.Nodes, seen: map[uint32]bool{}}
	var targets []uint32
	sort.Slice(widened, func(i, j int) bool { return widened[i] < widened[j] })
	for _, urn := range widened {
		n, known := t.Number(string(urn))
		if !known {
			out.Complete = false // who is behind it was never seen
		} else if !x.seen[n] {
			x.seen[n] = true
			targets = append(targets, n)
		}
	}
	opened := x.spread(targets, opens, t.Dependent, &out.Opened)
	x.spread(append(targets, opened...), carries, t.Dependency, &out.Reachable)
	out.Complete = out.Complete && x.left > 0
	return out
}

// exposing is one search for what is let in.
type exposing struct {
	t    model.Topology
	left int
	seen map[uint32]bool
}

// spread walks some relations in one direction, nearest first and by URN, and
// returns whom it met.
func (x *exposing) spread(from []uint32, by []string, step func(uint32, func(uint32, uint16)), out *[]model.Hop) []uint32 {
	types := x.t.Types()
	var met []uint32
	for depth := 1; len(from) > 0 && x.left > 0; depth++ {
		best := map[uint32]model.Hop{}
		for _, n := range from {
			via, _ := x.t.At(n)
			step(n, func(on uint32, relation uint16) {
				if x.seen[on] || !slices.Contains(by, types[relation]) {
					return
				}
				urn, kind := x.t.At(on)
				h := model.Hop{URN: urn, Type: kind, Depth: depth, Via: via, Relation: types[relation]}
				if old, again := best[on]; !again || h.Via < old.Via || h.Via == old.Via && h.Relation < old.Relation {
					best[on] = h
				}
			})
		}
		next := make([]uint32, 0, len(best))
		for n := range best {
			x.seen[n] = true
			next = append(next, n)
		}
		slices.SortFunc(next, func(a, b uint32) int { return strings.Compare(string(best[a].URN), string(best[b].URN)) })
		for _, n := range next {
			if x.left--; x.left <= 0 {
				return met
			}
			*out = append(*out, best[n])
			met = append(met, n)
		}
		from = next
	}
	return met
}
