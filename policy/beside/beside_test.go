package beside

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/ast"
	oparego "github.com/open-policy-agent/opa/v1/rego"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/decide/decidetest"
	"github.com/assent-iom/assent/policy/rego"
)

// engine answers whether a change is allowed.
type engine func(a model.Action) bool

// facts is what the other engines are handed of a change.
type facts struct{ actor, env, owner string }

func factsOf(t testing.TB, a model.Action, s model.Snapshot) facts {
	res, ok := s.Resource(a.Targets[0].URN)
	if !ok {
		t.Fatalf("no %s", a.Targets[0].URN)
	}
	var n int
	if _, err := fmt.Sscanf(a.Account, "%d", &n); err != nil {
		t.Fatal(err)
	}
	return facts{a.Actor.ID, fmt.Sprintf("env-%02d", n-100), res.Tags["team"]}
}

// ours is assent, with the compilers that are given.
func ours(t testing.TB, set *intent.Set, s model.Snapshot, compilers ...decide.Compiler) engine {
	e, err := decide.New(decide.Config{Intent: set, Compilers: compilers})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	return func(a model.Action) bool {
		return e.Decide(context.Background(), a, s, policy.Enforce, at, "dec_1").Verdict == policy.Allow
	}
}

func quoted[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", string(w))
	}
	return strings.Join(out, ", ")
}

