package radius

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

func TestTheSummarySaysWhoseTheyAreAndTheWays(t *testing.T) {
	s := world(t, thing{id: "ec2:subnet subnet"}, thing{"rds:db db", []string{"contains subnet"}}, thing{"t checkout", []string{"reads db"}},
		thing{"t cron", []string{"reads db"}}, thing{"networking.k8s.io/Ingress front", []string{"forwards-to checkout"}}).Snapshot()
	g := graph.New(graph.Config{})
	resources, relations := []model.Resource{}, []model.Relation{}
	s.Each(func(r model.Resource) bool {
		if r.Name == "front" {
			r.Attrs = json.RawMessage(`{"spec":{}}`)
		}
		resources = append(resources, r)
		relations = append(relations, s.Dependencies(r.URN)...)
		return true
	})
	g.Load(resources, relations)
	standing := func(r model.Resource) Standing {
		return map[string]Standing{"db": {"data", true}, "checkout": {"shop", true}, "front": {"shop", false}}[r.Name]
	}
	got := Availability(g.Snapshot(), change(Destroy, "subnet"), Budget{}).Summarise(g.Snapshot(), 100, 2, standing)
	want := Summary{Affected: 4, Complete: true, Reasons: []string{}, PerHop: []int{1, 2, 1}, Effects: map[string]int{"disconnect": 3, "destroy": 1},
		Owners: []OwnerCount{{"shop", 2}, {"data", 1}}, Unowned: 1, Production: 2, UserFacing: 1,
		Paths: []string{
			"x://a/subnet ← x://a/db (in) ← x://a/checkout (reads) ← x://a/front (forwards to)",
			"x://a/subnet ← x://a/db (in)"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestFacing(t *testing.T) {
	for attrs, want := range map[string]bool{`{"Scheme":"internet-facing"}`: true, `{"Scheme":"internal"}`: false, `{}`: false, `[`: false, `{"Scheme":{}}`: false} {
		if got := Facing(model.Resource{Type: "elasticloadbalancing:loadbalancer/app/", Attrs: json.RawMessage(attrs)}); got != want {
			t.Errorf("%s: %v", attrs, got)
		}
	}
	if !Facing(model.Resource{Type: "core/Service", Attrs: json.RawMessage(`{"spec":{"type":"LoadBalancer"}}`)}) {
		t.Error("a Service of type LoadBalancer is met by nobody")
	}
	if !Facing(model.Resource{Type: "rds:db", Attrs: json.RawMessage(`{"PubliclyAccessible":true}`)}) {
		t.Error("a public database is met by nobody")
	}
}

func TestExposure(t *testing.T) {
	s := world(t, thing{id: "ec2:vpc vpc"}, thing{"ec2:security-group sg", []string{"contains vpc"}}, thing{"ec2:instance i", []string{"guarded-by sg", "contains vpc", "identity role"}},
		thing{"ec2:instance other", []string{"contains vpc"}}, thing{id: "iam:policy policy", depends: []string{"reads table"}}, thing{"iam:role role", []string{"grants policy"}},
		thing{id: "dynamodb:table table"}, thing{"cloudwatch:alarm alarm", []string{"observes i"}}).Snapshot()
	names := func(hops []model.Hop) string {
		var out []string
		for _, h := range hops {
			out = append(out, strings.TrimPrefix(string(h.URN), "x://a/"))
		}
		return strings.Join(out, " ")
	}
	widen := func(names ...string) Doors { return Widening(change(Widen, names...)) }
	for _, c := range []struct{ target, opened, reachable string }{
		{"sg", "i", "role policy table"}, {"policy", "role i", "table"}, {"i", "i", "role policy table"}, {"table", "table", ""},
	} {
		x := Exposed(s, widen(c.target), Budget{})
		if names(x.Opened) != c.opened || names(x.Reachable) != c.reachable || !x.Complete {
			t.Errorf("%s opens %q and reaches %q, want %q and %q; complete %v", c.target, names(x.Opened), names(x.Reachable), c.opened, c.reachable, x.Complete)
		}
	}
	if x := Exposed(s, Widening(change(Destroy, "sg")), Budget{}); !x.Empty() {
		t.Error("a deletion lets something in")
	}
	for why, x := range map[string]Exposure{"never read": Exposed(s, widen("ghost"), Budget{}), "bounded": Exposed(s, widen("sg"), Budget{Nodes: 2}),
		"not a topology": Exposed(plain{s}, widen("sg"), Budget{})} {
		if x.Complete {
			t.Errorf("%s: complete", why)
		}
	}
}

const planned1 = `{"format_version":"1.2","resource_changes":[
	{"address":"aws_instance.a","mode":"managed","type":"aws_instance","change":{"actions":["delete"],"before":{"id":"i-0123456789","arn":"arn:x"}}},
	{"address":"aws_instance.b","mode":"managed","type":"aws_instance","change":{"actions":["delete","create"],"before":{"id":"i-abcdef0123"}}},
	{"address":"aws_vpc.c","mode":"managed","type":"aws_vpc","change":{"actions":["update"],"before":{"id":"vpc-01234567","tags":{"a":"b"}},"after":{"id":"vpc-01234567","tags":{}}}},
	{"address":"aws_vpc.d","mode":"managed","type":"aws_vpc","change":{"actions":["update"],"before":{"id":"vpc-01234567","cidr":"a"},"after":{"id":"vpc-01234567","cidr":"b"}}},
	{"address":"aws_vpc.e","mode":"managed","type":"aws_vpc","change":{"actions":["create"],"before":null,"after":{}}},
	{"address":"kubernetes_x.f","mode":"managed","type":"kubernetes_x","change":{"actions":["delete"],"before":{"metadata":[{"uid":"6f9619ff-8b86-d011-b42d-00cf4fc964ff"}]}}},
	{"address":"random_id.g","mode":"managed","type":"random_id","change":{"actions":["delete"],"before":{}}},
	{"address":"data.h","mode":"data","type":"x","change":{"actions":["delete"],"before":{"id":"i-0123456789"}}},
	{"address":"aws_vpc.i","mode":"managed","type":"aws_vpc","change":{"actions":["ponder"],"before":{"id":"vpc-01234567"}}}]}`

func planWorld() model.Snapshot {
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{{Resource: model.Resource{URN: "arn:aws:ec2:r:1:instance/i-0123456789", Aliases: []string{"i-0123456789"}}},
		{Resource: model.Resource{URN: "arn:aws:ec2:r:1:vpc/vpc-01234567", Aliases: []string{"vpc-01234567"}}},
		{Resource: model.Resource{URN: "k8s://c/core/ConfigMap/n/x", Aliases: []string{"6f9619ff-8b86-d011-b42d-00cf4fc964ff"}}}})
	return g.Snapshot()
}

func TestReadPlan(t *testing.T) {
	changes, skipped, err := ReadPlan(strings.NewReader(planned1), planWorld())
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{{"arn:aws:ec2:r:1:instance/i-0123456789", "aws_instance", Destroy}, {"i-abcdef0123", "aws_instance", Replace},
		{"arn:aws:ec2:r:1:vpc/vpc-01234567", "aws_vpc", Tag}, {"arn:aws:ec2:r:1:vpc/vpc-01234567", "aws_vpc", Config},
		{"k8s://c/core/ConfigMap/n/x", "kubernetes_x", Destroy}, {"arn:aws:ec2:r:1:vpc/vpc-01234567", "aws_vpc", Destroy}}
	if !reflect.DeepEqual(changes, want) {
		t.Errorf("\n got %v\nwant %v", changes, want)
	}
	if len(skipped) != 1 || skipped[0].Address != "random_id.g" {
		t.Errorf("skipped %v", skipped)
	}
	for _, bad := range []string{"", "{", "{}", "[]"} {
		if _, _, err := ReadPlan(strings.NewReader(bad), planWorld()); err == nil || !strings.Contains(err.Error(), "terraform show -json") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzReadPlan: no plan makes it panic, and every change of one has a target and
// an effect.
func FuzzReadPlan(f *testing.F) {
	f.Add(planned1)
	f.Add(`{"format_version":"1","resource_changes":[{"change":{"actions":["delete"],"before":{"metadata":[3]}}}]}`)
	s := planWorld()
	f.Fuzz(func(t *testing.T, text string) {
		changes, _, err := ReadPlan(strings.NewReader(text), s)
		if err != nil && len(changes) > 0 {
			t.Fatal("an error with changes")
		}
		for _, c := range changes {
			if c.URN == "" || c.Effect == None {
				t.Fatalf("%+v", c)
			}
		}
	})
}
