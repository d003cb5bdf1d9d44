package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func save(t *testing.T, s *Store, observations ...model.Observation) {
	t.Helper()
	if err := s.Save(context.Background(), observations); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *Store) ([]model.Resource, []model.Relation) {
	t.Helper()
	resources, relations, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return resources, relations
}

const (
	known  = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0ddddddd"
	vague  = "arn:aws:ec2:eu-west-1:*:instance/i-0ddddddd"
	second = "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-0ccccccc"
)

func see(urn, attrs string, whole bool, aliases ...string) model.Observation {
	return model.Observation{Whole: whole, Resource: model.Resource{URN: model.URN(urn), Attrs: json.RawMessage(attrs), Aliases: aliases,
		SeenAt: time.Unix(9, 0).UTC(), Tags: map[string]string{"a": "b"}}}
}

// TestGraphAndStoreAgree: what is loaded has the digest of what was seen.
func TestGraphAndStoreAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "model.db")
	rel := model.Relation{From: "i-0ddddddd", To: "sg-0ccccccc", Type: "guarded-by"}
	for name, history := range map[string][]model.Observation{
		"merge":   {see(known, `{"a":1,"b":{"x":1}}`, true), see(known, `{"b":{"y":2}}`, false)},
		"replace": {see(known, `{"a":1}`, true), see(known, `{"b":"sg-0ccccccc"}`, true), see(second, `{}`, true)},
		"gone":    {see(known, `{}`, true, "alias-1"), {Gone: true, Resource: model.Resource{URN: "alias-1"}}, see(second, `{}`, true)},
		"stated":  {{Relations: []model.Relation{rel}}, see(known, `{}`, true, "i-0ddddddd"), see(second, `{}`, true, "sg-0ccccccc")},
		"cut":     {see(known, `{}`, true, "i-0ddddddd"), see(second, `{}`, true, "sg-0ccccccc"), {Relations: []model.Relation{rel}}, {Cut: []model.Relation{{From: known, To: second}}}},
		"restated": {see(known, `{}`, true, "i-0ddddddd"), see(second, `{}`, true, "sg-0ccccccc"), {Relations: []model.Relation{rel}},
			{Resource: model.Resource{URN: known}, Restates: true, Relations: []model.Relation{{From: known, To: second, Type: "attached"}}}},
		"vague":      {see(vague, `{"a":1}`, true), see(known, `{"b":1}`, false)},
		"vague last": {see(known, `{"b":1}`, true), see(vague, `{"a":1}`, false)},
		"vague gone": {see(vague, `{"a":1}`, true), see(known, `{"b":1}`, false), {Gone: true, Resource: model.Resource{URN: vague}}},
		"not JSON":   {see(known, `{"a`, true)},
		"spaces":     {see(known, `{ "z" : 1, "a":[ ] }`, true), see(known, `{"m":null}`, false)},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, path+strings.ReplaceAll(name, " ", "-"))
			g := graph.New(graph.Config{})
			for _, o := range history {
				g.Apply([]model.Observation{o})
				save(t, s, o)
			}
			again := graph.New(graph.Config{})
			again.Load(load(t, s))
			if a, b := g.Snapshot().Version().Digest, again.Snapshot().Version().Digest; a != b {
				one, _ := g.Export()
				two, _ := again.Export()
				t.Errorf("in memory %+v\non disk %+v", one, two)
			}
		})
	}
}

func TestTwoProcessesShareAModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.db")
	a, b := open(t, path), open(t, path)
	var group sync.WaitGroup
	for who, s := range []*Store{a, b} {
		group.Go(func() {
			for i := range 60 {
				err := s.Save(context.Background(), []model.Observation{see(fmt.Sprintf("urn-%d", i), fmt.Sprintf(`{"by%d":%d}`, who, i), false)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	resources, _ := load(t, a)
	if len(resources) != 60 {
		t.Fatalf("%d resources", len(resources))
	}
	for _, r := range resources {
		if !strings.Contains(string(r.Attrs), "by0") || !strings.Contains(string(r.Attrs), "by1") {
			t.Errorf("%s lost half: %s", r.URN, r.Attrs)
		}
	}
	if n, err := b.Changes(context.Background()); n != 120 || err != nil {
		t.Errorf("%d changes, %v", n, err)
	}
}

func TestDamagedFilesAreNamedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.db")
	content := []byte(strings.Repeat("this is no database ", 300))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "mv "+path) {
		t.Errorf("%v", err)
	}
	if after, _ := os.ReadFile(path); !reflect.DeepEqual(after, content) {
		t.Error("the damaged file was changed")
	}
}

// A row that cannot be read, and a reader that gives up, leave the graph as it was.
func TestADamagedRowIsNamedAndNothingIsLoaded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "model.db"))
	var all []model.Observation
	for i := range 20 * chunkRows {
		all = append(all, see(fmt.Sprintf("urn-%05d", i), `{}`, true))
	}
	save(t, s, all...)
	g := graph.New(graph.Config{})
	g.Apply([]model.Observation{see("kept", `{}`, true)})
	before := g.Snapshot().Version()
	stopped, stop := context.WithCancel(t.Context())
	from := func(ctx context.Context) func(func(*model.Resource)) ([]model.Relation, error) {
		return func(see func(*model.Resource)) ([]model.Relation, error) {
			return s.Each(ctx, func(r *model.Resource) {
				if r.URN == "urn-01000" {
					stop()
				}
				see(r)
			})
		}
	}
	if err := g.LoadFrom(from(stopped)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := s.db.Exec("UPDATE resource SET body = '{' WHERE urn = 'urn-07000'"); err != nil {
		t.Fatal(err)
	}
	if err := g.LoadFrom(from(t.Context())); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "urn-07000") {
		t.Errorf("%v", err)
	}
	if g.Size() != 1 || g.Snapshot().Version() != before {
		t.Errorf("%d resources, %+v", g.Size(), g.Snapshot().Version())
	}
	if _, err := s.db.Exec("UPDATE resource SET body = '{}' WHERE urn = 'urn-07000'"); err != nil {
		t.Fatal(err)
	}
	if resources, _ := load(t, s); len(resources) != len(all) || resources[8000].URN != "urn-08000" {
		t.Errorf("%d resources", len(resources))
	}
}

func TestClosingAWriterSavesWhatWasPut(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "model.db"))
	w := NewWriter(s)
	for i := range 3 * batchSize {
		if err := w.Put([]model.Observation{see(fmt.Sprintf("urn-%d", i), `{}`, true)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := w.Put([]model.Observation{see("last", `{}`, true)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if resources, _ := load(t, s); len(resources) != 3*batchSize+1 {
		t.Errorf("%d resources", len(resources))
	}
	if err := w.Put(nil); err == nil {
		t.Error("a closed writer takes more")
	}
}

func TestAFailedDiskStopsTheWriterAndSaysSo(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "model.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w := NewWriter(s)
	if err := w.Put([]model.Observation{see("urn", `{}`, true)}); err != nil {
		t.Fatal(err)
	}
	if w.Flush() == nil || w.Put(nil) == nil || w.Close() == nil {
		t.Error("the error was swallowed")
	}
}

func BenchmarkSaveBatchOf500(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "model.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var batch []model.Observation
	for i := range batchSize {
		batch = append(batch, see(fmt.Sprintf("urn-%d", i), `{"a":"`+strings.Repeat("x", 400)+`"}`, true, fmt.Sprintf("i-%08x", i)))
	}
	for b.Loop() {
		if err := s.Save(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
