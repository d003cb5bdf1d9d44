package collect

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// One estate, built once: half a minute is mostly Python's.
func TestAnEstate(t *testing.T) {
	c := startCloud(t)
	var e estate
	c.python(t, &e, "testdata/estate.py")
	t.Run("is collected", func(t *testing.T) { anEstateIsCollected(t, c, e) })
	t.Run("is read one by one", func(t *testing.T) { eachIsRead(t, c, e) })
	t.Run("loses nothing to an incomplete listing", func(t *testing.T) { nothingIsDeletedFromAnIncompleteListing(t, c) })
	t.Run("is asked again for what fails for a moment", func(t *testing.T) { whatFailsForAMomentIsAskedAgain(t, c) })
	t.Run("loses what is gone", func(t *testing.T) { whatIsGoneIsTakenAway(t, c, e) })
}

// A whole estate is known after one collection: every thing in it, and what depends
// on what, as listed by hand.
func anEstateIsCollected(t *testing.T, c *cloud, e estate) {
	w := newWorld(t, c)
	w.collect(t)
	covers, gaps := w.runner.Coverage()
	for _, g := range gaps {
		t.Errorf("gap: %s %s %s", g.Scope, g.State, g.Why)
	}
	counts := 0
	for _, v := range covers {
		if v.State == collect.Complete {
			counts++
		}
		t.Logf("%-60s %4d", v.Type, v.Count)
	}
	if len(e.Relations) < 120 {
		t.Fatalf("only %d relations are listed by hand", len(e.Relations))
	}
	s := w.graph.Snapshot()
	for name, urn := range e.Made {
		if _, ok := s.Resource(urn); !ok {
			t.Errorf("%s (%s) is not known", name, urn)
		}
	}
	jobs := 0
	s.Each(func(r model.Resource) bool {
		if r.Sketch() {
			jobs++
			if r.URN != "arn:aws:glue:us-east-1:123456789012:job/nightly" || r.Type != "glue:job" || r.Tags["team"] != "shop" || r.Name != "Nightly" || r.Account != "123456789012" || r.Region != "us-east-1" {
				t.Errorf("known by its tags alone: %+v", r)
			}
		}
		return true
	})
	if jobs != 1 {
		t.Errorf("%d are known by their tags alone, of a tagged job that no row reads", jobs)
	}
	found := 0
	for _, r := range e.Relations {
		if w.depends(r[0], r[1]) {
			found++
		} else {
			t.Logf("missed: %s -> %s", short(r[0]), short(r[1]))
		}
	}
	calls, again := w.collector.Counts()
	t.Logf("%d of %d relations (%.1f %%); %d resources, %d calls, %d of them again", found, len(e.Relations), 100*float64(found)/float64(len(e.Relations)), w.count(), calls, again)
	if float64(found) < 0.98*float64(len(e.Relations)) {
		t.Errorf("%d of %d relations are known, want 98 %%", found, len(e.Relations))
	}
	for _, a := range e.Strangers {
		for _, r := range s.Dependencies(a) {
			if slices.Contains(e.Strangers, r.To) {
				t.Errorf("what is only called alike depends on it: %s -> %s (%s, %s)", short(a), short(r.To), r.Source, r.Confidence)
			}
		}
	}
	if text := string(secrets(s)); strings.Contains(text, "hunter2") {
		t.Error("a secret is in the model")
	}
}

// Each resource can be read alone, and is what its listing says; one that is not
// there is absent, and one of another account nobody's.
func eachIsRead(t *testing.T, c *cloud, e estate) {
	w := newWorld(t, c)
	w.collect(t)
	for name, urn := range e.Made {
		got, err := w.collector.Get(t.Context(), urn)
		if err != nil || len(got) != 1 || got[0].Resource.URN != urn {
			t.Errorf("%s (%s): %d, %v", name, urn, len(got), err)
			continue
		}
		was, _ := w.graph.Snapshot().Resource(urn)
		w.graph.Apply(got)
		now, _ := w.graph.Snapshot().Resource(urn)
		if !slices.Equal(members(was), members(now)) || !maps.Equal(was.Tags, now.Tags) || !slices.Equal(was.Aliases, now.Aliases) {
			t.Errorf("%s read alone is otherwise: %v %v; was %v %v", name, members(now), now.Tags, members(was), was.Tags)
		}
		if !w.collector.Holds(urn) {
			t.Errorf("%s is not its own", urn)
		}
	}
	for _, kind := range []string{"vpc", "queue-mail", "shop-db", "lb", "fn-mailer", "bucket-shop-logs", "profile"} {
		other := e.Made[kind][:len(e.Made[kind])-4] + "ffff"
		if got, err := w.collector.Get(t.Context(), other); !errors.Is(err, collect.ErrAbsent) {
			t.Errorf("%s: %v, %v", other, got, err)
		}
	}
	none := model.URN(strings.Replace(string(e.Made["vpc"]), ":vpc/vpc-", ":transit-gateway/tgw-", 1)) // of a type that no row reads
	if none == e.Made["vpc"] {
		t.Fatal(none)
	}
	for _, urn := range []model.URN{"arn:aws:sqs:us-east-1:999999999999:mail", "k8s://c/apps/Deployment/n/d", "arn:aws:ec2:*:*:vpc/vpc-1", none} {
		if w.collector.Holds(urn) {
			t.Errorf("%s is said to be its own", urn)
		}
	}
}

func members(r model.Resource) []string {
	var m map[string]json.RawMessage
	if json.Unmarshal(r.Attrs, &m) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func short(u model.URN) string {
	return strings.Join(strings.Split(string(u), ":")[2:], ":")
}

// secrets are all the attributes there are.
func secrets(s model.Snapshot) (all []byte) {
	s.Each(func(r model.Resource) bool { all = append(all, r.Attrs...); return true })
	return all
}
