package engine

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/policy"
)

// Kept is what a change named and changed, and what its answer showed: not what it
// only depends on, and no name with a hole in it where the answer has the whole.
func TestWhatWasExecutedIsKept(t *testing.T) {
	s, err := modelstore.Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := startBuilds(s, func() error { return nil }, func(err error) { t.Error(err) })
	const pre = "arn:aws:ec2:us-east-1:1:"
	target := func(urn, kind, role string) model.Target {
		return model.Target{URN: model.URN(urn), Type: kind, Role: role}
	}
	at := time.Unix(5, 0).UTC()
	note := func(id string, seen []model.Observation, targets ...model.Target) {
		b.note(policy.Decision{ID: id, Action: model.Action{Service: "ec2", Operation: "Op", Verb: model.Create, Targets: targets, Actor: model.Actor{ID: "human:ann"}}}, seen, at, nobodys)
	}
	one := func(urn string, gone bool) []model.Observation {
		return []model.Observation{{Gone: gone, Resource: model.Resource{URN: model.URN(urn), Type: "ec2:instance"}}}
	}
	note("d1", one(pre+"instance/i-1", false), target(pre+"instance/*", "ec2:instance", model.RoleCreated), target(pre+"subnet/s-1", "ec2:subnet", model.RoleDependency))
	note("d2", nil, target("arn:aws:autoscaling:us-east-1:1:autoScalingGroup:*:autoScalingGroupName/web", "autoscaling:autoScalingGroup", model.RoleCreated))
	note("d3", nil, target(pre+"*", "ec2:instance", model.RoleTarget), target(pre+"volume/v-1", "ec2:volume", model.RoleTarget))
	note("d4", nil, target(pre+"instance/i-2", "ec2:instance", model.RoleTarget))
	note("d5", one(pre+"instance/i-2", true), target(pre+"instance/i-2", "ec2:instance", model.RoleTarget))
	b.close()
	note("d6", nil, target(pre+"volume/v-2", "ec2:volume", model.RoleTarget)) // too late, and no fault
	all, err := s.Built(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[model.URN]string{}
	for _, x := range all {
		got[x.URN] = x.Decision
		if made := x.Made != nil; made != (x.Decision != "d3") || made && x.Made.Decision != x.Decision { // d3 only changed it
			t.Errorf("made by %+v: %+v", x.Made, x)
		}
		if x.Settled() || x.Actor != "human:ann" || x.Operation != "ec2:Op" || !x.At.Equal(at) {
			t.Errorf("%+v", x)
		}
	}
	want := map[model.URN]string{pre + "instance/i-1": "d1", pre + "volume/v-1": "d3", "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:*:autoScalingGroupName/web": "d2"}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for urn, id := range want {
		if got[urn] != id {
			t.Errorf("%s: %q, want %s", urn, got[urn], id)
		}
	}
}

// A disk that fails is told of once, and nothing waits for it.
func TestADiskThatFailsIsToldOfOnce(t *testing.T) {
	told := 0
	s, err := modelstore.Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b := startBuilds(s, func() error { return errors.New("no") }, func(error) { told++ })
	for range 3 {
		b.note(policy.Decision{Action: model.Action{Verb: model.Create, Targets: []model.Target{{URN: "u", Role: model.RoleCreated}}}}, nil, time.Unix(1, 0), nobodys)
	}
	b.listed()
	b.close()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// nobodys is that nothing had drifted.
func nobodys(model.URN) []string { return nil }
