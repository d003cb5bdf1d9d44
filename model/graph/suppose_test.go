package graph

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assent-iom/assent/model"
)

// everything writes down what a snapshot answers to every question about some
// resources, and all that it has.
func everything(s model.Snapshot, about []string) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Version())
	s.Each(func(r model.Resource) bool {
		fmt.Fprintln(&b, r.URN, r.Type, r.Name, r.Tags, r.Aliases, string(r.Attrs), r.SeenAt, r.Source)
		for _, d := range s.Dependencies(r.URN) {
			fmt.Fprintln(&b, "  ", d)
		}
		return true
	})
	t := s.(model.Topology)
	fmt.Fprintln(&b, t.Whole())
	for _, id := range about {
		urn, ok := s.Resolve(id)
		_, known := s.Resource(model.URN(id))
		fmt.Fprintln(&b, id, urn, ok, known, s.Dependents([]model.URN{model.URN(id)}, 0), s.Dependents([]model.URN{model.URN(id)}, 2))
		var named, direct []string
		t.Naming(id, func(n uint32) {
			urn, kind := t.At(n)
			named = append(named, string(urn)+" "+kind)
		})
		if n, ok := t.Number(id); ok {
			t.Dependent(n, func(on uint32, typ uint16) {
				urn, _ := t.At(on)
				direct = append(direct, "< "+t.Types()[typ]+" "+string(urn))
			})
			t.Dependency(n, func(on uint32, typ uint16) {
				urn, _ := t.At(on)
				direct = append(direct, "> "+t.Types()[typ]+" "+string(urn))
			})
		}
		slices.Sort(named)
		slices.Sort(direct)
		fmt.Fprintln(&b, "  ", named, direct)
	}
	return b.String()
}

// someKinds are of resources whose attributes rules know, so that relations turn
// round, names relate, and labels select.
var someKinds = []struct{ typ, urn string }{
	{"ec2:subnet", "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-%08x"},
	{"ec2:instance", "arn:aws:ec2:eu-west-1:111122223333:instance/i-%08x"},
	{"ec2:security-group", "arn:aws:ec2:eu-west-1:*:security-group/sg-%08x"},
	{"lambda:function", "arn:aws:lambda:eu-west-1:111122223333:function:f%x"},
	{"core/Service", "k8s://prod//Service/shop/s%x"},
	{"core/Pod", "k8s://prod//Pod/shop/p%x"},
	{"things:thing", "arn:aws:things:eu-west-1:111122223333:thing/t-%08x"},
}

// randomly makes one observation about a few things that name each other in all
// the ways that are known.
func randomly(r *rand.Rand, things int) model.Observation {
	thing := func() (typ, urn string) {
		i := r.IntN(things)
		k := someKinds[i%len(someKinds)]
		urn = fmt.Sprintf(k.urn, i)
		if r.IntN(3) == 0 {
			urn = strings.Replace(urn, ":*:", ":111122223333:", 1)
		}
		return k.typ, urn
	}
	spelt := func() string {
		_, urn := thing()
		if r.IntN(2) == 0 {
			return urn[strings.LastIndexAny(urn, "/:")+1:]
		}
		return urn
	}
	typ, urn := thing()
	o := model.Observation{Whole: r.IntN(2) == 0, Resource: model.Resource{URN: model.URN(urn), Type: typ}}
	related := func() model.Relation {
		return model.Relation{From: model.URN(spelt()), To: model.URN(spelt()), Type: []string{"", model.Reads, "invented" + fmt.Sprint(r.IntN(3))}[r.IntN(3)], Source: "p"}
	}
	switch r.IntN(8) {
	case 0, 1:
		o.Gone = true
	case 2:
		o.Relations = []model.Relation{related(), related()}
		o.Restates = r.IntN(2) == 0
	case 3:
		o = model.Observation{Cut: []model.Relation{{From: model.URN(spelt()), To: model.URN(spelt())}}}
	case 4:
		o.Resource.Name, o.Resource.Tags = spelt(), map[string]string{"app": fmt.Sprint(r.IntN(3)), "uses": spelt()}
	default:
		attrs := map[string]any{}
		for range r.IntN(4) {
			key := []string{"VpcId", "SubnetId", "GroupId", "Role", "Ref" + fmt.Sprint(r.IntN(40)), "DependsOn"}[r.IntN(6)]
			attrs[key] = spelt()
		}
		attrs["spec"] = map[string]any{"selector": map[string]any{"app": fmt.Sprint(r.IntN(3))}}
		attrs["labels"] = map[string]any{"app": fmt.Sprint(r.IntN(3))}
		o.Resource.Attrs, _ = json.Marshal(attrs)
		o.Resource.Account, o.Resource.Platform = []string{"", "111122223333"}[r.IntN(2)], []string{"", "aws", "kubernetes"}[r.IntN(3)]
		if r.IntN(3) == 0 {
			o.Resource.Aliases = []string{spelt()}
		}
	}
	return o
}

