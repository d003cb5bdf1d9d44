package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/graph"
	"github.com/assent-iom/assent/model/store"
)

// coverage is one line of `assent collect --json`.
type coverage struct {
	Collector, Account, Region, Type, State, Why string
	Count, Swept                                 int
}

func (w *world) collect(args ...string) (all []coverage) {
	w.t.Helper()
	r := w.must(binary, append([]string{"collect", "--json"}, args...)...)
	dec := json.NewDecoder(strings.NewReader(r.out))
	for {
		var c coverage
		if err := dec.Decode(&c); err == io.EOF {
			return all
		} else if err != nil {
			w.t.Fatalf("collect --json: %v\n%s", err, r.out)
		}
		all = append(all, c)
	}
}

// model is what the world knows, from the file that it is kept in.
func (w *world) model() model.Snapshot {
	w.t.Helper()
	s, err := store.Open(filepath.Join(w.dir, "model.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	resources, relations, err := s.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	g := graph.New(graph.Config{})
	g.Load(resources, relations)
	return g.Snapshot()
}

// awsEstate is what estate.py made.
type awsEstate struct {
	Made      map[string]model.URN
	Relations [][2]model.URN
	Strangers []model.URN
}

// An estate that was built through the proxy and is collected afterwards is known:
// what depends on what, as listed by hand, and nothing between what is only called
// alike.
func TestAnEstateIsBuiltThroughTheProxyAndCollected(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	script, err := filepath.Abs("../../../decoders/aws/collect/testdata/estate.py")
	if err != nil {
		t.Fatal(err)
	}
	w.behind(c, "model: model.db\ncollect:\n  aws:\n    - {}\n")
	built := w.must(binary, "run", "--", tool(t, "python3"), script)
	var e awsEstate
	if err := json.Unmarshal([]byte(built.out), &e); err != nil {
		t.Fatalf("%v: %v", err, built)
	}
	if len(e.Relations) < 120 {
		t.Fatalf("only %d relations are listed by hand", len(e.Relations))
	}
	for _, v := range w.collect() {
		if v.State != "complete" {
			t.Errorf("%+v", v)
		}
	}
	s := w.model()
	found := 0
	for _, r := range e.Relations {
		if slices.ContainsFunc(s.Dependencies(r[0]), func(d model.Relation) bool { return d.To == r[1] }) {
			found++
		} else {
			t.Logf("missed: %s -> %s", r[0], r[1])
		}
	}
	t.Logf("%d of %d relations", found, len(e.Relations))
	if float64(found) < 0.98*float64(len(e.Relations)) {
		t.Errorf("%d of %d relations are known, want 98 %%", found, len(e.Relations))
	}
	for _, a := range e.Strangers {
		for _, d := range s.Dependencies(a) {
			if slices.Contains(e.Strangers, d.To) {
				t.Errorf("what is only called alike: %+v", d)
			}
		}
	}
	s.Each(func(r model.Resource) bool {
		if strings.Contains(string(r.Attrs), "hunter2") {
			t.Errorf("a secret is in the model: %s", r.URN)
		}
		return true
	})
}

// An account that only a role leads to is read as well, and is another account.
func TestARoleLeadsToAnotherAccount(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	const other, role = "222222222222", "arn:aws:iam::222222222222:role/assent-reader"
	w.behind(c, fmt.Sprintf("model: model.db\ncollect:\n  aws:\n    - regions: [us-east-1]\n    - {role: %q, external_id: a-word, regions: [eu-west-1]}\n", role))
	there := w.must(tool(t, "python3"), "-c", fmt.Sprintf(`
import boto3
to = dict(endpoint_url=%q, region_name="eu-west-1")
boto3.client("sqs", **to).create_queue(QueueName="mine")
k = boto3.client("sts", **to).assume_role(RoleArn=%q, RoleSessionName="tests")["Credentials"]
s = boto3.session.Session(k["AccessKeyId"], k["SecretAccessKey"], k["SessionToken"])
print(s.client("sqs", **to).create_queue(QueueName="theirs")["QueueUrl"])`, c.url, role))
	got := w.collect("aws/" + other)
	if len(got) == 0 {
		t.Fatal(there)
	}
	for _, v := range got {
		if v.State != "complete" || v.Account != other || v.Collector != "aws/"+other {
			t.Errorf("%+v", v)
		}
	}
	s := w.model()
	if _, ok := s.Resource("arn:aws:sqs:eu-west-1:222222222222:theirs"); !ok {
		t.Error("the other account's queue is not known")
	}
	if _, ok := s.Resource("arn:aws:sqs:eu-west-1:123456789012:mine"); ok {
		t.Error("what was not asked for was read")
	}
	r := w.assent("collect", "aws/nobody")
	if r.code != 2 {
		t.Errorf("%v", r)
	}
	contains(t, "the error", r.errOut, "aws/nobody", "aws/default", "aws/"+other)
}

// Where nobody answers, the command fails and says what was asked.
func TestCollectingFromNobodyFails(t *testing.T) {
	w := newWorld(t)
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \"http://127.0.0.1:1\"}\ncollect:\n  aws:\n    - {}\n")
	w.env["AWS_MAX_ATTEMPTS"] = "1"
	r := w.assent("collect")
	if r.code == 0 {
		t.Fatalf("%v", r)
	}
	contains(t, "the error", r.errOut, "aws/default", "whose credentials these are")
}
