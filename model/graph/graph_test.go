package graph

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
)

func see(urn string, attrs string, aliases ...string) model.Observation {
	return model.Observation{Whole: true, Resource: model.Resource{URN: model.URN(urn), Attrs: json.RawMessage(attrs), Aliases: aliases}}
}

func hops(s model.Snapshot, of string) string {
	var out []string
	for _, h := range s.Dependents([]model.URN{model.URN(of)}, 0).Hops {
		out = append(out, fmt.Sprintf("%d %s", h.Depth, h.URN[strings.LastIndexAny(string(h.URN), "/:")+1:]))
	}
	return strings.Join(out, ", ")
}

const (
	vpc      = "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-0aaaaaaa"
	subnet   = "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0bbbbbbb"
	group    = "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0ccccccc"
	instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0ddddddd"
)

func TestDependentsToAnyDepthWhateverCameFirst(t *testing.T) {
	all := []model.Observation{
		see(vpc, `{"VpcId":"vpc-0aaaaaaa"}`),
		see(subnet, `{"VpcId":"vpc-0aaaaaaa"}`),
		see(group, `{"VpcId":"vpc-0aaaaaaa","GroupName":"web"}`),
		see(instance, `{"SubnetId":"subnet-0bbbbbbb","SecurityGroups":[{"GroupId":"sg-0ccccccc","GroupName":"web"}]}`),
	}
	var first model.Version
	for shift := range all {
		g := New(Config{})
		for i := range all {
			g.Apply(all[(i+shift)%len(all) : (i+shift)%len(all)+1])
		}
		if got, want := hops(g.Snapshot(), vpc), "1 sg-0ccccccc, 1 subnet-0bbbbbbb, 2 i-0ddddddd"; got != want {
			t.Errorf("shift %d: %s, want %s", shift, got, want)
		}
		v := g.Snapshot().Version()
		if shift == 0 {
			first = v
		} else if v.Digest != first.Digest {
			t.Errorf("shift %d: the digest depends on the order", shift)
		}
		want := []model.Relation{{From: instance, To: group, Type: model.References, Source: "SecurityGroups.GroupId"},
			{From: instance, To: subnet, Type: model.References, Source: "SubnetId"}}
		if got := g.Snapshot().Dependencies(instance); !reflect.DeepEqual(got, want) {
			t.Errorf("dependencies %v", got)
		}
	}
}

func TestWhatWasNeverSeenHasDependents(t *testing.T) {
	g := New(Config{})
	g.Apply([]model.Observation{see(instance, `{"SubnetId":"subnet-0bbbbbbb"}`)})
	for _, of := range []string{subnet, "subnet-0bbbbbbb"} {
		if got := hops(g.Snapshot(), of); got != "1 i-0ddddddd" {
			t.Errorf("%s: %q", of, got)
		}
	}
	g.Apply([]model.Observation{see(subnet, `{}`)})
	g.Apply([]model.Observation{{Gone: true, Resource: model.Resource{URN: "subnet-0bbbbbbb"}}})
	if got := hops(g.Snapshot(), subnet); got != "1 i-0ddddddd" {
		t.Errorf("after it went: %q", got)
	}
	g.Apply([]model.Observation{see(instance, `{"SubnetId":null}`)})
	if got := hops(g.Snapshot(), subnet); got != "" || g.current.Load().waits != 0 {
		t.Errorf("after the reference went: %q, %d wait", got, g.current.Load().waits)
	}
}

func TestShortNamesNeverRelate(t *testing.T) {
	g := New(Config{})
	g.Apply([]model.Observation{
		see("arn:aws:sqs:eu-west-1:1:orders", `{"Name":"orders"}`, "orders"),
		see("arn:aws:dynamodb:eu-west-1:1:table/orders", `{"TableName":"orders","Other":"web"}`, "orders"),
		see(group, `{"GroupName":"web","Uses":"orders"}`, "web"),
	})
	g.Snapshot().Each(func(r model.Resource) bool {
		if d := g.Snapshot().Dependencies(r.URN); len(d) > 0 {
			t.Errorf("%v", d)
		}
		return true
	})
	if _, ok := g.Snapshot().Resolve("orders"); ok {
		t.Error("a name that two resources share was resolved")
	}
}

func TestARNsWithoutAnAccount(t *testing.T) {
	unknown := strings.Replace(instance, "111122223333", "*", 1)
	g := New(Config{})
	g.Apply([]model.Observation{see(instance, `{}`)})
	if got, ok := g.Snapshot().Resolve(unknown); !ok || got != instance {
		t.Errorf("resolved to %q", got)
	}
	g.Apply([]model.Observation{see(strings.Replace(instance, "1111", "2222", 1), `{}`)})
	if got, ok := g.Snapshot().Resolve(unknown); ok {
		t.Errorf("one of two was chosen: %q", got)
	}

	g = New(Config{})
	g.Apply([]model.Observation{see(unknown, `{"a":1}`), see(group, `{"x":"i-0ddddddd"}`)})
	g.Apply([]model.Observation{{Resource: model.Resource{URN: instance, Attrs: json.RawMessage(`{"b":2}`)}}})
	r, ok := g.Snapshot().Resource(model.URN(unknown))
	if !ok || r.URN != instance || string(r.Attrs) != `{"a":1,"b":2}` || g.Size() != 2 {
		t.Errorf("the two spellings are not one resource: %+v", r)
	}
	if got := g.Snapshot().Dependencies(group); len(got) != 1 || got[0].To != instance {
		t.Errorf("relation after renaming: %v", got)
	}
}

