package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// approvedIntent lets the agent delete buckets, if a person says so.
const approvedIntent = shopIntent + `
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: cleanup, owner: platform}
spec:
  purpose: The agent clears up, and a person looks at it before.
  allow:
    - id: buckets
      who: ["*"]
      may: [delete]
      what: {capability: [storage.bucket]}
      in: [shop]
      approvals: [{from: dana, expires: 1h}]
`

// office is a world with a person, dana, who can approve.
type office struct {
	*world
	cloud *cloud
}

func newOffice(t *testing.T, settings string) office {
	t.Helper()
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n"+settings)
	w.must(tool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "dana@shop.example", "-f", filepath.Join(w.dir, "dana"))
	w.write("intent/shop.yaml", approvedIntent)
	w.write("intent/dana.yaml", `apiVersion: assent.dev/v1
kind: Actor
metadata: {name: dana}
spec:
  kind: human
  person: human:dana@shop.example
  identify: [{ssh: "`+strings.TrimSpace(w.must("cat", "dana.pub").out)+`"}, {run: dana}]
  owner: platform
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: build-agent}
spec: {kind: agent, identify: [{run: build-agent}], owner: platform}
`)
	for _, bucket := range []string{"acme-reports-old", "acme-reports-new"} {
		w.must("aws", "--endpoint-url", c.url, "s3", "mb", "s3://"+bucket)
	}
	return office{w, c}
}

// remove deletes a bucket as somebody.
func (o office) remove(as, bucket string) result {
	o.t.Helper()
	return o.assent("run", "--as", as, "--", "aws", "s3api", "delete-bucket", "--bucket", bucket)
}

// waiting waits until somebody is asked, and returns the request.
func (w *world) waiting() string {
	w.t.Helper()
	var r struct {
		ID    string `json:"id"`
		Items []struct {
			Targets []string `json:"targets"`
		} `json:"items"`
	}
	waitFor(w.t, "a request for approval", func() bool {
		out := w.must(binary, "inbox", "--json").out
		return out != "" && json.Unmarshal([]byte(out), &r) == nil
	})
	return r.ID
}

func (o office) answer(what, request string) {
	o.t.Helper()
	o.must(binary, what, request, "--key", "dana", "--yes", "--reason", "CHG-4711")
}

// Approvals are exact in scope, single-use, and expire; the same command, run
// again, picks the answer up.
func TestAnApprovalIsForOneCallOnce(t *testing.T) {
	o := newOffice(t, "wait: 0s\n")
	before := o.cloud.state()
	r := o.remove("deploy-agent", "acme-reports-old")
	if r.code == 0 || o.cloud.state() != before {
		t.Fatalf("it was not held: %v", r)
	}
	request := o.waiting()
	contains(t, "the client's message", r.errOut, "AssentDenied", "assent holds this call", "AS2008", "dana", "assent approve "+request, "run it again once it is approved")
	contains(t, "the request", o.must(binary, "inbox", request).out, "deploy-agent", "s3:DeleteBucket", "acme-reports-old", "cleanup/buckets", "pending")
	if r := o.run(binary, "approve", request, "--key", "dana"); r.code != 2 || !strings.Contains(r.errOut, "--yes") {
		t.Errorf("it was answered without anybody: %v", r)
	}
	o.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "mallory")
	if r := o.run(binary, "approve", request, "--key", "mallory", "--yes"); r.code == 0 || !strings.Contains(r.errOut, "none of your SSH keys") {
		t.Errorf("a stranger approved: %v", r)
	}
	o.answer("approve", request)
	if r := o.remove("deploy-agent", "acme-reports-new"); r.code == 0 {
		t.Errorf("an approval for one bucket deleted another: %v", r)
	}
	if r := o.remove("build-agent", "acme-reports-old"); r.code == 0 {
		t.Errorf("an approval for one agent served another: %v", r)
	}
	if r := o.remove("deploy-agent", "acme-reports-old"); r.code != 0 {
		t.Fatalf("it was approved, and refused: %v", r)
	}
	o.must("aws", "--endpoint-url", o.cloud.url, "s3", "mb", "s3://acme-reports-old")
	if r := o.remove("deploy-agent", "acme-reports-old"); r.code == 0 {
		t.Errorf("the approval was used twice: %v", r)
	}

	contains(t, "ledger verify", o.must(binary, "ledger", "verify").out, "ok")
	index := o.indexOf("approval")
	o.must(binary, "ledger", "export", "--to", "evidence", index)
	o.write("evidence/signers", "dana "+o.must("cat", "dana.pub").out)
	o.write("check.sh", `exec ssh-keygen -Y verify -f evidence/signers -I dana -n approval@assent.dev -s evidence/`+index+`.ticket.sig < evidence/`+index+`.ticket`)
	contains(t, "ssh-keygen", o.must("sh", "check.sh").out, "Good", "dana")
	contains(t, "the ticket", o.must("cat", "evidence/"+index+".ticket").out, request, "acme-reports-old", "CHG-4711")
}

