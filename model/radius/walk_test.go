package radius

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// thing is "type name", and what it depends on as "relation name".
type thing struct {
	id      string
	depends []string
}

func urn(name string) model.URN { return model.URN("x://a/" + name) }

// world makes a graph of stated relations.
func world(t testing.TB, all ...thing) *graph.Graph {
	t.Helper()
	g := graph.New(graph.Config{})
	var out []model.Observation
	for _, x := range all {
		kind, name, _ := strings.Cut(x.id, " ")
		o := model.Observation{Whole: true, Resource: model.Resource{URN: urn(name), Type: kind, Name: name}}
		for _, d := range x.depends {
			relation, to, _ := strings.Cut(d, " ")
			o.Relations = append(o.Relations, model.Relation{From: urn(name), To: urn(to), Type: relation})
		}
		out = append(out, o)
	}
	g.Apply(out)
	return g
}

func affected(r *Reach) string {
	var out []string
	for _, h := range r.Nearest(0) {
		out = append(out, fmt.Sprintf("%d %s=%s", h.Depth, strings.TrimPrefix(string(h.URN), "x://a/"), h.Effect))
	}
	return strings.Join(out, ", ")
}

func change(effect Effect, names ...string) []Change {
	var out []Change
	for _, n := range names {
		out = append(out, Change{URN: urn(n), Effect: effect})
	}
	return out
}

// Every cell of the table: a chain of two dependents, the second of which is
// reached exactly where the cell says so.
func TestEveryCell(t *testing.T) {
	for _, relation := range model.RelationTypes() {
		s := world(t, thing{id: "t base"}, thing{"t next", []string{relation + " base"}}, thing{"t beyond", []string{model.Reads + " next"}}).Snapshot()
		for effect := Tag; effect <= Destroy; effect++ {
			c := loaded().relations[relation][effect]
			want := ""
			if c.effect != None {
				want = "1 next=" + c.effect.String()
				if on := loaded().relations[model.Reads][c.effect].effect; !c.last && on != None {
					want += ", 2 beyond=" + on.String()
				}
			}
			if got := affected(Availability(s, change(effect, "base"), Budget{})); got != want {
				t.Errorf("%s on what it %s: %q, want %q", effect, relation, got, want)
			}
		}
	}
}

// The cells that people argue about, by their words.
func TestCellsThatMatter(t *testing.T) {
	for _, c := range []struct {
		relation string
		on       Effect
		want     string
	}{
		{model.Contains, Destroy, "destroy"}, {model.Contains, Config, "config."}, {model.RunsOn, Restart, "restart"},
		{model.UsesConfig, Destroy, "degrade"}, {model.UsesConfig, Restart, "none"}, {model.Identity, Destroy, "disconnect"},
		{model.Grants, Restrict, "restrict"}, {model.Encrypts, Disconnect, "disconnect"}, {model.Encrypts, Config, "none"},
		{model.GuardedBy, Restrict, "restrict"}, {model.GuardedBy, Widen, "none"}, {model.RoutesVia, Degrade, "degrade"},
		{model.ForwardsTo, Disconnect, "disconnect"}, {model.ForwardsTo, Config, "none"}, {model.Reads, Restart, "degrade"},
		{model.Controls, Destroy, "destroy"}, {model.Controls, Config, "restart"}, {model.Attached, Restart, "none"},
		{model.Observes, Destroy, "degrade."}, {model.Observes, Disconnect, "none"}, {model.Replicates, Destroy, "degrade."},
		{model.OwnedBy, Destroy, "none"}, {model.References, Destroy, "disconnect"}, {model.References, Tag, "none"},
	} {
		got := loaded().relations[c.relation][c.on]
		text := got.effect.String()
		if got.last {
			text += "."
		}
		if text != c.want {
			t.Errorf("%s of what it %s: %s, want %s", c.on, c.relation, text, c.want)
		}
	}
}

