package reconcile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// A print tells what of a thing has changed since, and nothing that only a service
// counts, or that a closer look shows.
func TestAPrintTellsWhatHasChanged(t *testing.T) {
	rules, err := ReadRules()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ kind, was, now, want string }{
		"the same":               {"ec2:security-group", `{"IpPermissions":[{"FromPort":1},{"FromPort":2}]}`, `{"IpPermissions":[{"FromPort":2},{"FromPort":1}]}`, ""},
		"a rule more":            {"ec2:security-group", `{"IpPermissions":[]}`, `{"IpPermissions":[{"FromPort":1}]}`, "IpPermissions"},
		"what a service counts":  {"sqs:queue", `{"ApproximateNumberOfMessages":"1"}`, `{"ApproximateNumberOfMessages":"2"}`, ""},
		"a closer look":          {"ec2:instance", `{"InstanceType":"a"}`, `{"InstanceType":"a","EbsOptimized":false}`, ""},
		"a member of what was":   {"ec2:instance", `{"Placement":{"Zone":"a"}}`, `{"Placement":{"Zone":"a","Tenancy":"host"}}`, "Placement.Tenancy"},
		"gone":                   {"ec2:instance", `{"InstanceType":"a","KeyName":"k"}`, `{"InstanceType":"a"}`, "KeyName"},
		"a controller's":         {"apps/Deployment", `{"apiVersion":"apps/v1","spec":{"replicas":1}}`, `{"apiVersion":"apps/v1","spec":{"replicas":2}}`, ""},
		"an object's new field":  {"core/Service", `{"apiVersion":"v1","spec":{"type":"ClusterIP"}}`, `{"apiVersion":"v1","spec":{"type":"ClusterIP","externalIPs":["1.2.3.4"]},"data":{}}`, "data spec.externalIPs"},
		"kept in parts, changed": {"core/Service", `{"apiVersion":"v1","kind":"Service","spec":{"type":"ClusterIP","sessionAffinity":"None"}}`, `{"spec":{"type":"LoadBalancer"}}`, "spec.type"},
		"kept in parts":          {"core/Service", `{"apiVersion":"v1","kind":"Service","spec":{"type":"ClusterIP","sessionAffinity":"None"}}`, `{"spec":{"type":"ClusterIP"}}`, ""},
	} {
		of := func(attrs string) map[string]string {
			return Print(rules, model.Resource{URN: "x", Type: c.kind, Attrs: json.RawMessage(attrs)})
		}
		if got := strings.Join(Misprints(of(c.was), of(c.now)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	tagged := func(team string) map[string]string {
		return Print(rules, model.Resource{Type: "ec2:instance", Attrs: json.RawMessage(`{}`), Tags: map[string]string{"team": team, "a": "b"}})
	}
	if got := Misprints(tagged("x"), tagged("y")); len(got) != 1 || got[0] != "tags.team" {
		t.Errorf("tags: %v", got)
	}
	many := map[string]any{}
	for i := range 2 * maxPrinted {
		many[fmt.Sprintf("f%04d", i)] = i
	}
	big := func() map[string]string {
		data, err := json.Marshal(many)
		if err != nil {
			t.Fatal(err)
		}
		return Print(rules, model.Resource{Type: "x", Attrs: data})
	}
	was := big()
	many[fmt.Sprintf("f%04d", 2*maxPrinted-1)] = "other"
	if got := Misprints(was, big()); len(was) > maxPrinted+1 || len(got) != 1 || got[0] != otherFields {
		t.Errorf("%d fields, %v", len(was), got)
	}
}
