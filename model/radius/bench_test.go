package radius

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

const benchARN = "arn:aws:%s:eu-west-1:111122223333:%s"

// account makes n resources in the proportions of an account, with the types and
// attributes that rules know: per thousand a VPC, 9 subnets, 40 groups, 20 target
// groups, a key, 9 roles, 20 databases, and instances; and one policy that the
// roles of four blocks have.
func account(n int) []model.Observation {
	pad := `"Pad":"` + strings.Repeat("x", 300) + `"`
	out := make([]model.Observation, 0, n)
	add := func(service, kind, id, attrs string) {
		o := model.Observation{Whole: true, Resource: model.Resource{URN: model.URN(fmt.Sprintf(benchARN, service, kind+"/"+id)), Platform: "aws",
			Type: service + ":" + kind, Account: "111122223333", Region: "eu-west-1", Attrs: json.RawMessage(attrs)}}
		out = append(out, o)
	}
	for i := range n {
		block, k := i/1000, i%1000
		base := block * 1000
		switch {
		case i == n-1:
			add("iam", "policy", "everybody", `{}`)
		case k == 0:
			add("ec2", "vpc", fmt.Sprintf("vpc-%08x", block), `{`+pad+`}`)
		case k < 10:
			add("ec2", "subnet", fmt.Sprintf("subnet-%08x", i), fmt.Sprintf(`{"VpcId":"vpc-%08x",%s}`, block, pad))
		case k < 50:
			add("ec2", "security-group", fmt.Sprintf("sg-%08x", i), fmt.Sprintf(`{"VpcId":"vpc-%08x",%s}`, block, pad))
		case k < 70:
			add("elasticloadbalancing", "targetgroup", fmt.Sprintf("tg-%08x", i), fmt.Sprintf(`{"T":["i-%08x","i-%08x","i-%08x"],"VpcId":"vpc-%08x",%s}`, base+100+k, base+200+k, base+300+k, block, pad))
		case k == 70:
			add("kms", "key", fmt.Sprintf("00000000-0000-0000-0000-%012x", block), `{`+pad+`}`)
		case k < 80:
			policy := "everybody"
			if block > 3 {
				policy = "somebody"
			}
			add("iam", "role", fmt.Sprintf("role-%08x", i), fmt.Sprintf(`{"P":"arn:aws:iam:eu-west-1:111122223333:policy/%s",%s}`, policy, pad))
		case k < 100:
			add("rds", "db", fmt.Sprintf("db-%08x", i), fmt.Sprintf(`{"DBSubnetGroup":{"Subnets":["subnet-%08x","subnet-%08x"]},"KmsKeyId":"00000000-0000-0000-0000-%012x",%s}`, base+1+k%9, base+1+(k+1)%9, block, pad))
		default:
			add("ec2", "instance", fmt.Sprintf("i-%08x", i), fmt.Sprintf(`{"Groups":[{"GroupId":"sg-%08x"},{"GroupId":"sg-%08x"}],"Role":"arn:aws:iam:eu-west-1:111122223333:role/role-%08x","SubnetId":"subnet-%08x",%s}`,
				base+10+k%40, base+10+(k+7)%40, base+71+k%9, base+1+k%9, pad))
		}
	}
	return out
}

// kind is what of each block of an account is deleted.
type kind struct{ name, id string }

var kinds = []kind{
	{"instance", "ec2 instance/i-%08x 150"}, {"group", "ec2 security-group/sg-%08x 15"}, {"subnet", "ec2 subnet/subnet-%08x 3"},
	{"vpc", "ec2 vpc/vpc-%08x -1"}, {"key", "kms key/00000000-0000-0000-0000-%012x -1"}, {"role", "iam role/role-%08x 72"},
	{"db", "rds db/db-%08x 85"}, {"hub", "iam policy/everybody -2"},
}

func (k kind) urns() (urns []model.URN) {
	f := strings.Fields(k.id)
	for block := range 100 {
		id, at := f[1], block
		if f[2][0] != '-' {
			var k int
			fmt.Sscan(f[2], &k)
			at = block*1000 + k
		}
		if f[2] != "-2" {
			id = fmt.Sprintf(f[1], at)
		}
		urns = append(urns, model.URN(fmt.Sprintf(benchARN, f[0], id)))
	}
	return urns
}

// BenchmarkAvailability prints, for each kind, what a deletion costs to judge: the
// median and the 99th of many different targets, with how many are affected; and
// beside it the median of merely listing whoever is connected.
func BenchmarkAvailability(b *testing.B) {
	g := graph.New(graph.Config{})
	g.Apply(account(100_000))
	s := g.Snapshot()
	for _, kind := range kinds {
		urns := kind.urns()
		b.Run(kind.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var times percentiles
			var listed []time.Duration
			count := 0
			for b.Loop() {
				for _, urn := range urns {
					var r *Reach
					times.time(b, func() {
						r = Availability(s, []Change{{URN: urn, Effect: Destroy}}, Budget{})
						r.Nearest(5)
					})
					if count = r.Count; !r.Complete {
						b.Fatalf("%s: %v", urn, r.Reasons)
					}
					start := time.Now()
					s.Dependents([]model.URN{urn}, 0)
					listed = append(listed, time.Since(start))
				}
			}
			times.report(b)
			b.ReportMetric(at(listed, 50), "listing-p50-µs")
			b.ReportMetric(float64(count), "affected")
		})
	}
}

// BenchmarkTypedLoad is a model of typed relations being made: time, and memory a
// resource. At a million: go test -bench TypedLoad/1000000.
func BenchmarkTypedLoad(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := account(n)
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				start := time.Now()
				g := graph.New(graph.Config{})
				g.Apply(all)
				took := time.Since(start)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(took.Seconds(), "s")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/resource")
				runtime.KeepAlive(g)
			}
		})
	}
}
