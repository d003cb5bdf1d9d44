package kube

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

func learn(t *testing.T, request, body string) []model.Observation {
	t.Helper()
	return learnFrom(t, request, "", http.StatusOK, body)
}

func learnFrom(t *testing.T, request, sent string, status int, body string) []model.Observation {
	t.Helper()
	resp := &decoders.Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	return testDecoder(t).Learn(callOf(t, request, "", sent), resp)
}

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment",
	"metadata":{"name":"web","namespace":"shop","uid":"u-1","labels":{"team":"checkout"},"managedFields":[{"manager":"kubectl"}]},
	"spec":{"template":{"spec":{
		"serviceAccountName":"robot","priorityClassName":"high",
		"imagePullSecrets":[{"name":"pull"}],
		"volumes":[{"secret":{"secretName":"tls"}},{"configMap":{"name":"conf"}},{"persistentVolumeClaim":{"claimName":"data"}},
			{"projected":{"sources":[{"secret":{"name":"proj"}},{"configMap":{"name":"projconf"}}]}}],
		"initContainers":[{"env":[{"valueFrom":{"secretKeyRef":{"name":"init"}}}]}],
		"containers":[{"envFrom":[{"configMapRef":{"name":"conf"}},{"secretRef":{"name":"env"}}],
			"env":[{"name":"API_TOKEN","value":"hunter2-hunter2"},{"valueFrom":{"configMapKeyRef":{"name":"key"}}}]}]}}}}`

func TestAnObjectTeachesWhatItNeeds(t *testing.T) {
	seen := learn(t, "GET "+apps+"/deployments/web", deployment)
	if len(seen) != 1 {
		t.Fatalf("%+v", seen)
	}
	r := seen[0].Resource
	if r.URN != "k8s://c/apps/Deployment/shop/web" || r.Type != "apps/Deployment" || r.Name != "web" || r.Account != "c" || r.Region != "shop" ||
		r.Tags["team"] != "checkout" || !slices.Equal(r.Aliases, []string{"u-1"}) || !seen[0].Whole {
		t.Errorf("%+v", seen[0])
	}
	if text := string(r.Attrs); strings.Contains(text, "managedFields") || strings.Contains(text, "hunter2") || !strings.Contains(text, `"serviceAccountName":"robot"`) {
		t.Errorf("attrs %s", text)
	}
	want := []string{
		"contains core/Namespace//shop", "references core/ServiceAccount/shop/robot", "references scheduling.k8s.io/PriorityClass//high",
		"references core/Secret/shop/pull", "references core/Secret/shop/tls", "references core/ConfigMap/shop/conf",
		"references core/PersistentVolumeClaim/shop/data", "references core/Secret/shop/proj", "references core/ConfigMap/shop/projconf",
		"references core/ConfigMap/shop/conf", "references core/Secret/shop/env", "references core/ConfigMap/shop/key", "references core/Secret/shop/init",
	}
	if got := relationsOf(seen[0]); !slices.Equal(got, want) {
		t.Errorf("relations\n got %q\nwant %q", got, want)
	}
}

func relationsOf(o model.Observation) []string {
	var out []string
	for _, r := range o.Relations {
		out = append(out, r.Type+" "+strings.TrimPrefix(string(r.To), "k8s://c/"))
	}
	return out
}

func TestRelationsByKind(t *testing.T) {
	for _, c := range []struct{ object, want string }{
		{`"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"s","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs"}]},"spec":{"nodeName":"n1"}`,
			"controls apps/ReplicaSet/s/rs, references core/Node//n1"},
		{`"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"s","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n1"}]}`, "controls core/Node//n1"},
		{`"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"i","namespace":"s"},"spec":{"ingressClassName":"nginx","tls":[{"secretName":"t"}],"rules":[{"http":{"paths":[{"backend":{"service":{"name":"web"}}}]}}]}`,
			"references core/Service/s/web, references core/Secret/s/t, references networking.k8s.io/IngressClass//nginx"},
		{`"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"h","namespace":"s"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}`,
			"references apps/Deployment/s/web"},
		{`"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"b","namespace":"s"},"roleRef":{"kind":"ClusterRole","name":"edit"},"subjects":[{"kind":"ServiceAccount","namespace":"s","name":"robot"},{"kind":"User","name":"alice"}]`,
			"references rbac.authorization.k8s.io/ClusterRole//edit, references core/ServiceAccount/s/robot"},
		{`"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"j","namespace":"s"},"spec":{"jobTemplate":{"spec":{"template":{"spec":{"serviceAccountName":"robot"}}}}}`,
			"references core/ServiceAccount/s/robot"},
		{`"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"d","namespace":"s"},"spec":{"volumeName":"pv-1","storageClassName":"fast"}`,
			"references core/PersistentVolume//pv-1, references storage.k8s.io/StorageClass//fast"},
		{`"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{"name":"a"},"spec":{"attacher":"ebs.csi.aws.com","nodeName":"n1","source":{"persistentVolumeName":"pv-1"}}`,
			"references core/PersistentVolume//pv-1, references core/Node//n1"},
		{`"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"d","namespace":"s"},"spec":{"serviceName":"db"}`, "references core/Service/s/db"},
	} {
		seen := learn(t, "GET "+ns+"/pods/p", "{"+c.object+"}")
		if len(seen) != 1 {
			t.Errorf("%s: %+v", c.object, seen)
			continue
		}
		want := c.want
		if strings.Contains(c.object, `"namespace"`) {
			want = "contains core/Namespace//s, " + want
		}
		if got := strings.Join(relationsOf(seen[0]), ", "); got != want {
			t.Errorf("%s\n got %s\nwant %s", c.object, got, want)
		}
	}
}

