package radius

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/assent-iom/assent/model"
)

// TestRecallAnswersAsTheSnapshotDid: what was asked of a witness can be asked of
// the facts, and nothing else is known.
func TestRecallAnswersAsTheSnapshotDid(t *testing.T) {
	s := world(t, thing{id: "ec2:subnet subnet"}, thing{"rds:db db", []string{"contains subnet"}}, thing{"t app", []string{"reads db"}}).Snapshot()
	w := NewWitness(s, false)
	changes := change(Destroy, "subnet")
	reach := Availability(w, changes, Budget{})
	subnet, known := w.Resolve("x://a/subnet")
	if !known {
		t.Fatal("the subnet is not known")
	}
	if _, known := w.Resolve("nobody"); known {
		t.Fatal("nobody is known")
	}
	res, _ := w.Resource(subnet)
	if FacingIn(w, res) != Facing(res) {
		t.Error("the witness changes the answer")
	}
	data, err := json.Marshal(w.Facts())
	if err != nil {
		t.Fatal(err)
	}
	var facts model.Facts
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	r := Recall(facts)
	if r.Version() != s.Version() {
		t.Error("another version")
	}
	again := Availability(r, changes, Budget{})
	if again.Count != reach.Count || again.Complete != reach.Complete || !reflect.DeepEqual(again.Nearest(0), reach.Nearest(0)) {
		t.Errorf("was %+v, is %+v", reach.Nearest(0), again.Nearest(0))
	}
	if urn, ok := r.Resolve("x://a/subnet"); urn != subnet || !ok {
		t.Errorf("resolved %q, %v", urn, ok)
	}
	if got, ok := r.Resource(subnet); !ok || got.Type != res.Type || got.Attrs != nil {
		t.Errorf("recalled %+v", got)
	}
	for _, stranger := range []string{"nobody", "x://a/app"} {
		if _, ok := r.Resolve(stranger); ok {
			t.Errorf("%s was never found", stranger)
		}
		if _, ok := r.Resource(model.URN(stranger)); ok {
			t.Errorf("%s was never asked for", stranger)
		}
	}
	if d := r.Dependents([]model.URN{subnet}, 0); d.Complete {
		t.Error("memory claims to know all dependents")
	}
	if Availability(Recall(model.Facts{}), changes, Budget{}).Complete {
		t.Error("what was not recorded counts as nothing")
	}
}

// Who users meet is remembered too, also by a witness of memory: a decision that is made
// again counts them as it did.
func TestWhoUsersMeetIsRemembered(t *testing.T) {
	s := world(t, thing{id: "core/Service web"}).Snapshot()
	res, ok := s.Resource(urn("web"))
	if !ok {
		t.Fatal("it is not there")
	}
	res.Attrs = json.RawMessage(`{"spec":{"type":"LoadBalancer"}}`)
	w := NewWitness(s, false)
	if !FacingIn(w, res) {
		t.Fatal("a Service of type LoadBalancer is met by nobody")
	}
	kept := model.Resource{URN: res.URN, Type: res.Type} // without its attributes
	again := NewWitness(Recall(w.Facts()), false)
	if !FacingIn(again, kept) || len(again.Facts().Facing) != 1 {
		t.Error("it is forgotten")
	}
}