func TestPoolsLiveOnWhileMembersDo(t *testing.T) {
	s := world(t, thing{id: "ec2:instance a"}, thing{id: "ec2:instance b"}, thing{id: "ec2:instance c"},
		thing{"elasticloadbalancing:targetgroup tg", []string{"forwards-to a", "forwards-to b", "forwards-to c"}},
		thing{"elasticloadbalancing:loadbalancer/app lb", []string{"forwards-to tg"}}).Snapshot()
	for _, c := range []struct {
		targets []string
		want    string
	}{
		{[]string{"a"}, "1 tg=degrade, 2 lb=degrade"},
		{[]string{"a", "b"}, "1 tg=degrade, 2 lb=degrade"},
		{[]string{"a", "b", "c"}, "1 tg=disconnect, 2 lb=disconnect"},
		{[]string{"a", "a", "a"}, "1 tg=degrade, 2 lb=degrade"},
	} {
		if got := affected(Availability(s, change(Disconnect, c.targets...), Budget{})); got != c.want {
			t.Errorf("%v: %s, want %s", c.targets, got, c.want)
		}
	}
	t.Run("members that go at different distances", func(t *testing.T) {
		s := world(t, thing{id: "t net"}, thing{"ec2:instance a", []string{"contains net"}}, thing{"t far", []string{"contains net"}}, thing{"ec2:instance b", []string{"contains far"}},
			thing{"elasticloadbalancing:targetgroup tg", []string{"forwards-to a", "forwards-to b"}}, thing{"t user", []string{"reads tg"}}).Snapshot()
		if got, want := affected(Availability(s, change(Destroy, "net"), Budget{})), "1 a=destroy, 1 far=destroy, 2 b=destroy, 3 tg=disconnect, 4 user=disconnect"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestWhatIsMadeAgain(t *testing.T) {
	s := world(t, thing{id: "apps/ReplicaSet rs"}, thing{"core/Pod p", []string{"controls rs"}}, thing{"core/Service svc", []string{"forwards-to p"}}).Snapshot()
	if got := affected(Availability(s, change(Destroy, "p"), Budget{})); got != "1 svc=degrade" {
		t.Errorf("a pod of a ReplicaSet: %s", got)
	}
	if got := affected(Availability(s, change(Destroy, "p", "rs"), Budget{})); got != "1 svc=disconnect" {
		t.Errorf("with its ReplicaSet: %s", got)
	}
}

func TestWhatIsNeverReadIsNeverComplete(t *testing.T) {
	s := world(t, thing{"t user", []string{"reads ghost"}}).Snapshot()
	r := Availability(s, change(Destroy, "ghost"), Budget{})
	if r.Complete || affected(r) != "1 user=disconnect" || !strings.Contains(strings.Join(r.Reasons, ""), "never read") {
		t.Errorf("%+v, %s", r, affected(r))
	}
	if r := Availability(s, change(Config, "ghost"), Budget{}); !r.Complete {
		t.Error("a change that breaks nobody is incomplete")
	}
	if r := Availability(s, change(Destroy, "user"), Budget{}); !r.Complete || r.Count != 0 {
		t.Error("what was read is not complete")
	}
	// Nor is what is known by its tags alone, for a snapshot that can be walked and for one that cannot.
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{{Whole: true, Resource: model.Resource{URN: "job", Tags: map[string]string{"team": "a"}, Source: model.SourceTags}}})
	for _, s := range []model.Snapshot{g.Snapshot(), struct{ model.Snapshot }{g.Snapshot()}} {
		if r := Availability(s, change(Destroy, "job"), Budget{}); r.Complete || !strings.Contains(strings.Join(r.Reasons, ""), "never read") {
			t.Errorf("%T: known by its tags alone: %+v", s, r)
		}
	}
}

func TestBudgets(t *testing.T) {
	all := []thing{{id: "t base"}}
	for i := range 50 {
		all = append(all, thing{fmt.Sprintf("t n%02d", i), []string{"contains base"}})
	}
	s := world(t, all...).Snapshot()
	if r := Availability(s, change(Destroy, "base"), Budget{Nodes: 50}); !r.Complete || r.Count != 50 {
		t.Errorf("%+v", r)
	}
	if r := Availability(s, change(Destroy, "base"), Budget{Nodes: 49}); r.Complete {
		t.Error("complete over its budget")
	}
	if r := Availability(s, change(Destroy, "base"), Budget{Stop: func() bool { return true }}); r.Complete {
		t.Error("complete without time")
	}
	if n := Availability(s, change(Destroy, "base"), Budget{}).Nearest(3); len(n) != 3 || n[0].URN != urn("n00") {
		t.Errorf("%v", n)
	}
}

// TestLaw5TheOrderOfArrivalDecidesNothing: the same content, learnt in another
// order, gives the same ways in the same words.
func TestLaw5TheOrderOfArrivalDecidesNothing(t *testing.T) {
	all := []thing{{id: "t base"}}
	for i := range 24 {
		var depends []string
		for j := range i {
			if (i*7+j*3)%5 == 0 {
				depends = append(depends, []string{"reads", "contains", "observes", "uses-config", "forwards-to"}[(i+j)%5]+fmt.Sprintf(" n%02d", j))
			}
		}
		all = append(all, thing{fmt.Sprintf("core/Service n%02d", i), append(depends, "references base")})
	}
	want := ""
	for range 8 {
		all = append(all[5:], all[:5]...)
		r := Availability(world(t, all...).Snapshot(), change(Restrict, "base", "n03"), Budget{})
		got, err := json.Marshal(r.Nearest(0))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(got)
		}
		if string(got) != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// plain hides that a snapshot is a Topology.
type plain struct{ model.Snapshot }

func TestASnapshotThatCannotBeWalkedLosesEverything(t *testing.T) {
	s := world(t, thing{id: "t base"}, thing{"t a", []string{"observes base"}}, thing{"t b", []string{"owned-by a"}}).Snapshot()
	if r := Availability(plain{s}, change(Restart, "base"), Budget{}); affected(r) != "1 a=restart, 2 b=restart" || !r.Complete {
		t.Errorf("%s", affected(r))
	}
	if r := Availability(plain{s}, change(Destroy, "ghost"), Budget{}); r.Complete {
		t.Error("complete, and never read")
	}
	if r := Availability(plain{s}, change(Tag, "base"), Budget{}); r.Count != 0 {
		t.Error("a tag breaks something")
	}
}

func TestChanges(t *testing.T) {
	act := func(service, operation string, verb model.Verb, params string) model.Action {
		return model.Action{Service: service, Operation: operation, Verb: verb, Params: json.RawMessage(params), Fidelity: model.Exact,
			Targets: []model.Target{{URN: "u", Role: model.RoleTarget}, {URN: "d", Role: model.RoleDependency}, {URN: "c", Role: model.RoleCreated}}}
	}
	replaced := act("rds", "ModifyDBInstance", model.Update, `{}`)
	replaced.Props = []model.Property{{Name: Replaces, Known: true, Value: true}}
	opaque := act("x", "DeleteTags", model.Update, `{}`)
	opaque.Fidelity = model.Opaque
	for want, a := range map[string]model.Action{
		"destroy":            act("ec2", "DeleteSubnet", model.Delete, `{}`),
		"destroy unknown":    act("x", "Frobnicate", model.Unknown, `{}`),
		"destroy opaque":     opaque,
		"destroy key":        act("kms", "ScheduleKeyDeletion", model.Delete, `{}`),
		"disconnect":         act("ec2", "StopInstances", model.Disable, `{}`),
		"disconnect scale":   act("apps", "update deployments/scale", model.Scale, `{"spec":{"replicas":0}}`),
		"degrade":            act("apps", "update deployments/scale", model.Scale, `{"spec":{"replicas":3}}`),
		"restart":            act("ec2", "ModifyInstanceAttribute", model.Update, `{"InstanceType":{"Value":"t3.large"}}`),
		"config":             act("ec2", "ModifyInstanceAttribute", model.Update, `{"Description":"x"}`),
		"tag":                act("ec2", "CreateTags", model.Update, `{}`),
		"widen":              act("ec2", "AuthorizeSecurityGroupIngress", model.Grant, `{}`),
		"restrict":           act("ec2", "RevokeSecurityGroupIngress", model.Revoke, `{}`),
		"restrict,widen":     act("s3", "PutBucketPolicy", model.Grant, `{}`),
		"restrict,widen any": act("kinesis", "PutResourcePolicy", model.Grant, `{}`),
		"config part":        act("s3", "DeleteBucketLifecycle", model.Delete, `{}`),
		"destroy whole":      act("s3", "DeleteBucket", model.Delete, `{}`),
		"replace":            replaced,
		"":                   act("sqs", "DeleteMessage", model.Delete, `{}`),
		" read":              act("ec2", "DescribeInstances", model.List, `{}`),
	} {
		want, _, _ = strings.Cut(want, " ")
		var got []string
		for _, c := range Changes(a) {
			if c.URN != "u" {
				t.Errorf("%s changes %s", a.Name(), c.URN)
			}
			got = append(got, c.Effect.String())
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: %v, want %s", a.Name(), got, want)
		}
	}
	whole := model.Action{Parts: []model.Action{act("ec2", "DeleteSubnet", model.Delete, ``), act("ec2", "CreateTags", model.Update, ``)}}
	if got := Changes(whole); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestTablesAreRead(t *testing.T) {
	if _, err := parseTables(propagationText, poolsText); err != nil {
		t.Error(err)
	}
	if rows, err := parseEffects(effectsText); err != nil || len(rows) < 60 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	for _, bad := range []string{"eats\t-\t-\t-\t-\t-\t-\t-", "reads\t-", "reads\tx\t-\t-\t-\t-\t-\t-", ""} {
		if _, err := parseTables(bad, ""); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for _, bad := range []string{"pool\ta\treads\tb\tx", "pool\ta\teats\tb\t1", "heal\ta", "what"} {
		if _, err := parseTables(propagationText, bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for _, bad := range []string{"a\t*", "a\t*\tvanish"} {
		if _, err := parseEffects(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	for e := None; e <= Destroy; e++ {
		if got, err := ParseEffect(e.String()); err != nil || got != e {
			t.Errorf("%s is read as %s, %v", e, got, err)
		}
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[model.URN]string{
		"arn:aws:ec2:r:1:subnet/subnet-1": "subnet-1", "arn:aws:rds:r:1:db:orders": "db/orders", "arn:aws:sqs:r:1:orders": "sqs/orders",
		"k8s://c/apps/Deployment/shop/web": "deployment/web", "x://a/b": "x://a/b", "arn:aws:s3:::b": "s3/b",
	} {
		if got := Short(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// FuzzAvailability: whatever depends on whatever, a walk ends, counts each once,
// and a wider change never affects fewer.
func FuzzAvailability(f *testing.F) {
	f.Add([]byte{1, 0, 1, 2, 1, 2, 0, 2, 3}, uint8(9))
	f.Add([]byte{13, 1, 2, 13, 2, 1, 10, 3, 1, 10, 3, 2}, uint8(6))
	f.Fuzz(func(t *testing.T, edges []byte, effect uint8) {
		types := model.RelationTypes()
		kinds := []string{"core/Pod", "core/Service", "apps/ReplicaSet", "elasticloadbalancing:targetgroup", "ec2:subnet", "ec2:instance", "rds:db", "t"}
		all := make([]thing, 8)
		for i := range all {
			all[i].id = fmt.Sprintf("%s n%d", kinds[i], i)
		}
		for i := 0; i+2 < len(edges); i += 3 {
			from, to := edges[i+1]%8, edges[i+2]%8
			if d := fmt.Sprintf("%s n%d", types[int(edges[i])%len(types)], to); from != to && !slices.Contains(all[from].depends, d) {
				all[from].depends = append(all[from].depends, d)
			}
		}
		s := world(t, all...).Snapshot()
		e := Effect(effect % uint8(len(effectNames)))
		r := Availability(s, change(e, "n0"), Budget{})
		hops := r.Nearest(0)
		seen := map[model.URN]bool{urn("n0"): true}
		for _, h := range hops {
			if seen[h.URN] {
				t.Fatalf("%s comes twice, or is the target: %v", h.URN, hops)
			}
			seen[h.URN] = true
		}
		if len(hops) != r.Count || !r.Complete {
			t.Fatalf("%d of %d, complete %v", len(hops), r.Count, r.Complete)
		}
		for _, h := range s.Dependents([]model.URN{urn("n0")}, 0).Hops {
			delete(seen, h.URN)
		}
		if delete(seen, urn("n0")); len(seen) > 0 {
			t.Fatalf("affected, and no dependents: %v", seen)
		}
	})
}
