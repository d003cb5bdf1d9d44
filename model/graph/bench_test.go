package graph

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// estate makes n resources in the proportions of an account: per 1000, a VPC, 9
// subnets, 40 groups, and instances that name a subnet, two groups and a key.
func estate(n int) []model.Observation {
	pad := `"Pad":"` + strings.Repeat("x", 350) + `"`
	arn := func(kind, id string) string { return "arn:aws:ec2:eu-west-1:111122223333:" + kind + "/" + id }
	var out []model.Observation
	for i := range n {
		block, k := i/1000, i%1000
		var urn, attrs string
		switch {
		case k == 0:
			urn, attrs = arn("vpc", fmt.Sprintf("vpc-%08x", block)), `{`+pad+`}`
		case k < 10:
			urn, attrs = arn("subnet", fmt.Sprintf("subnet-%08x", i)), fmt.Sprintf(`{"VpcId":"vpc-%08x",%s}`, block, pad)
		case k < 50:
			urn, attrs = arn("security-group", fmt.Sprintf("sg-%08x", i)), fmt.Sprintf(`{"VpcId":"vpc-%08x",%s}`, block, pad)
		default:
			urn = arn("instance", fmt.Sprintf("i-%08x", i))
			attrs = fmt.Sprintf(`{"SubnetId":"subnet-%08x","Groups":[{"GroupId":"sg-%08x"},{"GroupId":"sg-%08x"}],%s}`,
				block*1000+1+k%9, block*1000+10+k%40, block*1000+10+(k+7)%40, pad)
		}
		out = append(out, model.Observation{Whole: true, Resource: model.Resource{URN: model.URN(urn), Platform: "aws",
			Type: "ec2:thing", Account: "111122223333", Region: "eu-west-1", Attrs: json.RawMessage(attrs)}})
	}
	return out
}

func BenchmarkLoad100k(b *testing.B) {
	all := estate(100_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g := New(Config{})
		g.Apply(all)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100_000, "B/resource")
		runtime.KeepAlive(g)
	}
}

func BenchmarkApplyOneAt100k(b *testing.B) {
	all := estate(100_000)
	g := New(Config{})
	g.Apply(all)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		o := all[(i*7919)%len(all)]
		o.Resource.Attrs = json.RawMessage(fmt.Sprintf(`{"SubnetId":"subnet-%08x","n":%d}`, 1+i%9, i))
		g.Apply([]model.Observation{o})
		i++
	}
}

func BenchmarkDependentsAt100k(b *testing.B) {
	g := New(Config{})
	g.Apply(estate(100_000))
	s := g.Snapshot()
	for name, urn := range map[string]model.URN{
		"vpc":    "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-00000003",
		"group":  "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0000000f",
		"nobody": "arn:aws:ec2:eu-west-1:111122223333:instance/i-00000064",
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = len(s.Dependents([]model.URN{urn}, 0).Hops)
			}
			b.ReportMetric(float64(n), "dependents")
		})
	}
}