// An approval is for what was looked at: whoever changed it since, the call is refused
// with what changed, and asked about anew.
func TestAnApprovalIsForWhatWasLookedAtAtAWS(t *testing.T) {
	o := newOffice(t, "wait: 0s\nmodel: model.db\ncollect:\n  aws:\n    - {}\n")
	const bucket = "acme-reports-old"
	tag := func(value string) []string {
		return []string{"s3api", "put-bucket-tagging", "--bucket", bucket, "--tagging", "TagSet=[{Key=team,Value=" + value + "}]"}
	}
	direct := func(args ...string) {
		t.Helper()
		o.must("aws", append([]string{"--endpoint-url", o.cloud.url}, args...)...)
	}
	held := func() {
		t.Helper()
		if r := o.remove("deploy-agent", bucket); r.code == 0 || !strings.Contains(r.errOut, "AS2008") {
			t.Fatalf("it was not held: %v", r)
		}
		o.answer("approve", o.waiting())
	}
	direct(tag("shop")...)
	o.collect()
	held()
	direct(tag("books")...) // past assent
	o.collect()
	o.refusedFor("what was changed since", o.remove("deploy-agent", bucket), "AS2026", "run it again to ask anew")
	o.refusal("tags.team", bucket, "approved by dana")
	held()
	o.allowed("a change by way of assent", o.assent(append([]string{"run", "--as", "deploy-agent", "--", "aws"}, tag("toys")...)...))
	changed := o.decisions()[len(o.decisions())-1].ID
	o.collect()
	o.refusedFor("what was changed since", o.remove("deploy-agent", bucket), "AS2026")
	o.refusal("tags.team", "changed since by "+changed)
	held()
	o.allowed("what is as it was", o.remove("deploy-agent", bucket))
	contains(t, "ledger verify", o.must(binary, "ledger", "verify").out, "ok")
}

// Nobody approves their own action.
func TestNobodyApprovesTheirOwnAction(t *testing.T) {
	o := newOffice(t, "wait: 1m\n")
	for _, as := range [][]string{{"--as", "dana"}, {"--as", "deploy-agent", "--for", "dana"}} {
		r := o.assent(append(append([]string{"run"}, as...), "--", "aws", "s3api", "delete-bucket", "--bucket", "acme-reports-old")...)
		if r.code == 0 || !strings.Contains(r.errOut, "nobody is declared who may approve it") {
			t.Errorf("%v: %v", as, r)
		}
	}
	if out := o.must(binary, "inbox", "--all", "--json").out; out != "" {
		t.Errorf("somebody was asked: %s", out)
	}
}

// A call that waits goes on where it stood, in the client that it came from; so
// it does past the minute after which the AWS CLI gives up on a silent server.
func TestAHeldCallGoesOnInItsClient(t *testing.T) {
	o := newOffice(t, "")
	done := make(chan result, 1)
	began := time.Now()
	go func() { done <- o.remove("deploy-agent", "acme-reports-old") }()
	request := o.waiting()
	const silent = 65 * time.Second        // botocore's own time-out is 60 s
	time.Sleep(silent - time.Since(began)) // it is the client's clock that is tried here
	o.answer("approve", request)
	r := <-done
	if r.code != 0 {
		t.Fatalf("%v", r)
	}
	contains(t, "what the run printed", r.errOut, "hold", "waiting for dana: 1 action in one request; assent inbox "+request, "1 allowed, 0 refused")
	if got := o.decisions(); len(got) != 1 || got[0].Verdict != "allow" {
		t.Errorf("one call, and the decisions %+v", got)
	}
}

func TestADeniedRequestIsNotAskedAgain(t *testing.T) {
	o := newOffice(t, "")
	done := make(chan result, 1)
	go func() { done <- o.remove("deploy-agent", "acme-reports-old") }()
	o.answer("deny", o.waiting())
	if r := <-done; r.code == 0 || !strings.Contains(r.errOut, "AS2009") || !strings.Contains(r.errOut, "CHG-4711") {
		t.Errorf("%v", r)
	}
	if r := o.remove("deploy-agent", "acme-reports-old"); r.code == 0 || !strings.Contains(r.errOut, "AS2009") {
		t.Errorf("it was asked again: %v", r)
	}
}
