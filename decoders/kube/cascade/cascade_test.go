package cascade

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

// world is a model of a few objects.
type world struct{ seen []model.Observation }

func (w *world) add(urn, attrs string, owners ...string) *world {
	u := model.URN("k8s://c/" + urn)
	id := kube.ParseURN(u)
	o := model.Observation{Whole: true, Resource: model.Resource{URN: u, Platform: kube.Name, Account: "c", Type: id.Group + "/" + id.Kind, Region: id.Namespace,
		Attrs: json.RawMessage(attrs), Tags: map[string]string{"app": id.Name}}}
	for _, to := range owners {
		o.Relations = append(o.Relations, model.Relation{From: u, To: model.URN("k8s://c/" + to), Type: model.Controls, Source: kube.OwnerReferences})
	}
	w.seen = append(w.seen, o)
	return w
}

func (w *world) snapshot() model.Snapshot {
	g := graph.New(graph.Config{})
	g.Apply(w.seen)
	return g.Snapshot()
}

func everything(string, string, string) bool { return true }

var kinds = []kube.Kind{
	{Version: "v1", Resource: "pods", Kind: "Pod", Namespaced: true},
	{Version: "v1", Resource: "nodes", Kind: "Node"},
	{Group: "apps", Version: "v1", Resource: "deployments", Kind: "Deployment", Namespaced: true},
	{Group: "networking.k8s.io", Version: "v1", Resource: "ipaddresses", Kind: "IPAddress"},
}

func fixture() *world {
	w := (&world{}).
		add("core/Namespace//shop", "{}").
		add("apps/Deployment/shop/web", "{}").
		add("apps/ReplicaSet/shop/web-1", "{}", "apps/Deployment/shop/web").
		add("core/Pod/shop/web-1-a", "{}", "apps/ReplicaSet/shop/web-1").
		add("core/Pod/shop/shared", "{}", "apps/ReplicaSet/shop/web-1", "batch/Job/shop/j").
		add("batch/Job/shop/j", "{}").
		add("core/Pod/shop/j-a", "{}", "batch/Job/shop/j").
		add("core/Pod/shop/lost", "{}", "batch/Job/shop/j", "core/ConfigMap/shop/unseen").
		add("core/Service/shop/web", "{}").
		add("core/Endpoints/shop/web", "{}").
		add("networking.k8s.io/IPAddress//10.0.0.9", `{"spec":{"parentRef":{"resource":"services","namespace":"shop","name":"web"}}}`).
		add("networking.k8s.io/IPAddress//10.0.0.1", `{"spec":{"parentRef":{"resource":"services","namespace":"other","name":"web"}}}`).
		add("core/PersistentVolumeClaim/shop/data", `{"spec":{"volumeName":"pv"}}`).
		add("core/PersistentVolume//pv", `{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}`).
		add("apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com", `{"spec":{"group":"example.com","names":{"kind":"Widget"},"versions":[{"name":"v1"}]}}`).
		add("apiregistration.k8s.io/APIService//v1.example.com", "{}").
		add("example.com/Widget/other/w", "{}").
		add("core/ServiceAccount/shop/robot", "{}").
		add("core/Secret/shop/robot-token", `{"type":"kubernetes.io/service-account-token","metadata":{"annotations":{"kubernetes.io/service-account.name":"robot"}}}`).
		add("core/Secret/shop/looks-like-one", `{"type":"Opaque","metadata":{"annotations":{"kubernetes.io/service-account.name":"robot"}}}`).
		add("core/Secret/other/robot-token", `{"type":"kubernetes.io/service-account-token","metadata":{"annotations":{"kubernetes.io/service-account.name":"robot"}}}`).
		add("core/Node//one", "{}").
		add("core/Pod/other/on-one", `{"spec":{"nodeName":"one"}}`).
		add("core/Pod/other/on-two", `{"spec":{"nodeName":"two"}}`)
	w.seen = append(w.seen, model.Observation{Relations: []model.Relation{{From: "k8s://c/core/PersistentVolumeClaim/shop/data", To: "k8s://c/core/PersistentVolume//pv", Type: model.References, Source: "spec.volumeName"}}})
	return w
}

