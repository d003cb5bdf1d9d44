package rego_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	oparego "github.com/open-policy-agent/opa/v1/rego"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/model/radius"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/rego"
)

var friday = time.Unix(1_800_000_000, 0)

// approvals are some that were given, of this action or of another.
func (d dice) approvals(a model.Action) (all []policy.Approval) {
	for _, by := range people[2:] {
		if d.one(3) {
			all = append(all, policy.Approval{ID: "app_" + by, By: by, Scope: pick(d, policy.Scope(a), policy.Scope(a), "other"), At: friday.Add(-time.Minute), Expires: friday.Add(pick(d, -time.Second, time.Hour, time.Hour))})
		}
	}
	return all
}

// triples is how many the exported policy is tried on; ASSENT_TRIPLES says another
// number, and 100,000 is the bar.
func triples(t *testing.T) int {
	if said := os.Getenv("ASSENT_TRIPLES"); said != "" {
		n, err := strconv.Atoi(said)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 2000
}

// TestTheExportedPolicyDecidesAsWeDo: documents, somebody, what they do to what:
// the policy in Rego says of all of them what the compiled clauses say.
func TestTheExportedPolicyDecidesAsWeDo(t *testing.T) {
	const each = 50 // actions a set: compiling in OPA costs more than asking
	n := triples(t)
	var next, differ atomic.Int64
	var verdicts [3]atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for differ.Load() < 5 {
				seed := next.Add(1)
				if seed*each > int64(n) {
					return
				}
				d := dice{rand.New(rand.NewPCG(uint64(seed), 11))}
				set := d.set()
				text, program, ask := exported(t, set)
				for range each {
					a, f := d.action()
					said, asked, answered := both(t, program, ask, a, f, d.approvals(a)...)
					if a.Mutates() { // a read is allowed by nobody
						verdicts[said.Verdict].Add(1)
					}
					if answered != said.Verdict.String() {
						differ.Add(1)
						x, _ := json.MarshalIndent(asked, "", " ")
						t.Errorf("seed %d: we say %s (%+v), the policy %s\n%s\n%s", seed, said.Verdict, said.Findings, answered, x, text[len(text)-min(len(text), 6000):])
						break
					}
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d denied, %d held, %d allowed", verdicts[policy.Deny].Load(), verdicts[policy.Hold].Load(), verdicts[policy.Allow].Load())
	for v := range verdicts {
		if n >= 1000 && verdicts[v].Load() < int64(n)/200 {
			t.Errorf("only %d of %d are %s", verdicts[v].Load(), n, policy.Verdict(v))
		}
	}
}

func exported(t testing.TB, set *intent.Set) (string, *checks.Program, oparego.PreparedEvalQuery) {
	t.Helper()
	text, err := rego.Export(set)
	if err != nil {
		t.Fatal(err)
	}
	program, err := checks.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	ask, err := oparego.New(oparego.Query("data.assent.intent.verdict"), oparego.Module("intent.rego", string(text)), oparego.SetRegoVersion(ast.RegoV1),
		oparego.StrictBuiltinErrors(true), oparego.Strict(true)).PrepareForEval(context.Background())
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text), program, ask
}

// both asks us and the policy.
func both(t testing.TB, p *checks.Program, ask oparego.PreparedEvalQuery, a model.Action, f model.Facts, given ...policy.Approval) (policy.Decision, []checks.Question, string) {
	t.Helper()
	ctx := context.Background()
	d := policy.Decision{ID: "dec_1", At: friday, Action: a, Approvals: given}
	questions, err := p.Questions(ctx, d, radius.Recall(f))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Judge(ctx, &d, radius.Recall(f)); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"questions": questions})
	if err != nil {
		t.Fatal(err)
	}
	in, err := ast.ValueFromReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	results, err := ask.Eval(ctx, oparego.EvalParsedInput(in))
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if len(results) != 1 {
		t.Fatalf("no verdict: %v\n%s", results, data)
	}
	verdict, _ := results[0].Expressions[0].Value.(string)
	return d, questions, verdict
}

// TestAQuestionWithoutAnAnswerIsDenied: whatever an auditor's input leaves out, nothing
// is let through that was not before, and without what everything hangs on nothing is.
func TestAQuestionWithoutAnAnswerIsDenied(t *testing.T) {
	tried := 0
	for seed := uint64(1); tried < 10 && seed < 100; seed++ {
		d := dice{rand.New(rand.NewPCG(seed, 12))}
		_, program, ask := exported(t, d.set())
		for range 20 {
			a, f := d.action()
			said, questions, _ := both(t, program, ask, a, f)
			if said.Verdict != policy.Allow || !a.Mutates() {
				continue
			}
			tried++
			data, _ := json.Marshal(questions[0])
			var whole map[string]any
			if err := json.Unmarshal(data, &whole); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"", "asks", "dry_run", "subject", "subjects", "actor", "verb", "changes", "unclear", "exact", "capability", "operation", "thing", "props", "in_caps", "at", "day", "outside"} {
				less := map[string]any{}
				for k, v := range whole {
					if name != "" && k != name {
						less[k] = v
					}
				}
				for _, in := range []any{map[string]any{"questions": []any{less}}, map[string]any{"questions": []any{whole, less}}, map[string]any{"questions": []any{}}, map[string]any{}, nil, "x"} {
					results, err := ask.Eval(context.Background(), oparego.EvalInput(in))
					if err != nil || len(results) != 1 || results[0].Expressions[0].Value != "deny" {
						t.Fatalf("without %q: %v %v", name, results, err)
					}
				}
			}
		}
	}
	if tried == 0 {
		t.Fatal("nothing was allowed that could be refused")
	}
}
