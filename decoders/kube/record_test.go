package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

var (
	pods    = Kind{Version: "v1", Resource: "pods", Kind: "Pod", Namespaced: true}
	secrets = Kind{Version: "v1", Resource: "secrets", Kind: "Secret", Namespaced: true}
	widgets = Kind{Group: "example.com", Version: "v1", Resource: "widgets", Kind: "Widget", Namespaced: true}
)

func TestARecordIsSlimAndStatesItsRelations(t *testing.T) {
	l, err := ReadList("c", pods, []byte(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"more"},"items":[
	 {"metadata":{"name":"p","namespace":"n","uid":"3f0b6bd5-1f0e-4b6e-9a8e-2f1d1b0c9d11","resourceVersion":"5","labels":{"app":"web"},"managedFields":[{"manager":"x"}],
	   "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u"}]},
	  "spec":{"nodeName":"one","containers":[{"name":"a","image":"i","env":[{"name":"PASSWORD","value":"hunter22"}]}],"volumes":[{"configMap":{"name":"cm"}}]},"status":{"phase":"Running","podIP":"10.0.0.1"}}]}`))
	if err != nil || l.Version != "7" || l.Continue != "more" || len(l.Seen) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	o := l.Seen[0]
	if want := `{"metadata":{"resourceVersion":"5"},"spec":{"nodeName":"one"},"status":{"phase":"Running"}}`; string(o.Resource.Attrs) != want {
		t.Errorf("kept %s", o.Resource.Attrs)
	}
	if !o.Whole || !o.Restates || o.Resource.Tags["app"] != "web" || o.Resource.Type != "core/Pod" || VersionOf(o.Resource) != "5" {
		t.Errorf("%+v", o)
	}
	var to []string
	for _, r := range o.Relations {
		to = append(to, string(r.To)+" "+r.Type)
	}
	for _, want := range []string{"k8s://c/apps/ReplicaSet/n/r controls", "k8s://c/core/Node//one references", "k8s://c/core/ConfigMap/n/cm references", "k8s://c/core/Namespace//n contains"} {
		if !strings.Contains(strings.Join(to, "\n"), want) {
			t.Errorf("%s is not among %q", want, to)
		}
	}
	if _, whole := (remembered{}).whole(o.Resource, "Pod"); whole {
		t.Error("a record passes for the object")
	}
}

func TestLabelsOfAWorkloadsPodsAreKept(t *testing.T) {
	l, err := ReadList("c", Kind{Group: "apps", Version: "v1", Resource: "deployments", Kind: "Deployment", Namespaced: true}, []byte(`{"kind":"DeploymentList","items":[
	 {"metadata":{"name":"d","namespace":"n"},"spec":{"replicas":2,"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"a","env":[{"name":"DB_HOST","value":"db.shop"},{"name":"DB_PASSWORD","value":"hunter22"}]},{"name":"b"}]}}}}]}`))
	if err != nil || len(l.Seen) != 1 {
		t.Fatal(err)
	}
	got := string(l.Seen[0].Resource.Attrs)
	if !strings.Contains(got, `"labels":{"app":"web"}`) || !strings.Contains(got, "db.shop") || strings.Contains(got, "hunter22") {
		t.Errorf("%s", got)
	}
}

// Whatever makes pods calls the services that its containers are told of, by a record
// as by the object; and a volume that is attached says what to where.
func TestRecordsSayWhatIsCalledAndWhereVolumesAre(t *testing.T) {
	const pod = `"containers":[{"name":"a","env":[{"name":"CART","value":"http://cart.shop.svc.cluster.local:80/x"},{"name":"DB_PASSWORD","value":"hunter22"}]},{"name":"b"}],"initContainers":[{"name":"c","env":[{"name":"WAIT_FOR","value":"db:5432"}]}]`
	g := graph.New(graph.Config{})
	for _, one := range []struct {
		kind Kind
		item string
	}{
		{Kind{Version: "v1", Resource: "services", Kind: "Service", Namespaced: true}, `{"metadata":{"name":"cart","namespace":"shop"}}`},
		{Kind{Version: "v1", Resource: "services", Kind: "Service", Namespaced: true}, `{"metadata":{"name":"db","namespace":"n"}}`},
		{Kind{Version: "v1", Resource: "nodes", Kind: "Node"}, `{"metadata":{"name":"one"}}`},
		{Kind{Version: "v1", Resource: "persistentvolumes", Kind: "PersistentVolume"}, `{"metadata":{"name":"pv"}}`},
		{Kind{Group: "apps", Version: "v1", Resource: "daemonsets", Kind: "DaemonSet", Namespaced: true}, `{"metadata":{"name":"daemon","namespace":"n"},"spec":{"template":{"spec":{` + pod + `}}}}`},
		{Kind{Group: "batch", Version: "v1", Resource: "jobs", Kind: "Job", Namespaced: true}, `{"metadata":{"name":"job","namespace":"n"},"spec":{"template":{"spec":{` + pod + `}}}}`},
		{Kind{Group: "batch", Version: "v1", Resource: "cronjobs", Kind: "CronJob", Namespaced: true}, `{"metadata":{"name":"nightly","namespace":"n"},"spec":{"jobTemplate":{"spec":{"template":{"spec":{` + pod + `}}}}}}`},
		{pods, `{"metadata":{"name":"lone","namespace":"n"},"spec":{` + pod + `}}`},
		{Kind{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments", Kind: "VolumeAttachment"}, `{"metadata":{"name":"csi-1"},"spec":{"attacher":"d","nodeName":"one","source":{"persistentVolumeName":"pv"}}}`},
	} {
		l, err := ReadList("c", one.kind, []byte(`{"kind":"`+one.kind.Kind+`List","items":[`+one.item+`]}`))
		if err != nil || len(l.Seen) != 1 {
			t.Fatalf("%s: %+v, %v", one.kind.Kind, l, err)
		}
		if strings.Contains(string(l.Seen[0].Resource.Attrs), "hunter22") {
			t.Errorf("a secret is kept: %s", l.Seen[0].Resource.Attrs)
		}
		g.Apply(l.Seen)
	}
	var got []string
	for _, from := range []model.URN{"k8s://c/apps/DaemonSet/n/daemon", "k8s://c/batch/Job/n/job", "k8s://c/batch/CronJob/n/nightly", "k8s://c/core/Pod/n/lone", "k8s://c/storage.k8s.io/VolumeAttachment//csi-1"} {
		for _, r := range g.Snapshot().Dependencies(from) {
			got = append(got, string(r.From)+" "+r.Type+" "+string(r.To))
		}
	}
	slices.Sort(got)
	want := []string{
		"k8s://c/apps/DaemonSet/n/daemon calls k8s://c/core/Service/n/db", "k8s://c/apps/DaemonSet/n/daemon calls k8s://c/core/Service/shop/cart",
		"k8s://c/batch/CronJob/n/nightly calls k8s://c/core/Service/n/db", "k8s://c/batch/CronJob/n/nightly calls k8s://c/core/Service/shop/cart",
		"k8s://c/batch/Job/n/job calls k8s://c/core/Service/n/db", "k8s://c/batch/Job/n/job calls k8s://c/core/Service/shop/cart",
		"k8s://c/core/Pod/n/lone calls k8s://c/core/Service/n/db", "k8s://c/core/Pod/n/lone calls k8s://c/core/Service/shop/cart",
		"k8s://c/storage.k8s.io/VolumeAttachment//csi-1 attached k8s://c/core/PersistentVolume//pv",
		"k8s://c/storage.k8s.io/VolumeAttachment//csi-1 runs-on k8s://c/core/Node//one",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestSecretsAreNeverStored: what a collector is given of secrets has no values, and
// an answer that would have them is not taken.
func TestTheCollectorTakesNoSecretValues(t *testing.T) {
	table := `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"9"},"columnDefinitions":[{"name":"Name"},{"name":"Type"},{"name":"Data"},{"name":"Age"}],
	 "rows":[{"cells":["t","kubernetes.io/service-account-token",3,"1d"],"object":{"kind":"PartialObjectMetadata","metadata":{"name":"t","namespace":"n","resourceVersion":"3","annotations":{"kubernetes.io/service-account.name":"robot","note":"x"}}}}]}`
	l, err := ReadList("c", secrets, []byte(table))
	if err != nil || len(l.Seen) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	want := `{"metadata":{"annotations":{"kubernetes.io/service-account.name":"robot"},"resourceVersion":"3"},"type":"kubernetes.io/service-account-token"}`
	if got := string(l.Seen[0].Resource.Attrs); got != want {
		t.Errorf("kept %s", got)
	}
	if _, err := ReadList("c", secrets, []byte(`{"kind":"SecretList","items":[{"metadata":{"name":"t"},"data":{"a":"aHVudGVyMg=="}}]}`)); err == nil {
		t.Error("a list with values is taken")
	}
	e := Events{Cluster: "c", Kind: secrets}
	if _, err := e.Read([]byte(`{"type":"ADDED","object":{"kind":"Secret","metadata":{"name":"t"},"data":{"a":"aHVudGVyMg=="}}}`)); err == nil {
		t.Error("an event with values is taken")
	}
	first, err := e.Read([]byte(`{"type":"ADDED","object":` + table + `}`))
	if err != nil || len(first.Seen) != 1 || first.Version != "3" {
		t.Errorf("%+v, %v", first, err)
	}
	later := strings.Replace(strings.Replace(table, `"columnDefinitions":[{"name":"Name"},{"name":"Type"},{"name":"Data"},{"name":"Age"}],`, `"columnDefinitions":null,`, 1), `"resourceVersion":"3"`, `"resourceVersion":"4"`, 1)
	second, err := e.Read([]byte(`{"type":"MODIFIED","object":` + later + `}`))
	if err != nil || len(second.Seen) != 1 || !strings.Contains(string(second.Seen[0].Resource.Attrs), "service-account-token") {
		t.Errorf("%+v, %v", second, err)
	}
}

func TestEventsOfAWatch(t *testing.T) {
	e := Events{Cluster: "c", Kind: widgets}
	object := func(name, version string) string {
		return fmt.Sprintf(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":%q,"namespace":"n","resourceVersion":%q}}`, name, version)
	}
	got, err := e.Read([]byte(`{"type":"ADDED","object":` + object("w", "5") + `}`))
	if err != nil || got.Version != "5" || len(got.Seen) != 1 || got.Seen[0].Resource.URN != "k8s://c/example.com/Widget/n/w" {
		t.Errorf("%+v, %v", got, err)
	}
	if a := got.Seen[0].Resource.Aliases; len(a) != 1 || a[0] != "k8s://c/example.com/widgets/n/w" {
		t.Errorf("a call without a body names it %v", a)
	}
	if got, err = e.Read([]byte(`{"type":"DELETED","object":` + object("w", "6") + `}`)); err != nil || len(got.Seen) != 1 || !got.Seen[0].Gone {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = e.Read([]byte(`{"type":"BOOKMARK","object":` + object("", "8") + `}`)); err != nil || got.Version != "8" || len(got.Seen) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = e.Read([]byte(`{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}`)); err != nil || !got.Lost {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = e.Read([]byte(`{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}`)); err != nil || got.Lost || got.Failed != "etcd" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "{", "[]", `{"type":"NEW","object":{}}`} {
		if _, err := e.Read([]byte(bad)); err == nil {
			t.Errorf("%q is an event", bad)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add(`{"kind":"PodList","items":[{"metadata":{"name":"p"},"spec":{"nodeName":"x"}}]}`)
	f.Add(`{"kind":"Table","columnDefinitions":[{"name":"Type"}],"rows":[{"cells":["x"],"object":{"metadata":{"name":"a"}}}]}`)
	f.Add(`{"kind":"X","metadata":{},"items":[{"metadata":{"name":"d"},"spec":{"template":{"spec":{"containers":[{"env":[1]},2]}}}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, k := range []Kind{pods, secrets, widgets, {Group: "apps", Version: "v1", Resource: "deployments", Kind: "Deployment"}} {
			l, err := ReadList("c", k, []byte(body))
			if err != nil {
				continue
			}
			for _, o := range l.Seen {
				if o.Resource.URN == "" || !json.Valid(o.Resource.Attrs) {
					t.Errorf("%+v", o)
				}
			}
			e := Events{Cluster: "c", Kind: k}
			_, _ = e.Read([]byte(`{"type":"ADDED","object":` + body + `}`)) // must not panic
		}
	})
}
