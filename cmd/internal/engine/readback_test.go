package engine

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/policy"
)

// A change is read back as soon as it is executed: what is kept is how it was then.
func TestAChangeIsReadBackAtOnce(t *testing.T) {
	s, err := modelstore.Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Unix(5, 0).UTC()
	kept, failed := make(chan model.URN, 3), make(chan error, 3)
	b := startBuilds(s, func() error { return nil }, func(err error) { t.Error(err) })
	b.back.Store(startReadBacks(func() time.Time { return at.Add(time.Second) },
		func(_ context.Context, urn model.URN) (model.Resource, error) {
			switch urn {
			case "nobodys":
				return model.Resource{}, errNobody
			case "gone":
				return model.Resource{}, errors.New("it is gone")
			}
			return model.Resource{URN: urn, Type: "t", Attrs: []byte(`{"a":1}`)}, nil
		},
		func(b model.Built) error {
			err := s.ReadBack(context.Background(), []model.Built{b})
			kept <- b.URN
			return err
		}, func(err error) { failed <- err }))
	for _, urn := range []model.URN{"nobodys", "gone", "mine"} {
		b.note(policy.Decision{ID: "d", Action: model.Action{Verb: model.Create, Targets: []model.Target{{URN: urn, Type: "t", Role: model.RoleCreated}}}}, nil, at)
	}
	if urn := <-kept; urn != "mine" {
		t.Errorf("%s was kept", urn)
	}
	if err := <-failed; err == nil || len(failed) != 0 {
		t.Errorf("%v, and %d more", err, len(failed))
	}
	b.close()
	all, err := s.Built(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, x := range all {
		if x.Settled() != (x.URN == "mine") {
			t.Errorf("%+v", x)
		}
	}
}
