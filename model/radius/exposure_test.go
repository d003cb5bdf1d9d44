package radius

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

func TestExposureTableIsRead(t *testing.T) {
	if table := exposures(); len(table.guards) == 0 || len(table.ways) == 0 {
		t.Error("the table is empty")
	}
	for _, bad := range []string{"guard", "guard\ta\tb", "way\ta\t*", "door\ta"} {
		if _, err := parseExposure(bad); err == nil || !strings.Contains(err.Error(), "exposure.tsv:1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What an action opens: what it widens, the ways in that it makes, and what it names
// that they lead to.
func TestOpens(t *testing.T) {
	target := func(name, kind, role string) model.Target {
		return model.Target{URN: urn(name), Type: kind, Role: role}
	}
	lb, tg, cert := target("lb", "elasticloadbalancing:loadbalancer/app/", model.RoleTarget), target("tg", "elasticloadbalancing:targetgroup", model.RoleDependency), target("cert", "acm:certificate", model.RoleDependency)
	public := []model.Property{{Name: Public, Value: true, Known: true}}
	for name, c := range map[string]struct {
		a    model.Action
		want Doors
	}{
		"a listener leads to its target group": {model.Action{Service: "elbv2", Operation: "CreateListener", Verb: model.Create, Targets: []model.Target{lb, tg, cert}},
			Doors{Ways: []model.URN{lb.URN}, Named: []model.URN{tg.URN}}},
		"a rule of a group": {model.Action{Service: "ec2", Operation: "AuthorizeSecurityGroupIngress", Verb: model.Grant, Targets: []model.Target{target("sg", "ec2:security-group", model.RoleTarget), target("from", "ec2:security-group", model.RoleDependency)}},
			Doors{Widened: []model.URN{urn("sg")}}},
		"an Ingress": {model.Action{Service: "networking.k8s.io", Operation: "create ingresses", Verb: model.Create, Targets: []model.Target{target("front", "networking.k8s.io/Ingress", model.RoleCreated)}},
			Doors{Ways: []model.URN{urn("front")}}},
		"a Service that turns public": {model.Action{Service: "core", Operation: "patch services", Verb: model.Update, Props: public, Targets: []model.Target{target("web", "core/Service", model.RoleTarget)}},
			Doors{Widened: []model.URN{urn("web")}}},
		"a Service inside": {model.Action{Service: "core", Operation: "patch services", Verb: model.Update, Targets: []model.Target{target("web", "core/Service", model.RoleTarget)}}, Doors{}},
		"a deletion":       {model.Action{Service: "core", Operation: "delete services", Verb: model.Delete, Props: public, Targets: []model.Target{target("web", "core/Service", model.RoleTarget)}}, Doors{}},
		"a read":           {model.Action{Service: "elbv2", Operation: "DescribeListeners", Verb: model.Read, Targets: []model.Target{lb}}, Doors{}},
	} {
		c.a.Fidelity, c.a.Platform = model.Exact, "x"
		if got := Opens(c.a); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %+v\nwant %+v", name, got, c.want)
		}
		if got := Opens(model.Action{Verb: c.a.Verb, Parts: []model.Action{c.a}}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s, as a part\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

// A way in leads to what is behind it, and is none of that; memory answers as the
// snapshot did (law 5).
func TestWaysLeadToWhatIsBehindThem(t *testing.T) {
	s := world(t, thing{"elasticloadbalancing:loadbalancer/app/ lb", []string{"forwards-to old"}}, thing{id: "ec2:instance i", depends: []string{"reads db"}}, thing{id: "rds:db db"},
		thing{"elasticloadbalancing:targetgroup old", []string{"forwards-to i"}}, thing{"elasticloadbalancing:targetgroup tg", []string{"forwards-to j"}}, thing{id: "ec2:instance j"}).Snapshot()
	w := NewWitness(s, false)
	doors := Doors{Ways: []model.URN{urn("lb")}, Named: []model.URN{urn("tg")}}
	x := Exposed(w, doors, Budget{})
	var opened []string
	for _, h := range x.Opened {
		opened = append(opened, Short(h.URN))
	}
	if got := strings.Join(opened, " "); got != "x://a/tg x://a/j x://a/old x://a/i" || len(x.Reachable) != 1 || !x.Complete {
		t.Errorf("opened %s, reachable %v, complete %v", got, x.Reachable, x.Complete)
	}
	data, err := json.Marshal(w.Facts())
	if err != nil {
		t.Fatal(err)
	}
	var facts model.Facts
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	if again := Exposed(Recall(facts), doors, Budget{}); !reflect.DeepEqual(again, x) {
		t.Errorf("was %+v, is %+v", x, again)
	}
	if Exposed(Recall(model.Facts{}), doors, Budget{}).Complete {
		t.Error("what was not recorded counts as nothing")
	}
}
