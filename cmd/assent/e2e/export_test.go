package e2e

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/assent-iom/assent/policy"
)

// TestAnAuditorsOPASaysTheSame: of what a real client did, the exported policy says
// what assent said; and the documents are held against it.
func TestAnAuditorsOPASaysTheSame(t *testing.T) {
	aws := tool(t, "aws")
	w := newWorld(t)
	c := startCloud(t, -1)
	w.behind(c, "intent: intent\n")
	w.write("intent/shop.yaml", shopIntent)
	agent := func(args ...string) result {
		return w.assent(append([]string{"run", "--enforce", "--as", "deploy-agent", "--", aws}, args...)...)
	}
	if r := agent("s3api", "create-bucket", "--bucket", "acme-reports"); r.code != 0 {
		t.Fatal(r)
	}
	if r := agent("sqs", "create-queue", "--queue-name", "jobs"); r.code == 0 {
		t.Fatal("what is not declared went through")
	}
	said := map[string]bool{}
	for _, d := range w.decisions() {
		text := w.must(binary, "intent", "export", "--rego", "--of", d.ID).out
		var in any
		if err := json.Unmarshal([]byte(w.must(binary, "intent", "export", "--questions", "--of", d.ID).out), &in); err != nil {
			t.Fatal(err)
		}
		results, err := rego.New(rego.Query("data.assent.intent.verdict"), rego.Module("intent.rego", text), rego.Input(in)).Eval(context.Background())
		if err != nil || len(results) != 1 {
			t.Fatalf("%v %v", results, err)
		}
		if got := results[0].Expressions[0].Value; got != d.Verdict {
			t.Errorf("%s of %s: the exported policy says %v", d.Verdict, d.Action.Operation, got)
		}
		said[d.Verdict] = true
	}
	if !said[policy.Allow.String()] || !said[policy.Deny.String()] {
		t.Errorf("only %v", said)
	}
	r := w.assent("intent", "refine", "--idle", "0s")
	if r.code != 3 {
		t.Errorf("%v", r)
	}
	contains(t, "refine", r.out, "remove chores/tables: it has allowed nothing since", "narrow chores/report-buckets: it has allowed 1 changes", "and never to update")
}
