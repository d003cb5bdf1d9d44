package radius

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// TestARadiusOnWhatWouldBe: what breaks, and what is let in, is the same on a
// supposed version as on the one that the changes make.
func TestARadiusOnWhatWouldBe(t *testing.T) {
	all := account(2000)
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		g := graph.New(graph.Config{})
		g.Apply(all)
		var changes []model.Observation
		for range 1 + r.IntN(12) {
			o := all[r.IntN(len(all))]
			switch r.IntN(3) {
			case 0: // another's attributes: it moves to another subnet, other groups
				o.Resource.Attrs = all[100+r.IntN(900)].Resource.Attrs
			case 1:
				o.Resource.URN += "9"
			default:
				o = model.Observation{Gone: true, Resource: model.Resource{URN: o.Resource.URN}}
			}
			changes = append(changes, o)
		}
		supposed := g.Snapshot().(model.Supposing).Suppose(changes)
		g.Apply(changes)
		for range 60 {
			urn := all[r.IntN(len(all))].Resource.URN
			if r.IntN(3) == 0 {
				urn = changes[r.IntN(len(changes))].Resource.URN
			}
			of := []Change{{URN: urn, Effect: Effect(1 + r.IntN(int(Destroy)))}}
			answer := func(s model.Snapshot) string {
				reach := Availability(s, of, Budget{})
				return fmt.Sprint(reach.Count, reach.Complete, reach.Reasons, reach.Nearest(0), Exposed(s, Widening(of), Budget{}))
			}
			if got, want := answer(supposed), answer(g.Snapshot()); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, %v:\nsupposed %.400s\n applied %.400s", seed, of, got, want)
			}
		}
		if supposed.Version() != g.Snapshot().Version() {
			t.Fatalf("seed %d: %v supposed, %v applied", seed, supposed.Version(), g.Snapshot().Version())
		}
	}
}
