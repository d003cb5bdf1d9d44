package graph

import (
	"testing"

	"github.com/assent-iom/assent/model"
)

// TestWhatIsRestatedReplacesWhatWasStated: an object that was let go of is its
// owner's no more.
func TestWhatIsRestatedReplacesWhatWasStated(t *testing.T) {
	g := New(Config{})
	state := func(restates bool, owners ...string) []model.Relation {
		o := model.Observation{Resource: model.Resource{URN: "k8s://c/core/Pod/n/p"}, Restates: restates}
		for _, to := range owners {
			o.Relations = append(o.Relations, model.Relation{From: o.Resource.URN, To: model.URN(to), Type: model.Controls, Source: "metadata.ownerReferences"})
		}
		g.Apply([]model.Observation{o})
		return g.Snapshot().Dependencies("k8s://c/core/Pod/n/p")
	}
	g.Apply([]model.Observation{{Resource: model.Resource{URN: "k8s://c/apps/ReplicaSet/n/a"}}, {Resource: model.Resource{URN: "k8s://c/apps/ReplicaSet/n/b"}}})
	if d := state(false, "k8s://c/apps/ReplicaSet/n/a"); len(d) != 1 {
		t.Fatalf("%+v", d)
	}
	if d := state(false, "k8s://c/apps/ReplicaSet/n/b"); len(d) != 2 {
		t.Errorf("what was stated before is lost: %+v", d)
	}
	if d := state(true, "k8s://c/apps/ReplicaSet/n/b"); len(d) != 1 || d[0].To != "k8s://c/apps/ReplicaSet/n/b" {
		t.Errorf("%+v", d)
	}
	if d := state(true); len(d) != 0 {
		t.Errorf("%+v", d)
	}
}