func TestListsTablesAndPartsOfObjects(t *testing.T) {
	const meta = `{"name":"web","namespace":"shop","uid":"u-1"}`
	for name, body := range map[string]string{
		"list":    `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":` + meta + `}]}`,
		"table":   `{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"cells":["web"],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":` + meta + `}}]}`,
		"partial": `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":[{"metadata":` + meta + `}]}`,
	} {
		seen := learn(t, "GET "+ns+"/pods", body)
		if len(seen) != 1 || seen[0].Resource.URN != "k8s://c/core/Pod/shop/web" || seen[0].Whole != (name == "list") {
			t.Errorf("%s: %+v", name, seen)
		}
	}
}

func TestACustomObjectIsKnownByItsResourceToo(t *testing.T) {
	seen := learn(t, "GET /apis/example.com/v1/widgets", `{"kind":"WidgetList","apiVersion":"example.com/v1","items":[{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"name":"w","namespace":"shop"}}]}`)
	if len(seen) != 1 || seen[0].Resource.URN != "k8s://c/example.com/Widget/shop/w" || !slices.Contains(seen[0].Resource.Aliases, "k8s://c/example.com/widgets/shop/w") {
		t.Errorf("%+v", seen)
	}
}

// Law 8: secrets are never stored.
func TestSecretsAreNeverLearned(t *testing.T) {
	const secret = `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"shop","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"k\":\"aHVudGVyMg==\"}}"}},"data":{"k":"aHVudGVyMg=="},"type":"Opaque"}`
	for _, body := range []string{secret, `{"kind":"SecretList","apiVersion":"v1","items":[` + secret + `]}`, `{"kind":"List","apiVersion":"v1","items":[` + secret + `]}`} {
		seen := learn(t, "GET "+ns+"/secrets", body)
		if len(seen) != 1 || strings.Contains(string(seen[0].Resource.Attrs), "aHVudGVyMg") {
			t.Errorf("%+v: %s", seen, seen[0].Resource.Attrs)
		}
	}
	if seen := learnFrom(t, "POST "+ns+"/serviceaccounts/robot/token", "{}", 201, `{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","metadata":{"name":"robot"},"status":{"token":"x"}}`); seen != nil {
		t.Errorf("%+v", seen)
	}
}

