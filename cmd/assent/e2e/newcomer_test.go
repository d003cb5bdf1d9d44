package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestANewcomerIsThereInTwelveCommands: from nothing to enforced intent, with a
// real client and a cloud on loopback, and no document written by hand.
func TestANewcomerIsThereInTwelveCommands(t *testing.T) {
	aws := tool(t, "aws")
	w := newWorld(t)
	c := startCloud(t, -1)
	typed := 0
	must := func(args ...string) result {
		t.Helper()
		typed++
		return w.must(binary, args...)
	}
	out := must("init").out
	contains(t, "init", out, "account  123456789012 (AWS_ACCESS_KEY_ID)", "wrote    assent.yaml", "assent intent suggest")
	// What a newcomer would not have to write: where the cloud is.
	config, err := os.ReadFile(filepath.Join(w.dir, "assent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("assent.yaml", string(config)+"upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+c.url+"\"}\n")

	must("run", "--as", "deploy-agent", "--kind", "agent", "--", aws, "s3api", "create-bucket", "--bucket", "acme-reports")
	must("run", "--as", "deploy-agent", "--kind", "agent", "--", aws, "sqs", "create-queue", "--queue-name", "jobs")
	draft := must("intent", "suggest").out
	w.write("intent/draft.yaml", draft)
	if strings.Contains(draft, "kind: Environment") || strings.Contains(draft, "kind: Owner") {
		t.Errorf("what init declared is drafted again:\n%s", draft)
	}
	must("intent", "check")
	must("run", "--enforce", "--as", "deploy-agent", "--kind", "agent", "--", aws, "sqs", "create-queue", "--queue-name", "jobs")
	before := c.state()
	typed++
	r := w.assent("run", "--enforce", "--as", "deploy-agent", "--kind", "agent", "--", aws, "s3api", "delete-bucket", "--bucket", "acme-reports")
	if r.code == 0 || c.state() != before {
		t.Errorf("what is not declared went through: %v", r)
	}
	contains(t, "the refusal", r.errOut, "AssentDenied", "no intent allows this")
	all := w.decisions()
	out = must("explain", all[len(all)-1].ID).out
	contains(t, "explain", out, "AS2002", "team")
	must("ledger", "verify")
	must("replay")
	if typed > 12 {
		t.Errorf("it took %d commands", typed)
	}
}
