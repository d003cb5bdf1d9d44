package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// A call that hands a role to a service is drafted without that right: the draft
// refuses it, and allows it once a person has uncommented the lines for it.
func TestSuggestedIntentNeverHandsARoleOver(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\n")
	w.write("intent/README.md", "declared documents live here\n")
	task := []string{"aws", "ecs", "register-task-definition", "--family", "web", "--task-role-arn", "arn:aws:iam::123456789012:role/app",
		"--container-definitions", `[{"name":"web","image":"nginx","memory":128}]`}
	run := func(more ...string) result {
		t.Helper()
		return w.assent(append(append([]string{"run", "--as", "deploy-agent", "--kind", "agent"}, more...), append([]string{"--"}, task...)...)...)
	}
	if r := run(); r.code != 0 {
		t.Fatal(r)
	}
	draft := w.must(binary, "intent", "suggest").out
	contains(t, "the draft", draft, "To decide by hand", "hands this role to ecs")
	w.write("intent/suggested.yaml", draft)
	r := run("--enforce")
	if r.code == 0 {
		t.Fatalf("the role was handed over, and nobody had decided that:\n%s", draft)
	}
	contains(t, "the refusal", r.errOut, "iam:PassRole", "role/app")

	commented := regexp.MustCompile(`(?m)^    #(- id:|  who:|  may:|  what:|  in:)`)
	if n := len(commented.FindAllString(draft, -1)); n != 5 {
		t.Fatalf("%d lines to uncomment, want 5:\n%s", n, draft)
	}
	w.write("intent/suggested.yaml", commented.ReplaceAllString(draft, "    $1"))
	w.must(binary, "intent", "check")
	if r := run("--enforce"); r.code != 0 {
		t.Errorf("uncommented, it is still refused: %v", r)
	}
}

// A template that opens a port to the world is refused with the line of the
// template, and the cloud stays as it was.
func TestATemplateThatOpensAPortIsRefusedWithItsLine(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent+`---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: stacks, owner: platform}
spec:
  purpose: Stacks of the deploy agent.
  allow:
    - {id: stacks, who: [deploy-agent], may: [create], what: {capability: [iac.stack, network.firewall]}, in: [shop]}
`)
	template := w.write("web.yaml", `Resources:
  Door:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
`)
	before := c.state()
	r := w.assent("run", "--as", "deploy-agent", "--", "aws", "cloudformation", "create-stack", "--stack-name", "web", "--template-body", "file://"+template)
	if r.code == 0 || c.state() != before {
		t.Fatalf("the port was opened: %v", r)
	}
	contains(t, "the refusal", strings.Join(strings.Fields(r.errOut), " "), "template line 2 (Door)")
}
