package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

// BenchmarkSuppose is a plan of twenty steps laid over a hundred thousand
// resources: what is made, changed, wired and deleted, with groups and subnets
// that others name among it. The same applied is beside it.
func BenchmarkSuppose(b *testing.B) {
	g := New(Config{})
	g.Apply(estate(100_000))
	s := g.Snapshot().(model.Supposing)
	arn := func(kind, id string) model.URN {
		return model.URN("arn:aws:ec2:eu-west-1:111122223333:" + kind + "/" + id)
	}
	plan := func(block int) []model.Observation {
		var out []model.Observation
		base := block * 1000
		for step := range 20 {
			k := 100 + step*31%800
			o := model.Observation{Resource: model.Resource{Type: "ec2:thing", Platform: "aws", Account: "111122223333", Region: "eu-west-1"}}
			switch step % 5 {
			case 0: // a new one
				o.Whole, o.Resource.URN = true, arn("instance", fmt.Sprintf("i-f%07x", base+k))
				o.Resource.Attrs = json.RawMessage(fmt.Sprintf(`{"SubnetId":"subnet-%08x","Groups":[{"GroupId":"sg-%08x"}]}`, base+1+k%9, base+10+k%40))
			case 1: // moved to another subnet
				o.Resource.URN = arn("instance", fmt.Sprintf("i-%08x", base+k))
				o.Resource.Attrs = json.RawMessage(fmt.Sprintf(`{"SubnetId":"subnet-%08x"}`, base+1+(k+1)%9))
			case 2:
				o.Gone, o.Resource.URN = true, arn("instance", fmt.Sprintf("i-%08x", base+k))
			case 3: // twenty-three name it
				o.Gone, o.Resource.URN = true, arn("security-group", fmt.Sprintf("sg-%08x", base+10+step))
			case 4:
				o.Relations = []model.Relation{{From: arn("instance", fmt.Sprintf("i-%08x", base+k)), To: arn("vpc", fmt.Sprintf("vpc-%08x", block)), Type: model.Reads}}
			}
			out = append(out, o)
		}
		return out
	}
	b.Run("20", func(b *testing.B) {
		b.ReportAllocs()
		var times []time.Duration
		for b.Loop() {
			for block := range 100 {
				steps := plan(block)
				start := time.Now()
				s.Suppose(steps)
				times = append(times, time.Since(start))
			}
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e3, "p50-µs")
		b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e3, "p99-µs")
	})
}
