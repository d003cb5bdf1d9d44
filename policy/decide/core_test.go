package decide_test

import (
	"context"
	"testing"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/policy/checks"
	"github.com/assent-iom/assent/policy/decide"
	"github.com/assent-iom/assent/policy/decide/decidetest"
)

func core(t testing.TB, set *intent.Set) *decide.Engine {
	t.Helper()
	e, err := decide.New(decide.Config{Intent: set, Compilers: []decide.Compiler{decide.Using(checks.Compile)}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// BenchmarkCore is one verdict, with all that is recorded of it: by the clauses alone,
// and with rules in Rego after them. Beside other engines: policy/beside.
func BenchmarkCore(b *testing.B) {
	s, set := decidetest.Estate(), decidetest.Company(10_000)
	with := *set
	with.Rules = decidetest.Rules()
	all := decidetest.Changes(512)
	for name, e := range map[string]*decide.Engine{"clauses": core(b, set), "rego": whole(b, &with)} {
		b.Run(name, func(b *testing.B) {
			decidetest.Figures(b, func(i int) {
				if d := e.Decide(context.Background(), all[i%len(all)], s, policy.Enforce, at(), "dec_1"); d.Verdict != policy.Allow {
					b.Fatalf("%+v", d.Findings)
				}
			})
		})
	}
}

// BenchmarkCompile is 10,000 clauses, from documents to what judges.
func BenchmarkCompile(b *testing.B) {
	set := decidetest.Company(10_000)
	for b.Loop() {
		_, mib, took := decidetest.Kept(b, func() *decide.Engine { return core(b, set) })
		b.ReportMetric(mib, "MiB")
		b.ReportMetric(float64(took.Milliseconds()), "cpu-ms")
	}
}
