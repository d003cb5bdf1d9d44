package kube

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/assent-iom/assent/decoders"
)

// known is a Current that has read its object before.
type known struct{ object map[string]any }

func (k known) Current(context.Context, Ref) (map[string]any, bool) { return k.object, true }

// BenchmarkResult sets what it costs to work out the object that a patch makes
// beside what it costs to read the patch alone.
func BenchmarkResult(b *testing.B) {
	var current map[string]any
	if err := json.Unmarshal([]byte(deployment), &current); err != nil {
		b.Fatal(err)
	}
	current["apiVersion"], current["kind"] = "apps/v1", "Deployment"
	clusters := []Cluster{{Name: "c", Host: "c.example:6443"}}
	calls := map[string]decoders.Call{
		"strategic": callOf(b, "PATCH "+apps+"/deployments/web", strategic, `{"spec":{"replicas":3}}`),
		"json":      callOf(b, "PATCH "+apps+"/deployments/web", jsonPatch, `[{"op":"add","path":"/spec/replicas","value":3}]`),
		"apply":     callOf(b, "PATCH "+apps+"/deployments/web?fieldManager=k&force=true", apply, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":3}}`),
	}
	for name, config := range map[string]Config{"read": {Clusters: clusters}, "result": {Clusters: clusters, Current: known{current}}} {
		d, err := New(config)
		if err != nil {
			b.Fatal(err)
		}
		for kind, call := range calls {
			b.Run(kind+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := d.Decode(context.Background(), call); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
