package radius

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// percentiles collects how long something took, on the wall and of this thread.
type percentiles struct{ wall, cpu []time.Duration }

func (p *percentiles) time(b *testing.B, f func()) {
	cpu, wall := cpuTime(b), time.Now()
	f()
	p.wall, p.cpu = append(p.wall, time.Since(wall)), append(p.cpu, cpuTime(b)-cpu)
}

func at(sorted []time.Duration, percent int) float64 {
	slices.Sort(sorted)
	return float64(sorted[len(sorted)*percent/100].Nanoseconds()) / 1e3
}

func (p *percentiles) report(b *testing.B) {
	b.ReportMetric(at(p.wall, 50), "p50-µs")
	b.ReportMetric(at(p.wall, 99), "p99-µs")
	b.ReportMetric(at(p.cpu, 99), "p99-cpu-µs")
	b.ReportMetric(0, "ns/op")
}

// plan is twenty steps over one block of an account: what is made, moved to another
// subnet, deleted, groups that many name among it, and stated.
func planned20(all []model.Observation, block int) []model.Observation {
	var out []model.Observation
	base := block * 1000
	for step := range 20 {
		k := 100 + step*31%800
		o := model.Observation{Resource: all[base+k].Resource}
		switch step % 5 {
		case 0:
			o.Whole = true
			o.Resource.URN += "0"
		case 1:
			o.Resource.Attrs = json.RawMessage(fmt.Sprintf(`{"SubnetId":"subnet-%08x"}`, base+1+(k+1)%9))
		case 2:
			o = model.Observation{Gone: true, Resource: model.Resource{URN: o.Resource.URN}}
		case 3:
			o = model.Observation{Gone: true, Resource: model.Resource{URN: all[base+10+step].Resource.URN}}
		case 4:
			o = model.Observation{Relations: []model.Relation{{From: o.Resource.URN, To: all[base+70].Resource.URN, Type: model.Reads}}}
		}
		out = append(out, o)
	}
	return out
}

// BenchmarkSuppose is a plan of twenty steps laid over a hundred thousand resources,
// and then what a deletion would break there.
func BenchmarkSuppose(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all := account(100_000)
	g := graph.New(graph.Config{})
	g.Apply(all)
	s := g.Snapshot().(model.Supposing)
	var laid, asked percentiles
	for b.Loop() {
		for block := range 100 {
			steps := planned20(all, block)
			var after model.Snapshot
			laid.time(b, func() { after = s.Suppose(steps) })
			asked.time(b, func() {
				Availability(after, []Change{{URN: all[block*1000+3].Resource.URN, Effect: Destroy}}, Budget{})
			})
		}
	}
	laid.report(b)
	b.ReportMetric(at(asked.cpu, 99), "radius-p99-cpu-µs")
}

// BenchmarkDecisionInput is all that a decision asks of the model, while a thousand
// changes a second are written: it finds the target, what breaks with it, and looks
// at whoever that is one by one.
func BenchmarkDecisionInput(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	all := account(100_000)
	g := graph.New(graph.Config{})
	g.Apply(all)
	done := make(chan struct{})
	var writer sync.WaitGroup
	written := 0
	began := time.Now()
	writer.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			var batch []model.Observation
			for due := int(time.Since(began).Seconds() * 1000); written < due && len(batch) < 512; written++ {
				o := all[(written*7919)%len(all)]
				o.Resource.Tags = map[string]string{"turn": fmt.Sprint(written)}
				batch = append(batch, o)
			}
			g.Apply(batch)
		}
	})
	var p percentiles
	for b.Loop() {
		for i := range 200 {
			target := all[(i*4987)%len(all)].Resource
			id := string(target.URN[len(target.URN)-10:])
			p.time(b, func() {
				w := NewWitness(g.Snapshot(), false)
				w.Resolve(id)
				w.Resource(target.URN)
				reach := Availability(w, []Change{{URN: target.URN, Type: target.Type, Effect: Destroy}}, Budget{})
				for _, h := range reach.Nearest(Looked) {
					if res, ok := w.Resource(h.URN); ok {
						FacingIn(w, res)
					}
				}
			})
		}
	}
	b.ReportMetric(float64(written)/time.Since(began).Seconds(), "writes/s")
	close(done)
	writer.Wait()
	p.report(b)
}
