package e2e

import (
	"strings"
	"testing"
)

// A clause that asks for a change ticket allows what a run does that was started for one,
// and the ledger keeps it. What the client says of itself is no ticket.
func TestARunIsForAChangeTicket(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", strings.Replace(approvedIntent, "approvals: [{from: dana, expires: 1h}]", `when: {ticket: "CHG-*"}`, 1))
	w.must("aws", "--endpoint-url", c.url, "s3", "mb", "s3://acme-reports-old")
	before := c.state()
	remove := func(args ...string) result {
		return w.assent(append(append([]string{"run", "--as", "deploy-agent"}, args...), "--", "aws", "s3api", "delete-bucket", "--bucket", "acme-reports-old")...)
	}
	w.env["AWS_EXECUTION_ENV"] = "CHG-4711"
	if r := remove(); r.code == 0 || c.state() != before {
		t.Fatalf("without a ticket: %v", r)
	} else {
		contains(t, "the refusal", r.errOut, "AS2022", "change ticket")
	}
	if r := remove("--ticket", "SHOP-1"); r.code == 0 || c.state() != before {
		t.Fatalf("for another kind of ticket: %v", r)
	}
	if r := remove("--ticket", "CHG-1\nx"); r.code != 125 && r.code != 2 {
		t.Errorf("a ticket of two lines: %v", r)
	}
	if r := remove("--ticket", "CHG-4711"); r.code != 0 {
		t.Fatalf("for its ticket: %v", r)
	}
	all := w.decisions()
	last := all[len(all)-1]
	contains(t, "the evidence", w.must(binary, "explain", "--json", last.ID).out, `"ticket":"CHG-4711"`)
}