func TestADeletionIsLearnedWhenItIsDone(t *testing.T) {
	const status = `{"kind":"Status","apiVersion":"v1","status":"Success"}`
	for _, c := range []struct {
		request, sent string
		code          int
		body          string
		gone          bool
	}{
		{"DELETE " + ns + "/configmaps/c", "", 200, status, true},
		{"DELETE " + ns + "/configmaps/c", "", 404, status, false}, // it does not say of what
		{"DELETE " + ns + "/configmaps/c", "", 202, status, false},
		{"DELETE " + ns + "/configmaps/c?dryRun=All", "", 200, status, false},
		{"DELETE " + ns + "/configmaps/c?dryRun=All", "{}", 200, status, true}, // the body hides the query
		{"DELETE " + ns + "/pods/p", "", 200, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"shop","deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":30}}`, false},
		{"DELETE " + ns + "/pods/p", "", 200, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"shop","deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":0}}`, true},
		{"DELETE " + ns + "/pods/p", "", 200, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"shop","finalizers":["x/y"]}}`, false},
	} {
		seen := learnFrom(t, c.request, c.sent, c.code, c.body)
		if gone := len(seen) == 1 && seen[0].Gone; gone != c.gone {
			t.Errorf("%s %d %s: %+v", c.request, c.code, c.body, seen)
		}
	}
}

func TestWhatIsNotThereIsGone(t *testing.T) {
	const notFound = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","details":{"name":"NAME","kind":"KIND"},"code":404}`
	fill := func(name, kind string) string {
		return strings.NewReplacer("NAME", name, "KIND", kind).Replace(notFound)
	}
	for _, c := range []struct {
		request string
		status  int
		body    string
		gone    bool
	}{
		{"GET " + ns + "/pods/p", 404, fill("p", "pods"), true},
		{"DELETE " + ns + "/pods/p", 404, fill("p", "pods"), true},
		{"POST " + ns + "/pods", 404, fill("shop", "namespaces"), false},
		{"GET " + ns + "/pods/p", 404, `{"kind":"Status","reason":"NotFound","details":{}}`, false},
		{"GET " + ns + "/pods/p", 404, "404 page not found", false},
		{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dp", 200, `{"kind":"PodList","apiVersion":"v1","items":[]}`, true},
		{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dp&labelSelector=a", 200, `{"kind":"PodList","apiVersion":"v1","items":[]}`, false},
		{"GET " + ns + "/pods?fieldSelector=metadata.name%3Dp,status.phase%3DRunning", 200, `{"kind":"PodList","apiVersion":"v1","items":[]}`, false},
		{"GET " + ns + "/pods", 200, `{"kind":"PodList","apiVersion":"v1","items":[]}`, false},
		{"GET /api/v1/pods?fieldSelector=metadata.name%3Dp", 200, `{"kind":"PodList","apiVersion":"v1","items":[]}`, false},
	} {
		seen := learnFrom(t, c.request, "", c.status, c.body)
		if gone := len(seen) == 1 && seen[0].Gone && seen[0].Resource.URN == "k8s://c/core/Pod/shop/p"; gone != c.gone || !gone && seen != nil {
			t.Errorf("%s %d %s: %+v", c.request, c.status, c.body, seen)
		}
	}
}

func TestWhatTeachesNothing(t *testing.T) {
	d := testDecoder(t)
	ok := http.Header{"Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		request string
		resp    *decoders.Response
	}{
		"cut short": {"GET " + ns + "/pods/p", &decoders.Response{Status: 200, Header: ok, Body: []byte(deployment), Truncated: true}},
		"protobuf":  {"GET " + ns + "/pods/p", &decoders.Response{Status: 200, Header: http.Header{"Content-Type": {protobuf}}, Body: []byte(deployment)}},
		"a watch":   {"GET " + ns + "/pods?watch=1", &decoders.Response{Status: 200, Header: ok, Body: []byte(`{"type":"ADDED","object":` + deployment + `}`)}},
		"an error":  {"GET " + ns + "/pods/p", &decoders.Response{Status: 404, Header: ok, Body: []byte(`{"kind":"Status"}`)}},
		"a dry run": {"PUT " + ns + "/pods/p?dryRun=All", &decoders.Response{Status: 200, Header: ok, Body: []byte(deployment)}},
		"an event":  {"GET " + ns + "/events/e", &decoders.Response{Status: 200, Header: ok, Body: []byte(`{"kind":"Event","apiVersion":"v1","metadata":{"name":"e"}}`)}},
		"a proxy":   {"GET " + ns + "/pods/p/proxy", &decoders.Response{Status: 200, Header: ok, Body: []byte(deployment)}},
		"nothing":   {"GET " + ns + "/pods/p", nil},
	} {
		if seen := d.Learn(callOf(t, c.request, "", ""), c.resp); seen != nil {
			t.Errorf("%s: %+v", name, seen)
		}
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("/pods", []byte(deployment))
	f.Add("/pods", []byte(`{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"object":{"kind":"Table"}}]}`))
	d := testDecoder(f)
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		call := callOf(t, "GET /", "", "")
		call.URL.Path = "/api/v1/" + path
		for _, o := range d.Learn(call, &decoders.Response{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}) {
			if o.Resource.URN == "" || o.Resource.Name == "" {
				t.Fatalf("%+v", o)
			}
		}
	})
}

