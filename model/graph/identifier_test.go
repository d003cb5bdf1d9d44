package graph

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/assent-iom/assent/model"
)

func TestMentions(t *testing.T) {
	for s, want := range map[string][]string{
		"web":                            nil,
		"1.2.3.4":                        nil,
		"v1.2.3":                         nil,
		"t3.micro":                       nil,
		"2026-11-24":                     nil,
		"my-bucket":                      nil,
		"i-0123456789abcdef0":            {"i-0123456789abcdef0"},
		"sg-01234567, sg-89abcdef":       {"sg-01234567", "sg-89abcdef"},
		"DB.Corp.Example.com.":           {"db.corp.example.com"},
		"db.corp.example.com:5432":       {"db.corp.example.com"},
		"arn:aws:s3:::logs/*":            {"arn:aws:s3:::logs"},
		"arn:aws:s3:::*":                 nil,
		"arn:aws:logs:r:1:log-group:g:*": {"arn:aws:logs:r:1:log-group:g"},
		"https://sqs.eu-west-1.amazonaws.com/1/q": {"https://sqs.eu-west-1.amazonaws.com/1/q", "sqs.eu-west-1.amazonaws.com"},
		"k8s://prod/apps/Deployment/shop/cart":    {"k8s://prod/apps/Deployment/shop/cart"},
		"arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:1:function:f/invocations": {
			"arn:aws:lambda:r:1:function:f",
			"arn:aws:apigateway:r:lambda:path/2015-03-31/functions/arn:aws:lambda:r:1:function:f/invocations"},
		"6F9619FF-8B86-D011-B42D-00CF4FC964FF": {"6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
	} {
		var got []string
		mentions(s, func(key string) { got = append(got, key) })
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

// FuzzNormalise: normalising is idempotent, and what is mentioned is distinctive.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"", " ", "arn:aws:s3:::b/*", "A.B.CD.", "i-0123456789,,", "https://[::1", "x/arn:a:b:::c/arn:a:b:c:d:e/invocations"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c := canon(s); canon(c) != c && !isDNS(c) {
			t.Errorf("canon(%q) = %q, then %q", s, c, canon(c))
		}
		mentions(s, func(key string) {
			if !distinctive(key) {
				t.Errorf("%q mentions %q", s, key)
			}
		})
	})
}

// FuzzWalk: the walk meets the strings that encoding/json meets.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":["b",{"c":"d\"e"}],"f":1e9,"g":null}`, `"x"`, `[]`, `[[[]]]`, `{"p":"{\"q\":\"r\"}"}`, `{"a`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		data, _ := canonical(raw, nil)
		if len(data) == 0 {
			return
		}
		if len(data) > MaxAttrs+64 || !json.Valid([]byte(data)) {
			t.Fatalf("canonical(%q) = %q", raw, data)
		}
		value, err := decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		deepest := collect(value, 0, &want)
		walk(data, func(_ []byte, s string) { got = append(got, s) })
		if deepest > maxNesting || slices.ContainsFunc(want, func(s string) bool { return document(s) != nil }) {
			return
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	})
}

func collect(value any, depth int, out *[]string) int {
	deepest := depth
	switch v := value.(type) {
	case string:
		*out = append(*out, v)
	case []any:
		for _, x := range v {
			deepest = max(deepest, collect(x, depth+1, out))
		}
	case map[string]any:
		for _, x := range v {
			deepest = max(deepest, collect(x, depth+1, out))
		}
	}
	return deepest
}

// FuzzApply: nothing that an answer says makes the model contradict itself.
func FuzzApply(f *testing.F) {
	f.Add("arn:aws:ec2:r:*:instance/i-01234567", "i-01234567", []byte(`{"a":"sg-01234567"}`), "arn:aws:ec2:r:1:instance/i-01234567")
	f.Add("k8s://c//Pod/n/p", "", []byte(`[`), "x")
	f.Add("arn:a:b:*:*:c/x-00000000", "arn:a:b:1::c/x-00000000", []byte(`"arn:a:b:*:2:c/x-00000000"`), "arn:a:b:1:2:c/x-00000000")
	f.Fuzz(func(t *testing.T, a, alias string, attrs []byte, b string) {
		g := New(Config{})
		steps := []model.Observation{
			{Resource: model.Resource{URN: model.URN(a), Aliases: []string{alias}, Attrs: attrs}, Relations: []model.Relation{{From: model.URN(b), To: model.URN(a)}}},
			{Resource: model.Resource{URN: model.URN(b), Attrs: attrs}, Whole: true},
			{Resource: model.Resource{URN: model.URN(alias), Tags: map[string]string{"t": a}}},
			{Resource: model.Resource{URN: model.URN(a)}, Gone: true},
			{Resource: model.Resource{URN: model.URN(a), Attrs: attrs}, Cut: []model.Relation{{From: model.URN(b), To: model.URN(a)}}},
		}
		for _, o := range steps {
			g.Apply([]model.Observation{o})
			check(t, g)
		}
	})
}

// check verifies that both directions of every relation agree, and the counts.
func check(t *testing.T, g *Graph) {
	t.Helper()
	v := g.current.Load()
	forward, backward, waits := map[[2]any]int{}, map[[2]any]int{}, 0
	count := 0
	for _, p := range v.pages {
		for i, n := range p.nodes {
			if n == nil {
				continue
			}
			count++
			waits += len(n.waits)
			id := uint32(slices.Index(v.pages, p)*pageSize + i)
			for _, e := range n.out {
				forward[[2]any{e.to, e.from(id)}]++
			}
			n.in.each(func(e inEdge) { backward[[2]any{id, e}]++ })
		}
	}
	if !reflect.DeepEqual(forward, backward) || count != v.count || waits != g.current.Load().waits {
		t.Fatalf("forward %v backward %v; %d resources, counted %d; %d waits, counted %d", forward, backward, v.count, count, g.current.Load().waits, waits)
	}
}
