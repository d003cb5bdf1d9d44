package schema

import (
	"strings"
	"testing"
)

// scalars are the messages whose JSON is no object; their reader knows them.
var scalars = map[string]bool{"api/resource.Quantity": true, "apimachinery/pkg/api/resource.Quantity": true,
	"apis/meta/v1.Time": true, "apis/meta/v1.MicroTime": true, "util/intstr.IntOrString": true}

func TestTheTableIsWhole(t *testing.T) {
	table := read()
	if len(table.kinds) < 200 || table.kinds["apps/v1 Deployment"] == "" || table.kinds["apiextensions.k8s.io/v1 CustomResourceDefinition"] == "" {
		t.Fatalf("%d kinds", len(table.kinds))
	}
	for kind, message := range table.kinds {
		if table.messages[message] == nil {
			t.Errorf("%s is %s, which is not there", kind, message)
		}
	}
	for message, m := range table.messages {
		for number, f := range m.Fields {
			kind := strings.TrimLeft(f.Type, "*{")
			switch {
			case number < 1 || f.Name == "" || kind == "":
				t.Errorf("%s: field %d is %+v", message, number, f)
			case len(kind) > 1 && table.messages[kind] == nil && !scalars[kind]:
				t.Errorf("%s: field %s is a %s, which is not there", message, f.Name, kind)
			case len(kind) == 1 && !strings.Contains("sbiutdf", kind):
				t.Errorf("%s: field %d is of type %q", message, number, f.Type)
			}
			for _, key := range append(f.MapKeys, f.MergeKey) {
				if inner := table.messages[kind]; key != "" && inner.JSON[key].Name == "" && !strings.HasSuffix(message, "StorageVersionMigrationList") { // upstream's own slip
					t.Errorf("%s: field %s is merged by %s, which its elements do not have", message, f.Name, key)
				}
			}
		}
	}
}

func TestHowFieldsAreMerged(t *testing.T) {
	for _, c := range []struct {
		message, field string
		want           Field
	}{
		{"api/core/v1.PodSpec", "containers", Field{Strategy: "merge", MergeKey: "name", ListType: "map", MapKeys: []string{"name"}}},
		{"api/core/v1.PodSpec", "volumes", Field{Strategy: "merge,retainKeys", MergeKey: "name", ListType: "map", MapKeys: []string{"name"}}},
		{"api/core/v1.PodSpec", "nodeSelector", Field{Atomic: true}},
		{"api/core/v1.PodSpec", "tolerations", Field{ListType: "atomic"}},
		{"api/core/v1.ServicePort", "protocol", Field{Default: "TCP"}},
		{"api/core/v1.EphemeralContainer", "ports", Field{Strategy: "merge", MergeKey: "containerPort", ListType: "map", MapKeys: []string{"containerPort", "protocol"}}},
		{"apis/meta/v1.ObjectMeta", "finalizers", Field{Strategy: "merge", ListType: "set"}},
		{"api/apps/v1.DeploymentSpec", "strategy", Field{Strategy: "retainKeys"}},
	} {
		got := Named(c.message).JSON[c.field]
		if got.Strategy != c.want.Strategy || got.MergeKey != c.want.MergeKey || got.ListType != c.want.ListType ||
			strings.Join(got.MapKeys, ",") != strings.Join(c.want.MapKeys, ",") || got.Atomic != c.want.Atomic || got.Default != c.want.Default {
			t.Errorf("%s.%s is %+v", c.message, c.field, got)
		}
	}
	if !Named("apis/meta/v1.LabelSelector").Atomic {
		t.Error("a label selector is merged")
	}
}