func TestAWatchTeachesTheLastStateOfEach(t *testing.T) {
	event := func(kind, name, version string) string {
		return `{"type":"` + kind + `","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `","namespace":"shop","labels":{"v":"` + version + `"}},"spec":{}}}` + "\n"
	}
	stream := event("ADDED", "a", "1") + event("ADDED", "b", "1") + event("MODIFIED", "a", "2") + event("DELETED", "b", "2") +
		`{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"name":"x"}}}` + "\n" + event("ADDED", "c", "1")
	seen := learn(t, "GET "+ns+"/pods?watch=true", stream+`{"type":"ADDED","obj`)
	var got []string
	for _, o := range seen {
		state := o.Resource.Tags["v"]
		if o.Gone {
			state = "gone"
		}
		got = append(got, strings.TrimPrefix(string(o.Resource.URN), "k8s://c/core/Pod/shop/")+" "+state)
	}
	if strings.Join(got, ", ") != "a 2, b gone, c 1" {
		t.Errorf("learned %q", got)
	}
	table := `{"type":"MODIFIED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[{"cells":["a"],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","namespace":"shop"}}}]}}` + "\n"
	if seen := learn(t, "GET "+ns+"/pods?watch=1", table); len(seen) != 1 || seen[0].Whole {
		t.Errorf("a table taught %v", seen)
	}
	if seen := learn(t, "GET /api/v1/watch/namespaces/shop/pods", event("ADDED", "a", "1")); len(seen) != 1 {
		t.Errorf("the old path taught %v", seen)
	}
}

func TestTheEventsOfAWatchAreFollowed(t *testing.T) {
	d := testDecoder(t)
	head := func(status int, media string) *decoders.Response {
		return &decoders.Response{Status: status, Header: http.Header{"Content-Type": {media}}}
	}
	for _, c := range []struct {
		request string
		resp    *decoders.Response
		want    bool
	}{
		{"GET " + ns + "/pods?watch=1", head(200, "application/json"), true},
		{"GET " + ns + "/pods?watch=true&fieldSelector=metadata.name%3Da", head(200, "application/json;as=Table;g=meta.k8s.io;v=v1"), true},
		{"GET /api/v1/watch/namespaces/shop/pods", head(200, "application/json"), true},
		{"GET " + ns + "/pods", head(200, "application/json"), false},
		{"GET " + ns + "/pods?watch=1", head(410, "application/json"), false},
		{"GET " + ns + "/pods?watch=1", head(200, "application/vnd.kubernetes.protobuf;stream=watch"), false},
		{"POST " + ns + "/pods?watch=1", head(200, "application/json"), false},
		{"GET " + ns + "/pods/a/log?follow=true", head(200, "text/plain"), false},
	} {
		if got := d.Follows(callOf(t, c.request, "", ""), c.resp); got != c.want {
			t.Errorf("%s, %d, %s: followed %v", c.request, c.resp.Status, c.resp.Header.Get("Content-Type"), got)
		}
	}
}