// TestSupposedReadsLikeAVersion: a version plus changes answers every question as
// the version that those changes make, however many suppositions it stands on;
// and neither the version nor the graph is any different for it.
func TestSupposedReadsLikeAVersion(t *testing.T) {
	const things = 24
	var about []string
	for i := range things {
		urn := fmt.Sprintf(someKinds[i%len(someKinds)].urn, i)
		about = append(about, urn, urn[strings.LastIndexAny(urn, "/:")+1:])
	}
	differ := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		g := New(Config{})
		for range 40 {
			g.Apply([]model.Observation{randomly(r, things)})
		}
		base := g.Snapshot()
		was := everything(base, about)
		var supposed model.Snapshot = base
		var beside []model.Snapshot
		var steps [][]model.Observation
		for range 5 {
			var step []model.Observation
			for range 1 + r.IntN(4) {
				step = append(step, randomly(r, things))
			}
			steps = append(steps, step)
			supposed = supposed.(model.Supposing).Suppose(step)
			// Another that stands on the same, and is not to be seen from here.
			beside = append(beside, supposed.(model.Supposing).Suppose([]model.Observation{randomly(r, things), randomly(r, things)}))
			if r.IntN(2) == 0 {
				beside[len(beside)-1].Version()
			}
		}
		got := everything(supposed, about)
		if now := everything(base, about); now != was || everything(g.Snapshot(), about) != was {
			t.Fatalf("seed %d: supposing changed what is", seed)
		}
		for _, step := range steps {
			g.Apply(step)
		}
		want := everything(g.Snapshot(), about)
		// Each step that changes anything is one revision, in both.
		if got != want {
			a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("seed %d:\nsupposed %s\n applied %s", seed, a[i], b[i])
				}
			}
			t.Fatalf("seed %d: %d lines supposed, %d applied", seed, len(a), len(b))
		}
		if got != was {
			differ++
		}
	}
	if differ < 50 {
		t.Errorf("only %d of 60 changed anything", differ)
	}
}

// TestSupposingWhileOthersWrite: many suppose on one version while the writer goes
// on, and all see the same.
func TestSupposingWhileOthersWrite(t *testing.T) {
	const things = 24
	r := rand.New(rand.NewPCG(3, 3))
	g := New(Config{})
	for range 60 {
		g.Apply([]model.Observation{randomly(r, things)})
	}
	base := g.Snapshot().(model.Supposing)
	var changes []model.Observation
	for range 8 {
		changes = append(changes, randomly(r, things))
	}
	about := []string{fmt.Sprintf(someKinds[0].urn, 0), "i-00000001", fmt.Sprintf(someKinds[6].urn, 6)}
	want := everything(base.Suppose(changes), about)
	var all sync.WaitGroup
	all.Go(func() {
		w := rand.New(rand.NewPCG(4, 4))
		for range 400 {
			g.Apply([]model.Observation{randomly(w, things)})
		}
	})
	for range 3 {
		all.Go(func() {
			for range 100 {
				if everything(base.Suppose(changes), about) != want {
					t.Error("what is supposed depends on what others write")
					return
				}
			}
		})
	}
	all.Wait()
}
