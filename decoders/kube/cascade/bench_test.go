package cascade

import (
	"fmt"
	"testing"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// BenchmarkOf predicts deletes in a cluster of 100,000 objects: 1,000 namespaces with
// ten deployments of nine pods each.
func BenchmarkOf(b *testing.B) {
	g := graph.New(graph.Config{})
	for ns := range 1000 {
		w := &world{}
		space := fmt.Sprintf("n%d", ns)
		w.add("core/Namespace//"+space, "{}")
		for d := range 10 {
			owner := fmt.Sprintf("apps/Deployment/%s/d%d", space, d)
			w.add(owner, "{}")
			set := fmt.Sprintf("apps/ReplicaSet/%s/d%d-1", space, d)
			w.add(set, "{}", owner)
			for p := range 8 {
				w.add(fmt.Sprintf("core/Pod/%s/d%d-1-%d", space, d, p), `{"spec":{"nodeName":"one"}}`, set)
			}
		}
		g.Apply(w.seen)
	}
	s := g.Snapshot()
	for name, urn := range map[string]model.URN{
		"pod": "k8s://c/core/Pod/n500/d5-1-3", "deployment": "k8s://c/apps/Deployment/n500/d5", "namespace": "k8s://c/core/Namespace//n500", "node": "k8s://c/core/Node//one",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				set := Of(s, Ask{Target: urn, Listed: everything, Kinds: []kube.Kind{{Version: "v1", Resource: "pods", Kind: "Pod", Namespaced: true}}})
				if len(set.Deleted) == 0 && name != "node" {
					b.Fatal("nothing goes")
				}
			}
		})
	}
}