func TestWhatADeleteTakesAlong(t *testing.T) {
	for _, c := range []struct {
		name     string
		ask      Ask
		want     string
		complete bool
	}{
		{"a deployment", Ask{Target: "apps/Deployment/shop/web"}, "apps/Deployment/shop/web apps/ReplicaSet/shop/web-1 core/Pod/shop/web-1-a", true},
		{"a deployment, in the foreground", Ask{Target: "apps/Deployment/shop/web", Policy: "Foreground"}, "apps/Deployment/shop/web apps/ReplicaSet/shop/web-1 core/Pod/shop/web-1-a", true},
		{"a deployment alone", Ask{Target: "apps/Deployment/shop/web", Policy: "Orphan"}, "apps/Deployment/shop/web", true},
		{"a deployment alone, by an old client", Ask{Target: "apps/Deployment/shop/web", Orphan: true}, "apps/Deployment/shop/web", true},
		{"a job, whose own policy is to leave its pods", Ask{Target: "batch/Job/shop/j"}, "batch/Job/shop/j", true},
		{"a job with its pods; the other owner of one is not there", Ask{Target: "batch/Job/shop/j", Policy: "Background"}, "batch/Job/shop/j core/Pod/shop/j-a core/Pod/shop/lost", true},
		{"a service", Ask{Target: "core/Service/shop/web"}, "core/Endpoints/shop/web core/Service/shop/web networking.k8s.io/IPAddress//10.0.0.9", true},
		{"a service account", Ask{Target: "core/ServiceAccount/shop/robot"}, "core/Secret/shop/robot-token core/ServiceAccount/shop/robot", true},
		{"a node", Ask{Target: "core/Node//one"}, "core/Node//one core/Pod/other/on-one", true},
		{"a widget, as a call without a body spells it", Ask{Target: "example.com/Widget/other/w"}, "example.com/Widget/other/w", true},
		{"a claim", Ask{Target: "core/PersistentVolumeClaim/shop/data"}, "core/PersistentVolume//pv core/PersistentVolumeClaim/shop/data", true},
		{"a definition", Ask{Target: "apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com"},
			"apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com apiregistration.k8s.io/APIService//v1.example.com example.com/Widget/other/w", true},
		{"pods by label", Ask{Target: "core/Pod/shop/*", Labels: "app in (shared,j-a)"}, "core/Pod/shop/j-a core/Pod/shop/shared", true},
		{"pods by name", Ask{Target: "core/Pod/*/*", Fields: "metadata.name!=shared,metadata.namespace=shop"}, "core/Pod/shop/j-a core/Pod/shop/lost core/Pod/shop/web-1-a", true},
		{"pods by what the model does not hold", Ask{Target: "core/Pod/shop/*", Fields: "status.phase=Running", Labels: "app=shared"}, "core/Pod/shop/shared", false},
		{"what is not there", Ask{Target: "core/Pod/shop/new"}, "", true},
	} {
		c.ask.Target, c.ask.Listed, c.ask.Kinds = "k8s://c/"+c.ask.Target, everything, kinds
		set := Of(fixture().snapshot(), c.ask)
		var got []string
		for _, u := range set.Deleted {
			got = append(got, strings.TrimPrefix(string(u), "k8s://c/"))
		}
		if strings.Join(got, " ") != c.want || set.Complete != c.complete {
			t.Errorf("%s:\n got %s (complete %v %q)\nwant %s", c.name, strings.Join(got, " "), set.Complete, set.Why, c.want)
		}
	}
	if set := Of(fixture().snapshot(), Ask{Target: "k8s://c/core/PersistentVolumeClaim/shop/data", Listed: everything}); len(set.Volumes) != 1 {
		t.Errorf("the data is said to stay: %+v", set)
	}
	if set := Of(fixture().snapshot(), Ask{Target: "k8s://c/apps/Deployment/shop/web", Policy: "Orphan", Listed: everything}); len(set.Orphaned) != 1 {
		t.Errorf("orphaned %v", set.Orphaned)
	}
}

func TestWhatWasNeverListedMakesItIncomplete(t *testing.T) {
	ask := Ask{Target: "k8s://c/core/Namespace//shop", Listed: everything, Kinds: kinds}
	set := Of(fixture().snapshot(), ask)
	if !set.Complete || len(set.Deleted) != 16 {
		t.Errorf("%d deleted, complete %v %q", len(set.Deleted), set.Complete, set.Why)
	}
	for name, change := range map[string]func(*Ask){
		"nobody knows what was listed":   func(a *Ask) { a.Listed = nil },
		"nobody knows which kinds exist": func(a *Ask) { a.Kinds = nil },
		"one kind was not listed": func(a *Ask) {
			a.Listed = func(_, kind, _ string) bool { return kind != "Deployment" }
		},
	} {
		a := ask
		change(&a)
		if set := Of(fixture().snapshot(), a); set.Complete || len(set.Why) == 0 {
			t.Errorf("%s: said to be complete", name)
		}
	}
}
