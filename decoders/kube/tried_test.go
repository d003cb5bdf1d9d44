package kube

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/kube/wire"
	"github.com/assent-iom/assent/model"
)

// server is a Trier that answers with an object.
type server struct {
	answer string
	err    error
	asked  []Attempt
}

func (s *server) Try(_ context.Context, a Attempt) (map[string]any, bool, error) {
	s.asked = append(s.asked, a)
	if s.err != nil {
		return nil, true, s.err
	}
	value, err := wire.JSON([]byte(s.answer))
	object, _ := value.(map[string]any)
	return object, true, err
}

func trying(t *testing.T, s *server, current Current, request, media, body string) model.Action {
	t.Helper()
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Current: current, Tries: s})
	if err != nil {
		t.Fatal(err)
	}
	call := callOf(t, request, media, body)
	call.Header.Set("Authorization", "Bearer t")
	call.Header.Set("Kubectl-Session", "s")
	a, err := d.Decode(decoders.ForDecision(context.Background(), "dec_1"), call)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const triedPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u-1","creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{}]},
	"spec":{"containers":[{"name":"app","image":"registry.example/web:1","resources":{"limits":{"cpu":"1","memory":"1Gi"}}}]}}`

func TestWhatTheServerWouldStoreIsJudged(t *testing.T) {
	const pod = `{"kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"app","image":"registry.example/web:1"}]}}`
	limits := func(a model.Action) any {
		for _, p := range a.Props {
			if p.Name == "container.limits" && p.Known {
				return p.Value
			}
		}
		return nil
	}
	s := &server{answer: triedPod}
	a := trying(t, s, nil, "POST "+ns+"/pods?fieldManager=k", "", pod)
	if limits(a) != true || len(a.Unknown) != 0 || a.Fidelity != model.Exact {
		t.Errorf("limits %v, unknown %q, %v", limits(a), a.Unknown, a.Fidelity)
	}
	for _, not := range []string{"u-1", "creationTimestamp", "managedFields"} { // made up anew at each try
		if strings.Contains(string(a.Params), not) {
			t.Errorf("params have %s: %s", not, a.Params)
		}
	}
	asked := s.asked[0]
	if asked.URL.RawQuery != "fieldManager=k&dryRun=All" || asked.Method != "POST" || string(asked.Body) != pod || asked.Decision != "dec_1" ||
		asked.Header.Get("Authorization") != "Bearer t" || asked.Header.Get("Kubectl-Session") != "" {
		t.Errorf("asked %+v", asked)
	}
	// A patch of an object that nobody has seen is known whole.
	if a := trying(t, s, FromModel(func() model.Snapshot { return nil }, nil), "PATCH "+ns+"/pods/web", strategic, `{"metadata":{"labels":{"a":"b"}}}`); limits(a) != true || len(a.Unknown) != 0 {
		t.Errorf("a patch: limits %v, unknown %q", limits(a), a.Unknown)
	}
	// If it does not say, what was worked out here stays, and is not certain.
	s.err = errors.New("422: no")
	if a := trying(t, s, nil, "POST "+ns+"/pods", "", pod); limits(a) != false || !slices.Equal(a.Unknown, []string{"exact result"}) || a.Fidelity != model.Partial || !strings.Contains(string(a.Params), "422: no") {
		t.Errorf("limits %v, unknown %q, %v: %s", limits(a), a.Unknown, a.Fidelity, a.Params)
	}
}

func TestOnlyWhatCannotHappenIsTried(t *testing.T) {
	for _, c := range []struct{ request, media, body string }{
		{"DELETE " + ns + "/pods/web", "", ""},                                                                   // its options are in its body
		{"POST " + ns + "/pods?dryRun=All", "", triedPod},                                                        // a try already
		{"POST " + ns + "/pods?dryRun=all", "", triedPod},                                                        // which the server refuses
		{"POST " + ns + "/pods/web/eviction", "", `{"kind":"Eviction"}`},                                         // more than an object
		{"POST " + ns + "/secrets", "", `{"kind":"Secret","metadata":{"name":"a"}}`},                             // nothing of it is judged
		{"POST /apis/metrics.example/v1/namespaces/shop/things", "", `{"kind":"Thing","metadata":{"name":"a"}}`}, // an aggregated server may not know what a try is
		{"GET " + ns + "/pods/web", "", ""},
		{"POST " + ns + "/pods/web/exec?command=id", "", ""},
	} {
		s := &server{answer: triedPod}
		trying(t, s, nil, c.request, c.media, c.body)
		if len(s.asked) != 0 {
			t.Errorf("%s was tried: %+v", c.request, s.asked)
		}
	}
	// What is not decided on is not tried: learning, a question about a line.
	s := &server{answer: triedPod}
	d, err := New(Config{Clusters: []Cluster{{Name: "c", Host: "c.example:6443"}}, Tries: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode(context.Background(), callOf(t, "POST "+ns+"/pods", "", `{"kind":"Pod","metadata":{"name":"web"}}`)); err != nil || len(s.asked) != 0 {
		t.Errorf("%v, asked %+v", err, s.asked)
	}
}
