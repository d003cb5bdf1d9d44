package decide

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

type nothing struct{}

func (nothing) Version() model.Version                    { return model.Version{Rev: 7, Digest: "sha256:7"} }
func (nothing) Resource(model.URN) (model.Resource, bool) { return model.Resource{}, false }
func (nothing) Resolve(string) (model.URN, bool)          { return "", false }
func (nothing) Dependents([]model.URN, int) model.Reach   { return model.Reach{Complete: true} }
func (nothing) Dependencies(model.URN) []model.Relation   { return nil }
func (nothing) Each(func(model.Resource) bool)            {}

// judge is a function as a policy.Judge.
type judge func(context.Context, *policy.Decision) error

func (j judge) Judge(ctx context.Context, d *policy.Decision, _ model.Snapshot) error {
	return j(ctx, d)
}

func with(judges ...judge) Config {
	var cfg Config
	for _, j := range judges {
		cfg.Compilers = append(cfg.Compilers, func(*intent.Set) (policy.Judge, error) { return j, nil })
	}
	return cfg
}

func allow(_ context.Context, d *policy.Decision) error {
	d.Verdict, d.Grant = policy.Allow, "x/y"
	return nil
}

func engine(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(e *Engine) policy.Decision {
	return e.Decide(context.Background(), model.Action{Service: "s3", Operation: "X", Decoder: "aws"}, nothing{}, policy.Enforce, time.Unix(1, 0).UTC(), "dec_1")
}

func TestOneSnapshotOneVerdict(t *testing.T) {
	e := engine(t, with(allow))
	d := ask(e)
	if d.Verdict != policy.Allow || d.Basis.Model.Rev != 7 || d.Basis.Intent != intent.None || d.Basis.Decoder != "aws" || d.ID != "dec_1" {
		t.Errorf("%+v", d)
	}
	a, _ := json.Marshal(d)
	b, _ := json.Marshal(ask(e))
	if string(a) != string(b) {
		t.Error("replaying a decision gives other bytes")
	}
}

func TestFailClosedNeverFallOver(t *testing.T) {
	var none *int
	cases := map[string]judge{
		"an error":             func(context.Context, *policy.Decision) error { return errors.New("no") },
		"a panic":              func(context.Context, *policy.Decision) error { *none = 1; return nil },
		"a raised verdict":     func(_ context.Context, d *policy.Decision) error { d.Verdict = policy.Allow; return nil },
		"an error after allow": func(_ context.Context, d *policy.Decision) error { d.Verdict = policy.Allow; return errors.New("late") },
	}
	deny := func(_ context.Context, d *policy.Decision) error { d.Verdict = policy.Deny; return nil }
	for name, j := range cases {
		d := ask(engine(t, with(deny, j)))
		if d.Verdict != policy.Deny || d.Fault == "" || !d.Blocks() || d.Grant != "" || len(d.Findings) != 1 || d.Findings[0].Code != CodeFault {
			t.Errorf("%s: %+v", name, d)
		}
	}
	d := engine(t, with(allow)).Decide(context.Background(), model.Action{}, nil, policy.Enforce, time.Time{}, "x")
	if d.Fault == "" || !d.Blocks() {
		t.Errorf("without a model: %+v", d)
	}
}

func TestABadSetNeverReplacesTheRunningOne(t *testing.T) {
	cfg := Config{Compilers: []Compiler{func(s *intent.Set) (policy.Judge, error) {
		if s != nil && s.Digest == "bad" {
			return nil, errors.New("it does not compile")
		}
		if s != nil && s.Digest == "worse" {
			panic("compiling")
		}
		return judge(allow), nil
	}}}
	cfg.Intent = &intent.Set{Digest: "good", Owners: []*intent.Owner{{Name: "x"}}}
	e := engine(t, cfg)
	for _, digest := range []string{"bad", "worse"} {
		if err := e.Swap(&intent.Set{Digest: digest}); err == nil || !strings.Contains(err.Error(), "compil") {
			t.Errorf("%s: %v", digest, err)
		}
		if d := ask(e); d.Basis.Intent != "good" || d.Verdict != policy.Allow {
			t.Errorf("%+v", d)
		}
	}
	cfg.Intent = &intent.Set{Digest: "bad"}
	if _, err := New(cfg); err == nil {
		t.Error("it started on a set that does not compile")
	}
}

func TestASwapDisturbsNobody(t *testing.T) {
	e := engine(t, with(allow))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if d := ask(e); d.Verdict != policy.Allow {
					t.Errorf("%+v", d)
				}
			}
		})
	}
	for range 50 {
		if err := e.Swap(nil); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an engine without a judge was made")
	}
	cfg := with(allow)
	cfg.Timeout = -1
	if _, err := New(cfg); err == nil {
		t.Error("a negative timeout was taken")
	}
}
