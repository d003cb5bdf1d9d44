package engine

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/radius"
	modelstore "github.com/assent-iom/assent/model/store"
	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/model/store/postgres/pgtest"
	"github.com/assent-iom/assent/policy"
)

// memoryOf opens a shared model.
func memoryOf(t *testing.T, shared Shared) *Memory {
	t.Helper()
	m, err := OpenMemory(t.Context(), "", shared, time.Now, func(what string, err error) { t.Log(what, err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// soon waits for a condition.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// Two engines on one database judge by the same model, of what was built too; of two
// that would run a collector one does, and says how it has looked; and when the
// database is away a decision knows how old what it judges by is.
func TestAModelThatIsShared(t *testing.T) {
	pg := pgtest.Start(t)
	at := pg.Database(t)
	a, b := memoryOf(t, Shared{URL: at, MaxAge: time.Hour}), memoryOf(t, Shared{URL: at})
	ctx := t.Context()
	const urn = model.URN("k8s://c/rbac.authorization.k8s.io/Role/n/r")
	role := func(verb string) []model.Observation {
		return []model.Observation{{Whole: true, Resource: model.Resource{URN: urn, Platform: "kubernetes", Type: "rbac.authorization.k8s.io/Role", Attrs: json.RawMessage(`{"rules":[{"verbs":["` + verb + `"]}]}`)}}}
	}
	a.Learn(role("get"), "traffic", time.Unix(1, 0))
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	built := model.Built{URN: urn, Type: "rbac.authorization.k8s.io/Role", At: day, Actor: "ann"}
	if err := a.Executed(ctx, []model.Built{built}, nil); err != nil {
		t.Fatal(err)
	}
	built.Attrs, built.ReadAt = role("get")[0].Resource.Attrs, day.Add(time.Second)
	if err := a.ReadBack(ctx, []model.Built{built}); err != nil {
		t.Fatal(err)
	}
	soon(t, "the other knows what there is, and how it was built", func() bool {
		_, there := b.Graph.Snapshot().Resource(urn)
		one, ok, err := b.BuiltOf(ctx, urn)
		return err == nil && there && ok && one.Settled()
	})
	stands, err := newStandings(b, nil, time.Now, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	drifted := func() int { return len(stands.on(b.Graph.Snapshot()).(model.Reconciled).Standing(urn).Drifted) }
	if drifted() != 0 {
		t.Error("it has drifted")
	}

	held, learn, release, err := a.Lease(false)(ctx, "kube")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := b.Lease(false)(ctx, "kube"); !errors.Is(err, postgres.ErrHeld) {
		t.Errorf("both run it: %v", err)
	}
	look := func(m *Memory, body string) {
		t.Helper()
		if err := m.Looked(ctx, []modelstore.Look{{Collector: "kube", Body: json.RawMessage(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	look(a, `{"by":"a"}`)
	look(b, `{"by":"b"}`)
	if all, err := b.Looks(ctx); err != nil || len(all) != 1 || string(all[0].Body) != `{"by":"a"}` {
		t.Errorf("who does not read says how it has looked: %s, %v", all, err)
	}
	learn.Learn(role("*"), "kube", time.Unix(2, 0))
	soon(t, "what a collector reads is the other's too, and has drifted", func() bool { return drifted() == 1 })
	release()
	if held.Err() == nil {
		t.Error("it is held after it was released")
	}
	_, _, releaseB, err := b.Lease(false)(ctx, "kube")
	if err != nil {
		t.Fatal(err)
	}
	look(b, `{"by":"b"}`)
	releaseB()
	if all, err := a.Looks(ctx); err != nil || len(all) != 1 || string(all[0].Body) != `{"by":"b"}` {
		t.Errorf("%s, %v", all, err)
	}

	if st, shared := a.Status(); !shared || st.Max != 3600 || strings.Contains(st.Place, pgtest.Password) {
		t.Errorf("%+v", st)
	}
	soon(t, "it is as new as it can be", func() bool { return a.Behind() == nil })
	decider, err := Decider(nil)
	if err != nil {
		t.Fatal(err)
	}
	codes := func() (out []string) {
		d := dated{decider, a.Behind}.Decide(ctx, model.Action{Platform: "kubernetes", Verb: model.Update, Targets: []model.Target{{URN: urn, Role: model.RoleTarget}}}, a.Graph.Snapshot(), policy.Enforce, time.Now(), "dec_1")
		for _, f := range d.Findings {
			out = append(out, f.Code)
		}
		return out
	}
	if got := codes(); slices.Contains(got, "AS5004") {
		t.Errorf("%v", got)
	}
	pg.Down(t)
	soon(t, "it is behind", func() bool { return a.Behind() != nil })
	if age := a.Behind(); age.Since.IsZero() || age.Until.Sub(age.Since) != time.Hour {
		t.Errorf("%+v", age)
	}
	if age := b.Behind(); age != nil && age.Until.Sub(age.Since) != DefaultMaxAge {
		t.Errorf("%+v", age)
	}
	if got := radius.BehindOf(radius.NewWitness(model.Dated{Snapshot: a.Graph.Snapshot(), Behind: *a.Behind()}, false)); got == nil {
		t.Error("no decision would know")
	}
	if drifted() != 1 {
		t.Error("what was built is not known while the database is away")
	}
	waiting := make(chan error, 1)
	go func() { waiting <- a.Executed(context.Background(), []model.Built{built}, nil) }()
	never := memoryOf(t, Shared{URL: at})
	if age := never.Behind(); age == nil || !age.Since.IsZero() || !age.Until.IsZero() {
		t.Errorf("it was never reached: %+v", age)
	}
	if st, _ := never.Status(); st.Age != -1 || st.Why == "" {
		t.Errorf("%+v", st)
	}
	select {
	case err := <-waiting:
		t.Errorf("what was built was given up: %v", err)
	default:
	}
	impatient, stop := context.WithCancel(ctx)
	stop()
	if err := b.Executed(impatient, []model.Built{built}, nil); err == nil {
		t.Error("who does not wait is told that it is kept")
	}
	a.hurry()
	a.hurry() // twice is once
	if err := <-waiting; err == nil || !postgres.Away(err) {
		t.Errorf("%v", err)
	}
	pg.Up(t)
	soon(t, "who was never there joins", func() bool {
		_, there := never.Graph.Snapshot().Resource(urn)
		_, ok, _ := never.BuiltOf(ctx, urn)
		return there && ok && never.Behind() == nil
	})
}

// A model in a file is nobody else's, and never behind.
func TestAModelInAFileIsNotShared(t *testing.T) {
	m, err := OpenMemory(t.Context(), filepath.Join(t.TempDir(), "new", "model.db"), Shared{}, time.Now, func(what string, err error) { t.Error(what, err) })
	if err != nil {
		t.Fatal(err)
	}
	if _, shared := m.Status(); shared || m.Behind() != nil || m.Lease(true) != nil {
		t.Error("it is shared")
	}
	m.Learn([]model.Observation{{Resource: model.Resource{URN: "u"}}}, "traffic", time.Unix(1, 0))
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _, err := m.Load(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