func TestStatedRelationsAndCuts(t *testing.T) {
	g := New(Config{})
	rel := model.Relation{From: "i-0ddddddd", To: "sg-0ccccccc", Type: "guarded-by"}
	g.Apply([]model.Observation{{Relations: []model.Relation{rel}}})
	g.Apply([]model.Observation{see(group, `{}`)})
	g.Apply([]model.Observation{see(instance, `{}`)})
	if got := g.Snapshot().Dependencies(instance); len(got) != 1 || got[0].Type != "guarded-by" {
		t.Fatalf("%v", got)
	}
	g.Apply([]model.Observation{{Cut: []model.Relation{{From: instance, To: group}}}})
	if got := g.Snapshot().Dependencies(instance); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

// TestLaw5OneSnapshotOneVerdict: a snapshot's answers never change while others write.
func TestLaw5OneSnapshotOneVerdict(t *testing.T) {
	g := New(Config{})
	var base []model.Observation
	for i := range 700 {
		base = append(base, see(urnOf(i), fmt.Sprintf(`{"ref":"t-%08x"}`, i/3)))
	}
	g.Apply(base)
	s := g.Snapshot()
	print := func() string {
		var b strings.Builder
		fmt.Fprintln(&b, s.Version())
		s.Each(func(r model.Resource) bool {
			fmt.Fprintln(&b, r, s.Dependencies(r.URN))
			return true
		})
		fmt.Fprintln(&b, s.Dependents([]model.URN{model.URN(urnOf(0)), model.URN(urnOf(999))}, 0))
		return b.String()
	}
	before := print()
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range 400 {
				g.Apply([]model.Observation{
					{Gone: i%3 == 0, Whole: true, Resource: model.Resource{URN: model.URN(urnOf((i*7 + w) % 720)), Attrs: json.RawMessage(fmt.Sprintf(`{"ref":"t-%08x"}`, i%9))}},
				})
			}
		})
	}
	for range 5 {
		if print() != before {
			t.Error("a snapshot changed")
		}
	}
	writers.Wait()
	if print() != before {
		t.Error("a snapshot changed")
	}
}

func TestVersionMovesOnlyWithContent(t *testing.T) {
	g := New(Config{})
	v1 := g.Apply([]model.Observation{see(vpc, `{"b":1,"a":2}`)})
	o := see(vpc, `{ "a":2, "b":1 }`)
	o.Resource.SeenAt = time.Unix(5, 0)
	if v2 := g.Apply([]model.Observation{o}); v2 != v1 {
		t.Errorf("%v then %v", v1, v2)
	}
	if r, _ := g.Snapshot().Resource(vpc); !r.SeenAt.Equal(time.Unix(5, 0)) {
		t.Error("SeenAt was not kept")
	}
	g.Apply([]model.Observation{{Gone: true, Resource: model.Resource{URN: vpc}}})
	if got, want := g.Snapshot().Version().Digest, New(Config{}).Snapshot().Version().Digest; got != want {
		t.Error("empty again, but not the digest of empty")
	}
}

func TestBoundsMakeReachIncomplete(t *testing.T) {
	g := New(Config{MaxResources: 2})
	g.Apply([]model.Observation{see(vpc, `{}`), see(subnet, `{"VpcId":"vpc-0aaaaaaa"}`)})
	if r := g.Snapshot().Dependents([]model.URN{vpc}, 0); !r.Complete {
		t.Error("incomplete below the bound")
	}
	if r := g.Snapshot().Dependents([]model.URN{vpc}, 1); !r.Complete || len(r.Hops) != 1 {
		t.Error("a limit that is just met is complete")
	}
	g.Apply([]model.Observation{see(group, `{"VpcId":"vpc-0aaaaaaa"}`)})
	if r := g.Snapshot().Dependents([]model.URN{vpc}, 0); r.Complete {
		t.Error("complete although a resource was left out")
	}
}

func TestLongAttributesKeepTheirReferences(t *testing.T) {
	g := New(Config{})
	long := strings.Repeat("x", MaxAttrs)
	g.Apply([]model.Observation{see(vpc, `{}`), see(subnet, `{"Keep":"me","Long":["`+long+`","vpc-0aaaaaaa"]}`)})
	r, _ := g.Snapshot().Resource(subnet)
	if len(r.Attrs) > MaxAttrs || !strings.Contains(string(r.Attrs), "(cut: ") || !strings.Contains(string(r.Attrs), `"Keep":"me"`) {
		t.Errorf("%d bytes: %.200s", len(r.Attrs), r.Attrs)
	}
	if got := hops(g.Snapshot(), vpc); got != "1 subnet-0bbbbbbb" {
		t.Errorf("%q", got)
	}
}