// opa is one rule a clause: what its index can use comes first.
func opa(t testing.TB, set *intent.Set, s model.Snapshot) engine {
	var text strings.Builder
	text.WriteString("package company\n\nimport rego.v1\n\ndefault verdict := false\n\nverdict if {\n\tcount(allow) > 0\n\tcount(never) == 0\n}\n\n")
	rule := func(name, id string, body ...string) {
		fmt.Fprintf(&text, "%s contains %q if {\n\t%s\n}\n\n", name, id, strings.Join(body, "\n\t"))
	}
	for _, doc := range set.Intents {
		for _, c := range doc.Allow {
			body := []string{"input.actor == " + quoted(c.Who), "input.verb in {" + quoted(c.May) + "}", "input.capability in {" + quoted(c.What.Capability) + "}", "input.env in {" + quoted(c.In) + "}"}
			if c.What.Owner != "" {
				body = append(body, fmt.Sprintf("input.owner == %q", c.What.Owner))
			}
			rule("allow", c.ID, append(body, `input.props["encryption.atRest"] == true`)...)
		}
		for _, c := range doc.Never {
			rule("never", c.ID, "input.verb in {"+quoted(c.May)+"}", "input.capability in {"+quoted(c.What.Capability)+"}", fmt.Sprintf("input.owner == %q", c.What.Owner))
		}
	}
	ask, err := oparego.New(oparego.Query("data.company.verdict"), oparego.Module("company.rego", text.String())).PrepareForEval(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	key := ast.InternedTerm[string]
	return func(a model.Action) bool {
		f := factsOf(t, a, s)
		props := ast.NewObject()
		for _, p := range a.Props {
			props.Insert(key(p.Name), ast.BooleanTerm(p.Value == true))
		}
		in := ast.NewObject([2]*ast.Term{key("actor"), ast.StringTerm(f.actor)}, [2]*ast.Term{key("env"), ast.StringTerm(f.env)}, [2]*ast.Term{key("owner"), ast.StringTerm(f.owner)},
			[2]*ast.Term{key("verb"), ast.StringTerm(string(a.Verb))}, [2]*ast.Term{key("capability"), ast.StringTerm(a.Capability)}, [2]*ast.Term{key("props"), ast.NewTerm(props)})
		results, err := ask.Eval(context.Background(), oparego.EvalParsedInput(in))
		return err == nil && results.Allowed()
	}
}

// cedarGo is one policy a clause.
func cedarGo(t testing.TB, set *intent.Set, s model.Snapshot) engine {
	var text strings.Builder
	uids := func(kind string, words []model.Verb) string {
		var out []string
		for _, w := range words {
			out = append(out, fmt.Sprintf("%s::%q", kind, w))
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	for _, doc := range set.Intents {
		for _, c := range doc.Allow {
			when := fmt.Sprintf("[%s].contains(resource.capability) && [%s].contains(resource.env) && context.encryption", quoted(c.What.Capability), quoted(c.In))
			if c.What.Owner != "" {
				when += fmt.Sprintf(" && resource.owner == %q", c.What.Owner)
			}
			fmt.Fprintf(&text, "permit (principal == Actor::%s, action in %s, resource) when { %s };\n", quoted(c.Who), uids("Action", c.May), when)
		}
		for _, c := range doc.Never {
			fmt.Fprintf(&text, "forbid (principal, action in %s, resource) when { [%s].contains(resource.capability) && resource.owner == %q };\n", uids("Action", c.May), quoted(c.What.Capability), c.What.Owner)
		}
	}
	policies, err := cedar.NewPolicySetFromBytes("company.cedar", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return func(a model.Action) bool {
		f := factsOf(t, a, s)
		it := cedar.NewEntityUID("Machine", cedar.String(a.Targets[0].URN))
		entities := cedar.EntityMap{it: cedar.Entity{UID: it, Attributes: cedar.NewRecord(cedar.RecordMap{
			"capability": cedar.String(a.Capability), "env": cedar.String(f.env), "owner": cedar.String(f.owner)})}}
		encrypted := slices.ContainsFunc(a.Props, func(p model.Property) bool { return p.Name == "encryption.atRest" && p.Value == true })
		decision, _ := cedar.Authorize(policies, entities, cedar.Request{Principal: cedar.NewEntityUID("Actor", cedar.String(f.actor)),
			Action: cedar.NewEntityUID("Action", cedar.String(a.Verb)), Resource: it, Context: cedar.NewRecord(cedar.RecordMap{"encryption": cedar.Boolean(encrypted)})})
		return bool(decision)
	}
}

func engines(t testing.TB, clauses int, s model.Snapshot) map[string]func() engine {
	set := decidetest.Company(clauses)
	ruled := *set
	ruled.Rules = decidetest.Rules()
	return map[string]func() engine{
		"assent/clauses": func() engine { return ours(t, set, s, decide.Using(checks.Compile)) },
		"assent/rules": func() engine {
			return ours(t, &ruled, s, decide.Using(checks.Compile), decide.Using(rego.Compile))
		},
		"nothing": func() engine { return func(model.Action) bool { return true } }, // what measuring costs
		"opa":     func() engine { return opa(t, set, s) },
		"cedar":   func() engine { return cedarGo(t, set, s) },
	}
}

// TestAllSayTheSame: what is measured beside each other is the same question, the
// refusals too.
func TestAllSayTheSame(t *testing.T) {
	s := decidetest.Estate()
	all := decidetest.Changes(24)
	for i := range all { // of every three, one by somebody else, and one that is not encrypted
		switch i % 3 {
		case 1:
			all[i].Actor.ID = "actor-99"
		case 2:
			all[i].Props = []model.Property{{Name: "encryption.atRest", Value: false, Known: true}}
		}
	}
	said := [2]int{}
	built := map[string]engine{}
	for name, build := range engines(t, 600, s) {
		built[name] = build()
	}
	for _, a := range all {
		want := built["assent/clauses"](a)
		if want {
			said[1]++
		} else {
			said[0]++
		}
		for name, ask := range built {
			if name == "nothing" {
				continue
			}
			if got := ask(a); got != want {
				t.Errorf("%s says %v of %+v, assent %v", name, got, a, want)
			}
		}
	}
	if said[0] == 0 || said[1] == 0 {
		t.Errorf("all were refused, or all allowed: %v", said)
	}
}

// BenchmarkBeside is one verdict over 10,000 clauses and 100,000 resources, and what
// the clauses cost to compile and to keep.
func BenchmarkBeside(b *testing.B) {
	s := decidetest.Estate()
	all := decidetest.Changes(64)
	builds := engines(b, 10_000, s)
	for _, name := range []string{"nothing", "assent/clauses", "assent/rules", "opa", "cedar"} {
		b.Run(name, func(b *testing.B) {
			ask, mib, took := decidetest.Kept(b, builds[name])
			b.ResetTimer()
			decidetest.Figures(b, func(i int) {
				if !ask(all[i%len(all)]) {
					b.Fatal("it is refused")
				}
			})
			b.ReportMetric(mib, "kept-MiB")
			b.ReportMetric(float64(took.Milliseconds()), "compile-cpu-ms")
		})
	}
}
