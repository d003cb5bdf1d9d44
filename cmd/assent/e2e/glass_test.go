package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// In an emergency a person has what they do let through, loudly and for a while:
// signed, recorded with each decision, and reviewed by somebody else before the next.
func TestBreakingTheGlass(t *testing.T) {
	o := newOffice(t, "wait: 0s\n")
	o.write("intent/shop.yaml", strings.Replace(approvedIntent, "tier: production", "tier: production\n  caps: {rate: {per: 1h, deletes: 0}}\n  breakGlass: {by: [dana], longest: 30m}", 1))
	o.must(tool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(o.dir, "ines"))
	o.write("intent/ines.yaml", `apiVersion: assent.dev/v1
kind: Actor
metadata: {name: ines}
spec: {kind: human, person: "human:ines@shop.example", identify: [{ssh: "`+strings.Join(strings.Fields(o.must("cat", "ines.pub").out)[:2], " ")+`"}], owner: platform}
`)
	if r := o.remove("dana", "acme-reports-old"); r.code == 0 {
		t.Fatalf("nothing allows it yet: %v", r)
	}
	glass := func(args ...string) result { return o.assent(append([]string{"break-glass"}, args...)...) }
	for name, r := range map[string]result{
		"too long":              glass("--env", "shop", "--reason", "INC-1", "--for", "2h", "--key", "dana", "--yes"),
		"whose glass it is not": glass("--env", "shop", "--reason", "INC-1", "--key", "ines", "--yes"),
		"for an agent":          glass("--env", "shop", "--reason", "INC-1", "--as", "deploy-agent", "--key", "dana", "--yes"),
		"nowhere":               glass("--env", "nowhere", "--reason", "INC-1", "--key", "dana", "--yes"),
		"unasked":               glass("--env", "shop", "--reason", "INC-1", "--key", "dana"),
	} {
		if r.code == 0 {
			t.Errorf("%s: %v", name, r)
		}
	}
	o.must(binary, "break-glass", "--env", "shop", "--reason", "INC-1: the disk is full", "--key", "dana", "--yes")
	r := o.remove("dana", "acme-reports-old")
	if r.code != 0 {
		t.Fatalf("the glass is broken: %v", r)
	}
	contains(t, "the run", r.errOut, "the glass is broken", "INC-1: the disk is full")
	if left := o.must("aws", "--endpoint-url", o.cloud.url, "s3", "ls").out; strings.Contains(left, "acme-reports-old") {
		t.Errorf("it is still there: %s", left)
	}
	if r := o.remove("deploy-agent", "acme-reports-new"); r.code == 0 {
		t.Errorf("an agent acts on it: %v", r)
	}
	all := o.decisions()
	i := slices.IndexFunc(all, func(d decision) bool { return d.Grant == "break-glass shop" })
	if i < 0 {
		t.Fatalf("no decision went by it: %+v", all)
	}
	broken := all[i]
	contains(t, "explain", o.must(binary, "explain", broken.ID).out, "AS2051", "dana broke the glass of shop", "it would have been refused (")
	contains(t, "verify", o.must(binary, "ledger", "verify").out, "ok")
	if n := strings.Count(o.must(binary, "ledger", "tail", "--all", "--json").out, `"kind":"override"`); n != 2 {
		t.Errorf("%d entries of overrides: given, and used", n)
	}

	listed := o.must(binary, "break-glass", "list").out
	contains(t, "list", listed, "open", "dana in shop", "INC-1")
	id := strings.Fields(listed)[0]
	if r := glass("review", id, "--finding", "justified", "--key", "dana"); r.code == 0 {
		t.Errorf("who broke it reviews it: %v", r)
	}
	o.must(binary, "break-glass", "review", id, "--finding", "justified", "--comment", "seen", "--key", "ines")
	if r := glass("review", id, "--finding", "unjustified", "--key", "ines"); r.code == 0 {
		t.Errorf("it is reviewed twice: %v", r)
	}
	contains(t, "list --all", o.must(binary, "break-glass", "list", "--all", "--json").out, `"state":"reviewed"`, `"finding":"justified"`, `"by":"ines"`)
	contains(t, "verify", o.must(binary, "ledger", "verify").out, "ok")
}
