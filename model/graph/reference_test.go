package graph

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// naive is the model as one would write it on a napkin: maps, and every question
// answered by looking at everything.
type naive struct {
	attrs  map[string]map[string]any
	stated map[[2]string]bool // from, to as said
}

func (n *naive) names(urn string) []string { return []string{urn, urn[strings.LastIndex(urn, "/")+1:]} }

func (n *naive) dependsOn(from, to string) bool {
	if from == to {
		return false
	}
	for _, v := range n.attrs[from] {
		if slices.Contains(n.names(to), v.(string)) {
			return true
		}
	}
	for s := range n.stated {
		if slices.Contains(n.names(from), s[0]) && slices.Contains(n.names(to), s[1]) {
			return true
		}
	}
	return false
}

func (n *naive) dependents(of string) []string {
	met := map[string]bool{of: true}
	var out []string
	for layer := []string{of}; len(layer) > 0; {
		var next []string
		for from := range n.attrs {
			for _, to := range layer {
				if !met[from] && n.dependsOn(from, to) {
					met[from] = true
					next = append(next, from)
				}
			}
		}
		sort.Strings(next)
		out = append(out, next...)
		layer = next
	}
	return out
}

func urnOf(i int) string {
	return fmt.Sprintf("arn:aws:ec2:eu-west-1:111122223333:thing/t-%08x", i)
}

// TestRandomHistoriesMatchTheNaiveModel plays random operations on both.
func TestRandomHistoriesMatchTheNaiveModel(t *testing.T) {
	const things, steps = 14, 120
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := New(Config{})
		ref := &naive{map[string]map[string]any{}, map[[2]string]bool{}}
		spelling := func(i int) string { return ref.names(urnOf(i))[r.IntN(2)] }
		for step := range steps {
			var batch []model.Observation
			for range 1 + r.IntN(3) {
				i, j := r.IntN(things), r.IntN(things)
				urn := urnOf(i)
				switch r.IntN(6) {
				case 0:
					batch = append(batch, model.Observation{Gone: true, Resource: model.Resource{URN: model.URN(spelling(i))}})
					if _, ok := ref.attrs[urn]; ok {
						for s := range ref.stated {
							if slices.Contains(ref.names(urn), s[0]) {
								delete(ref.stated, s)
							}
						}
					}
					delete(ref.attrs, urn)
				case 1:
					from, to := spelling(i), spelling(j)
					batch = append(batch, model.Observation{Relations: []model.Relation{{From: model.URN(from), To: model.URN(to)}}})
					ref.stated[[2]string{from, to}] = true
				default:
					attrs := map[string]any{}
					for k := range r.IntN(3) {
						attrs[fmt.Sprintf("k%d", k+r.IntN(2))] = spelling(r.IntN(things))
					}
					raw, _ := json.Marshal(attrs)
					whole := r.IntN(2) == 0
					batch = append(batch, model.Observation{Whole: whole, Resource: model.Resource{URN: model.URN(urn), Attrs: raw}})
					if whole || ref.attrs[urn] == nil {
						ref.attrs[urn] = attrs
					} else {
						for k, v := range attrs {
							ref.attrs[urn][k] = v
						}
					}
				}
			}
			g.Apply(batch)
			s := g.Snapshot()
			for i := range things {
				urn := urnOf(i)
				_, exists := s.Resource(model.URN(urn))
				if _, want := ref.attrs[urn]; exists != want {
					t.Fatalf("seed %d step %d: %s exists: %v, want %v", seed, step, urn, exists, want)
				}
				var got []string
				for _, h := range s.Dependents([]model.URN{model.URN(urn)}, 0).Hops {
					got = append(got, string(h.URN))
				}
				if want := ref.dependents(urn); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d step %d: dependents of %s\n got %v\nwant %v", seed, step, urn, got, want)
				}
			}
		}
		// The same content, arrived at by another way, has the same digest.
		resources, relations := g.Export()
		r.Shuffle(len(resources), func(i, j int) { resources[i], resources[j] = resources[j], resources[i] })
		again := New(Config{})
		again.Apply([]model.Observation{{Relations: relations}})
		for _, x := range resources {
			again.Apply([]model.Observation{{Resource: x}})
		}
		if a, b := g.Snapshot().Version().Digest, again.Snapshot().Version().Digest; a != b {
			t.Fatalf("seed %d: digest %s by history, %s by content", seed, a, b)
		}
		if got, want := again.current.Load().waits, g.current.Load().waits; got != want {
			t.Fatalf("seed %d: %d references wait, want %d", seed, got, want)
		}
	}
}
