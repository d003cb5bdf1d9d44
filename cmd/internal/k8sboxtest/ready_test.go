package k8sboxtest

import (
	"testing"
	"time"
)

// kinds of clusters: what is started beside etcd and the API server.
var kinds = []struct {
	name string
	args []string
}{
	{"alone", []string{"--controllers=false"}},
	{"controllers", nil},
	{"controllers and kubelet", []string{"--kubelet"}},
}

// readyBound is how long anybody should have to wait for a control plane.
const readyBound = 10 * time.Second

// TestAControlPlaneIsReadyInTenSeconds starts everything that there is, and counts
// processor time: a core that is free has it ready in as long, or sooner, and what else
// the machine does is not counted.
func TestAControlPlaneIsReadyInTenSeconds(t *testing.T) {
	for _, v := range Versions {
		began := time.Now()
		_, stop := v.start(t, kinds[len(kinds)-1].args...)
		wall := time.Since(began)
		used := stop()
		t.Logf("%s was ready after %.1f s, %.1f s of processor time", v.Release(t), wall.Seconds(), used.Seconds())
		if used > readyBound {
			t.Errorf("%s: ready after %v of processor time, want %v", v, used, readyBound)
		}
	}
}

// BenchmarkReady is how long a control plane takes until it answers and its
// controllers and node have done their first work.
func BenchmarkReady(b *testing.B) {
	for _, v := range Versions {
		for _, kind := range kinds {
			b.Run(v.Release(b)+"/"+kind.name, func(b *testing.B) {
				var used time.Duration
				for b.Loop() {
					_, stop := v.start(b, kind.args...)
					b.StopTimer()
					used += stop()
					b.StartTimer()
				}
				b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
			})
		}
	}
}
