package radius

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-iom/assent/model"
)

// Standing is what somebody who knows the declared documents says of a resource.
type Standing struct {
	Owner      string // empty: nobody is declared
	Production bool
}

// OwnerCount is how many of those affected one owner answers for.
type OwnerCount struct {
	Owner string `json:"owner"`
	Count int    `json:"count"`
}

// Summary is a blast radius in numbers, and in words.
type Summary struct {
	Affected   int            `json:"affected"`
	Complete   bool           `json:"complete"`
	Reasons    []string       `json:"reasons"` // why it is not complete
	PerHop     []int          `json:"per_hop"` // how many at each distance, 1 first
	Effects    map[string]int `json:"effects"` // how many are destroyed, disconnected, …
	Owners     []OwnerCount   `json:"owners"`  // most first; those that nobody owns are in Unowned
	Unowned    int            `json:"unowned"`
	Production int            `json:"production"`
	UserFacing int            `json:"user_facing"`
	Paths      []string       `json:"paths"` // the ways to the worst, as text
}

// Summarise counts whoever is affected, at most asked of them, nearest first, and
// says the ways to the worst: those that users meet and that are in production
// before others, then the worst effect, then the nearest.
func (r *Reach) Summarise(s model.Snapshot, asked, paths int, standing func(model.Resource) Standing) Summary {
	sum := Summary{Affected: r.Count, Complete: r.Complete, Reasons: append([]string{}, r.Reasons...), PerHop: append([]int{}, r.PerHop()...),
		Effects: map[string]int{}, Owners: []OwnerCount{}, Paths: []string{}}
	owners := map[string]int{}
	type end struct {
		at    int
		score int
	}
	var ends []end
	hops := r.Nearest(asked)
	for i, h := range hops {
		sum.Effects[h.Effect]++
		res, ok := s.Resource(h.URN)
		if !ok {
			continue
		}
		score := 0
		who := standing(res)
		if who.Owner == "" {
			sum.Unowned++
		} else {
			owners[who.Owner]++
		}
		if who.Production {
			sum.Production++
			score += 100
		}
		if Facing(res) {
			sum.UserFacing++
			score += 200
		}
		if e, err := ParseEffect(h.Effect); err == nil {
			score += int(e)
		}
		ends = append(ends, end{i, score})
	}
	for name, n := range owners {
		sum.Owners = append(sum.Owners, OwnerCount{name, n})
	}
	slices.SortFunc(sum.Owners, func(a, b OwnerCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Owner, b.Owner)
	})
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(b.score, a.score) })
	places := r.nearest(asked)
	for _, e := range ends[:min(paths, len(ends))] {
		if r.hops != nil {
			sum.Paths = append(sum.Paths, Short(hops[e.at].Via)+" ← "+Short(hops[e.at].URN))
		} else {
			sum.Paths = append(sum.Paths, r.path(places[e.at]))
		}
	}
	return sum
}

// mayFace reports whether attributes decide if users meet such a resource.
func mayFace(kind string) bool {
	kind = strings.ToLower(kind)
	for i := range loaded().faces {
		if loaded().faces[i].kind.Fits(kind) {
			return true
		}
	}
	return false
}

// Facing reports whether users meet a resource, as far as its attributes say: the
// faces rows of pools.tsv.
func Facing(res model.Resource) bool {
	kind := strings.ToLower(res.Type)
	for _, f := range loaded().faces {
		if !f.kind.Fits(kind) {
			continue
		}
		value := json.RawMessage(res.Attrs)
		found := true
		for _, key := range f.attribute {
			var object map[string]json.RawMessage
			if found = json.Unmarshal(value, &object) == nil && object[key] != nil; !found {
				break
			}
			value = object[key]
		}
		if !found || string(value) == "null" || string(value) == `""` {
			continue
		}
		var plain any
		if f.value == "*" || json.Unmarshal(value, &plain) == nil && fmt.Sprint(plain) == f.value {
			return true
		}
	}
	return false
}
