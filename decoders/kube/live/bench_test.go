package live

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
)

// podJSON is a pod as a server lists it, managedFields and all: about 3 KB.
func podJSON(n int) string {
	managed := strings.Repeat(`{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}},`, 8)
	return fmt.Sprintf(`{"metadata":{"name":"web-%d-%d","namespace":"n%d","uid":"00000000-0000-4000-8000-%012d","resourceVersion":"%d","labels":{"app":"web-%d","pod-template-hash":"5cf97494f7"},
 "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-%d","uid":"x","controller":true}],"managedFields":[%s]},
 "spec":{"nodeName":"node-%d","serviceAccountName":"web","containers":[{"name":"web","image":"registry.example/web:1","env":[{"name":"DB","valueFrom":{"secretKeyRef":{"name":"db","key":"p"}}}],"resources":{"limits":{"cpu":"1"}}}],
  "volumes":[{"name":"c","configMap":{"name":"settings"}},{"name":"t","projected":{"sources":[{"configMap":{"name":"kube-root-ca.crt"}}]}}]},
 "status":{"phase":"Running","podIP":"10.1.2.3","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`,
		n/10, n, n%200, n, n+1, n/10, n/10, strings.TrimSuffix(managed, ","), n%300)
}

// BenchmarkCollect reads 100,000 pods in pages into a model, and says what they take
// there.
func BenchmarkCollect(b *testing.B) {
	const pods = 100_000
	by := map[string]http.HandlerFunc{"/api": says(discovered), "/apis": says(`{"kind":"APIGroupDiscoveryList","items":[]}`)}
	by["/api/v1/pods"] = func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		more := ""
		if from+pageSize < pods {
			more = strconv.Itoa(from + pageSize)
		}
		fmt.Fprintf(w, `{"kind":"PodList","metadata":{"resourceVersion":"1","continue":%q},"items":[`, more)
		for n := from; n < from+pageSize; n++ {
			if n > from {
				io.WriteString(w, ",")
			}
			io.WriteString(w, podJSON(n))
		}
		io.WriteString(w, "]}")
	}
	_, server := serve(b, by)
	for b.Loop() {
		g := graph.New(graph.Config{})
		r, err := collect.NewRunner(collect.RunnerConfig{Collectors: []collect.Collector{NewCollector("c", server, nil)},
			Learn: collect.NewPassing(collect.Config{Graph: g}), Snapshot: g.Snapshot, Now: time.Now})
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Once(b.Context()); err != nil {
			b.Fatal(err)
		}
		if g.Size() != pods {
			b.Fatalf("%d resources", g.Size())
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/pods, "B/pod")
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-sys")
		runtime.KeepAlive(g)
	}
}
