package radius

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Reach is what breaks, targets not counted. It belongs to the snapshot that it
// was asked of.
type Reach struct {
	Count    int
	Complete bool
	Reasons  []string // why it is not complete

	t       model.Topology
	targets []model.URN
	entries []entry     // the targets' first
	hops    []model.Hop // instead of entries, of a snapshot that is no Topology

	// near is what Nearest has answered, for how many: a judge and its witness ask alike.
	near    []model.Hop
	nearFor int
}

func (r *Reach) cut(why string) {
	r.Complete = false
	if !slices.Contains(r.Reasons, why) {
		r.Reasons = append(r.Reasons, why)
	}
}

// unread: who depends on what nobody ever read may never have been seen either.
func (r *Reach) unread(urn model.URN) {
	if len(r.Reasons) < maxReasons {
		r.cut(Short(urn) + " was never read")
	}
	r.Complete = false
}

// maxReasons bounds Reasons: a call over a thousand targets would say the same a
// thousand times.
const maxReasons = 4

func (r *Reach) urn(at int32) model.URN {
	e := r.entries[at]
	if e.n == nowhere {
		return r.targets[at]
	}
	urn, _ := r.t.At(e.n)
	return urn
}

// live reports whether an entry is of a dependent, and the last of it.
func (e *entry) live() bool { return e.via >= 0 && !e.replaced }

// PerHop returns how many are affected at each distance, 1 first.
func (r *Reach) PerHop() []int {
	var out []int
	count := func(depth int) {
		for len(out) < depth {
			out = append(out, 0)
		}
		out[depth-1]++
	}
	for _, h := range r.hops {
		count(h.Depth)
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.live() {
			count(int(e.depth))
		}
	}
	return out
}

// Nearest returns at most limit of those affected (0: all), nearest first, by URN
// within a distance.
func (r *Reach) Nearest(limit int) []model.Hop {
	if r.hops != nil {
		if limit > 0 && limit < len(r.hops) {
			return r.hops[:limit]
		}
		return r.hops
	}
	if r.near != nil && r.nearFor == limit {
		return r.near
	}
	places := r.nearest(limit)
	r.near, r.nearFor = make([]model.Hop, len(places)), limit
	for i, at := range places {
		r.near[i] = r.hop(at)
	}
	return r.near
}

func (r *Reach) hop(at int32) model.Hop {
	e := r.entries[at]
	urn, kind := r.t.At(e.n)
	return model.Hop{URN: urn, Type: kind, Depth: int(e.depth), Via: r.urn(e.via),
		Relation: r.t.Types()[e.relation], Effect: e.effect.String()}
}

// nearest returns the places of entries. Only distances that are still wanted are
// sorted.
func (r *Reach) nearest(limit int) []int32 {
	perHop := r.PerHop()
	deepest, wanted := len(perHop), 0
	for i, n := range perHop {
		if wanted += n; limit > 0 && wanted >= limit {
			deepest = i + 1
			break
		}
	}
	type place struct {
		urn   model.URN
		depth uint32
		at    int32
	}
	var places []place
	for i := range r.entries {
		if e := &r.entries[i]; e.live() && int(e.depth) <= deepest {
			places = append(places, place{r.urn(int32(i)), e.depth, int32(i)})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.depth != b.depth {
			return cmp.Compare(a.depth, b.depth)
		}
		return strings.Compare(string(a.urn), string(b.urn))
	})
	if limit > 0 && len(places) > limit {
		places = places[:limit]
	}
	out := make([]int32, len(places))
	for i, p := range places {
		out[i] = p.at
	}
	return out
}

// words say a relation from the dependent's side.
var words = map[string]string{
	model.References: "names it", model.Contains: "in", model.Attached: "attached", model.RunsOn: "runs on",
	model.UsesConfig: "uses", model.Identity: "acts as", model.Grants: "rights from", model.Encrypts: "encrypted by",
	model.GuardedBy: "guarded by", model.RoutesVia: "routes via", model.ForwardsTo: "forwards to", model.Reads: "reads",
	model.Calls: "calls", model.Controls: "made by", model.Replicates: "copy of", model.Observes: "watches",
	model.PartOf: "part of", model.OwnedBy: "owned by",
}

// path says the way to an entry: subnet-1 ← db-1 (in) ← checkout (reads).
func (r *Reach) path(at int32) string {
	var steps []string
	for ; at >= 0; at = r.entries[at].via {
		e := r.entries[at]
		step := Short(r.urn(at))
		if e.via >= 0 {
			name := r.t.Types()[e.relation]
			if word, ok := words[name]; ok {
				name = word
			}
			step += " (" + name + ")"
		}
		steps = append(steps, step)
	}
	slices.Reverse(steps)
	return strings.Join(steps, " ← ")
}

// Short is how people call a resource: the end of its URN, with its kind where
// the name alone does not tell.
func Short(urn model.URN) string {
	text := string(urn)
	if rest, ok := strings.CutPrefix(text, "k8s://"); ok {
		f := strings.Split(rest, "/")
		if len(f) >= 5 {
			n := len(f)
			return strings.ToLower(f[n-3]) + "/" + f[n-1]
		}
		return text
	}
	f := strings.SplitN(text, ":", 6)
	if len(f) < 6 || f[0] != "arn" {
		return text
	}
	kind, name, found := strings.Cut(f[5], "/")
	if !found {
		if kind, name, found = strings.Cut(f[5], ":"); !found {
			return f[2] + "/" + f[5]
		}
	}
	if f[2] == "ec2" { // its ids say what they are of
		return name
	}
	return kind + "/" + name
}
