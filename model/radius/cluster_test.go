package radius_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/radius"
)

// cluster is a small shop, learnt from one answer of an API server.
func cluster(t *testing.T) (model.Snapshot, map[string]model.URN) {
	t.Helper()
	body, err := os.ReadFile("testdata/cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := kube.New(kube.Config{Clusters: []kube.Cluster{{Name: "c", Host: "c.example:443"}}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://c.example/api/v1/namespaces/shop/pods")
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	g.Apply(d.Learn(decoders.Call{Method: "GET", Scheme: "https", Host: u.Host, URL: u, Header: http.Header{}},
		&decoders.Response{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}))
	urns := map[string]model.URN{}
	g.Snapshot().Each(func(r model.Resource) bool {
		urns[radius.Short(r.URN)] = r.URN
		return true
	})
	return g.Snapshot(), urns
}

func TestTheClustersRelations(t *testing.T) {
	s, _ := cluster(t)
	var got []string
	s.Each(func(r model.Resource) bool {
		for _, d := range s.Dependencies(r.URN) {
			if d.Type != model.Contains { // every object in its namespace
				got = append(got, radius.Short(d.From)+" "+d.Type+" "+radius.Short(d.To))
			}
		}
		return true
	})
	slices.Sort(got)
	want := lines(t, "testdata/cluster-relations.txt")
	if !slices.Equal(got, want) {
		for _, l := range got {
			if !slices.Contains(want, l) {
				t.Errorf("not on the list: %s", l)
			}
		}
		for _, l := range want {
			if !slices.Contains(got, l) {
				t.Errorf("missing: %s", l)
			}
		}
	}
}

func TestWhatTheClusterLoses(t *testing.T) {
	s, urns := cluster(t)
	for _, c := range lines(t, "testdata/cluster-cases.txt") {
		what, want, _ := strings.Cut(c, ":")
		f := strings.Fields(what)
		effect, err := radius.ParseEffect(f[0])
		if err != nil {
			t.Fatal(err)
		}
		var changes []radius.Change
		for _, name := range f[1:] {
			if urns[name] == "" {
				t.Fatalf("there is no %s", name)
			}
			changes = append(changes, radius.Change{URN: urns[name], Effect: effect})
		}
		var got []string
		for _, h := range radius.Availability(s, changes, radius.Budget{}).Nearest(0) {
			got = append(got, radius.Short(h.URN)+"="+h.Effect)
		}
		slices.Sort(got)
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s\n got %s\nwant %s", what, strings.Join(got, " "), strings.Join(strings.Fields(want), " "))
		}
	}
}
