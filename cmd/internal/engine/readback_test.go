package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
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
		func(_ context.Context, b model.Built) (model.Built, error) {
			switch b.URN {
			case "nobodys":
				return b, errNobody
			case "gone":
				return b, errors.New("it is gone")
			}
			b.Attrs = []byte(`{"a":1}`)
			return b, nil
		},
		func(_ model.URN, b model.Built) error {
			err := s.ReadBack(context.Background(), []model.Built{b})
			kept <- b.URN
			return err
		}, func(err error) { failed <- err }))
	for _, urn := range []model.URN{"nobodys", "gone", "mine"} {
		b.note(policy.Decision{ID: "d", Action: model.Action{Verb: model.Create, Targets: []model.Target{{URN: urn, Type: "t", Role: model.RoleCreated}}}}, nil, at, nobodys)
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

// The end of a run waits for what it changed to be read back, and not for ever; what a
// call only names by half is known by the rest of its name.
func TestTheEndWaitsForReadBacks(t *testing.T) {
	for name, stuck := range map[string]bool{"read": false, "stuck": true} {
		t.Run(name, func(t *testing.T) {
			begun, kept := make(chan struct{}), 0
			r := startReadBacks(time.Now, func(ctx context.Context, b model.Built) (model.Built, error) {
				if b.URN == "first" {
					close(begun)
				}
				if stuck {
					<-ctx.Done()
					return b, ctx.Err()
				}
				return b, nil
			}, func(model.URN, model.Built) error { kept++; return nil }, func(err error) { t.Error(err) })
			for _, urn := range []model.URN{"first", "second", "third"} {
				r.add(model.Built{URN: urn})
			}
			<-begun
			ctx, cancel := context.WithCancel(t.Context())
			if stuck {
				cancel()
			}
			r.finish(ctx)
			cancel()
			if want := map[bool]int{false: 3, true: 0}[stuck]; kept != want {
				t.Errorf("%d were read back, want %d", kept, want)
			}
		})
	}
	g := graph.New(graph.Config{})
	const own = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0"
	g.Apply([]model.Observation{{Resource: model.Resource{URN: own, Type: "ec2:instance", Aliases: []string{"i-0123456789abcdef0"}}}})
	for urn, want := range map[model.URN]model.URN{own: own, "arn:aws:ec2:eu-west-1:*:instance/i-0123456789abcdef0": own, "arn:aws:ec2:eu-west-2:*:instance/i-0123456789abcdef0": "", "arn:aws:ec2:eu-west-1:*:instance/*": ""} {
		if got, _ := known(g.Snapshot(), urn); got != want {
			t.Errorf("%s is known as %q", urn, got)
		}
	}
}

// slowReader reads one resource as it was a moment ago.
type slowReader struct {
	collect.Collector
	meanwhile func()
}

func (r slowReader) Name() string { return "slow" }
func (r slowReader) Scopes(context.Context) ([]collect.Scope, []collect.Gap, error) {
	return nil, nil, nil
}
func (r slowReader) Holds(model.URN) bool { return true }
func (r slowReader) Get(_ context.Context, urn model.URN) ([]model.Observation, error) {
	r.meanwhile()
	return []model.Observation{{Whole: true, Resource: model.Resource{URN: urn, Type: "t", Attrs: []byte(`{"a":1}`)}}}, nil
}

// What went while it was read back does not come back by that.
func TestAReadBackBringsNothingBack(t *testing.T) {
	for name, goes := range map[string]bool{"it stays": false, "it goes meanwhile": true} {
		e, err := New(t.Context(), Config{Ledger: nothing{}, ModelPath: filepath.Join(t.TempDir(), "model.db"), Now: time.Now, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		learn := func(o model.Observation) { e.memory.Learn([]model.Observation{o}, "watch", time.Now()) }
		learn(model.Observation{Resource: model.Resource{URN: "thing", Type: "t", Attrs: []byte(`{"a":0}`)}})
		_, err = e.readNow(t.Context(), readersOf([]collect.Collector{slowReader{meanwhile: func() {
			if goes {
				learn(model.Observation{Resource: model.Resource{URN: "thing"}, Gone: true})
			}
		}}}), model.Built{URN: "thing"})
		if _, there := e.memory.Graph.Snapshot().Resource("thing"); there == goes || errors.Is(err, collect.ErrAbsent) != goes {
			t.Errorf("%s: there %t, %v", name, there, err)
		}
	}
}

// nothing is a ledger that takes nothing.
type nothing struct{}

func (nothing) Append(context.Context, ledger.Entry) (ledger.Receipt, error) {
	return ledger.Receipt{}, errors.New("nothing is recorded here")
}
