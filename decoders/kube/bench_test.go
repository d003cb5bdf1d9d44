package kube

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
)

// known is a Current that has read its object before.
type known struct{ object map[string]any }

func (k known) Current(context.Context, Ref) (map[string]any, bool) { return k.object, true }

// BenchmarkDecode is what it costs to understand a call: median and 99th
// percentile, in microseconds. Of a patch it sets working out the object that the
// patch makes (result) beside reading the patch alone (read).
func BenchmarkDecode(b *testing.B) {
	var current map[string]any
	if err := json.Unmarshal([]byte(deployment), &current); err != nil {
		b.Fatal(err)
	}
	current["apiVersion"], current["kind"] = "apps/v1", "Deployment"
	clusters := []Cluster{{Name: "c", Host: "c.example:6443"}}
	for _, how := range []struct {
		name    string
		config  Config
		patches bool // no others: they start from nothing
	}{
		{"read", Config{Clusters: clusters}, false}, {"result", Config{Clusters: clusters, Current: known{current}}, true},
	} {
		d, err := New(how.config)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range []struct {
			name  string
			patch bool
			call  decoders.Call
		}{
			{"get", false, callOf(b, "GET "+ns+"/pods/web-1", "", "")},
			{"create", false, callOf(b, "POST "+apps+"/deployments", "", deployment)},
			{"strategic", true, callOf(b, "PATCH "+apps+"/deployments/web", strategic, `{"spec":{"replicas":3}}`)},
			{"json", true, callOf(b, "PATCH "+apps+"/deployments/web", jsonPatch, `[{"op":"add","path":"/spec/replicas","value":3}]`)},
			{"apply", true, callOf(b, "PATCH "+apps+"/deployments/web?fieldManager=k&force=true", apply, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":3}}`)},
		} {
			if how.patches && !c.patch {
				continue
			}
			b.Run(c.name+"/"+how.name, func(b *testing.B) {
				b.ReportAllocs()
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					if _, err := d.Decode(context.Background(), c.call); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
			})
		}
	}
}
