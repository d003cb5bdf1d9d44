package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// refusedOnce fails the test unless a debug log of an AWS client shows exactly
// one request on the wire.
func refusedOnce(t *testing.T, r result) {
	t.Helper()
	if n := strings.Count(r.errOut, "Sending http request:"); n != 1 {
		t.Errorf("%d requests were sent, want exactly 1", n)
	}
}

var decisionID = regexp.MustCompile(`dec_[0-9a-z]{20}`)

// Without intent, assent run observes: nothing is blocked, stdout is the
// child's, and the end says how many changes nobody declared.
func TestObserveBlocksNothingAndSaysWhatNobodyDeclared(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "")
	r := w.assent("run", "--", "aws", "s3", "mb", "s3://acme-scratch")
	if r.code != 0 || r.out != "make_bucket: acme-scratch\n" {
		t.Fatalf("the child's stdout must be its own: %v", r)
	}
	contains(t, "stderr", r.errOut, "observing", "s3:CreateBucket", "acme-scratch", "1 change", "assent intent suggest")
	got := w.decisions()
	if len(got) != 1 || got[0].name() != "s3:CreateBucket" || got[0].Mode != "observe" {
		t.Fatalf("decisions: %+v", got)
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
}

// The suggested intent allows exactly what was observed, and nothing else.
func TestSuggestedIntentAllowsExactlyWhatWasObserved(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\n")
	w.write("intent/README.md", "declared documents live here\n")
	w.must(binary, "run", "--as", "deploy-agent", "--kind", "agent", "--", "aws", "s3", "mb", "s3://acme-scratch")
	suggested := w.must(binary, "intent", "suggest")
	w.write("intent/suggested.yaml", suggested.out)
	w.must(binary, "intent", "check")
	if r := w.assent("run", "--enforce", "--as", "deploy-agent", "--", "aws", "s3", "mb", "s3://acme-scratch"); r.code != 0 {
		t.Errorf("what was observed is refused under the suggested intent:\n%s\n%v", suggested.out, r)
	}
	r := w.assent("run", "--enforce", "--as", "deploy-agent", "--", "aws", "s3", "mb", "s3://acme-other")
	if r.code == 0 {
		t.Errorf("something else is allowed under the suggested intent:\n%s\n%v", suggested.out, r)
	}
}

// Default deny: with --enforce a mutation passes only if it is declared, and a
// refused one leaves the cloud as it was.
func TestDeclaredNeverInferred(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent)

	if r := w.assent("run", "--as", "deploy-agent", "--", "aws", "s3", "mb", "s3://acme-reports-1"); r.code != 0 {
		t.Fatalf("a declared change was refused: %v", r)
	}
	before := c.state()
	r := w.assent("run", "--as", "deploy-agent", "--", "aws", "s3", "mb", "s3://elsewhere")
	if r.code == 0 {
		t.Fatalf("an undeclared change passed: %v", r)
	}
	contains(t, "the refusal", r.errOut, "AssentDenied", "assent refused this call", "platform", "assent explain dec_", "policy, not an outage")
	if c.state() != before {
		t.Error("a refused call changed the cloud")
	}
	if r := w.assent("run", "--", "aws", "s3", "mb", "s3://acme-reports-2"); r.code == 0 {
		t.Errorf("an actor that nobody declared was let through: %v", r)
	}
	if r := w.assent("run", "--as", "deploy-agent", "--", "aws", "s3", "ls"); r.code != 0 || !strings.Contains(r.out, "acme-reports-1") {
		t.Errorf("a read was in the way: %v", r)
	}
}

// A refusal reaches the user through their own tool, word for word, after one
// request, in each protocol that the aws CLI speaks.
func TestRefusalIsAnAnswerInTheCallersProtocol(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "intent: intent\nmode: enforce\n")
	w.write("intent/shop.yaml", shopIntent)
	cases := []struct {
		protocol string
		args     []string
	}{
		{"query", []string{"iam", "create-user", "--user-name", "mallory"}},
		{"ec2", []string{"ec2", "create-vpc", "--cidr-block", "10.0.0.0/16"}},
		{"json", []string{"kms", "create-key"}},
		{"rest-json", []string{"lambda", "delete-function", "--function-name", "checkout"}},
		{"rest-xml", []string{"route53", "delete-hosted-zone", "--id", "Z1"}},
		{"rest-xml of s3", []string{"s3api", "delete-bucket", "--bucket", "acme-reports"}},
	}
	before := c.state()
	for _, tc := range cases {
		t.Run(tc.protocol, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.assent(append([]string{"run", "--as", "deploy-agent", "--", aws, "--debug"}, tc.args...)...)
			if r.code == 0 {
				t.Fatalf("not refused: %v", tailOf(r.errOut, 3000))
			}
			refusedOnce(t, r)
			said := lineWith(r.errOut, "An error occurred (AssentDenied)")
			contains(t, "the client's message", said, "assent refused this call", "This is policy, not an outage")
			if len(said) > 600 {
				t.Errorf("the message has %d characters", len(said))
			}
			if !decisionID.MatchString(said) {
				t.Errorf("no decision id in %q", said)
			}
		})
	}
	if c.state() != before {
		t.Error("refused calls changed the cloud")
	}
}

func lineWith(text, part string) string {
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// Dependents that passing traffic taught stop a termination, and are named.
func TestAnInstanceThatOthersDependOnIsNotTerminated(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	tool(t, "aws")
	w.behind(c, "intent: intent\n")
	w.write("intent/shop.yaml", shopIntent)
	w.write("estate.sh", `set -e
q() { aws --output text "$@"; }
image=$(q ec2 describe-images --owners amazon --query 'Images[0].ImageId')
q ec2 run-instances --image-id "$image" --instance-type t3.micro --query 'Instances[0].InstanceId'
q ec2 run-instances --image-id "$image" --instance-type t3.micro --query 'Instances[0].InstanceId'
`)
	ids := strings.Fields(w.must(binary, "run", "--observe", "--", "sh", "estate.sh").out)
	if len(ids) != 2 {
		t.Fatalf("ids: %v", ids)
	}
	busy, idle := ids[0], ids[1]
	w.write("use.sh", `set -e
address=$(aws --output text ec2 allocate-address --domain vpc --query AllocationId)
aws ec2 associate-address --allocation-id "$address" --instance-id `+busy+`
`)
	w.must(binary, "run", "--observe", "--", "sh", "use.sh")

	r := w.assent("run", "--enforce", "--as", "deploy-agent", "--", "aws", "ec2", "terminate-instances", "--instance-ids", busy)
	if r.code == 0 {
		t.Fatalf("terminated although an address depends on it: %v", r)
	}
	contains(t, "the refusal", r.errOut, "depend", "AssentDenied")
	all := w.decisions()
	if last := all[len(all)-1]; last.Radius.Dependents < 1 || last.Verdict != "deny" {
		t.Errorf("decision: %+v", last)
	}
	state := w.must("aws", "--endpoint-url", c.url, "ec2", "describe-instances", "--instance-ids", busy, "--query", "Reservations[].Instances[].State.Name", "--output", "text")
	if strings.TrimSpace(state.out) != "running" {
		t.Errorf("the instance is %s", state.out)
	}
	if r := w.assent("run", "--enforce", "--as", "deploy-agent", "--", "aws", "ec2", "terminate-instances", "--instance-ids", idle); r.code != 0 {
		t.Errorf("an idle instance may be terminated: %v", r)
	}
}

// Signatures arrive intact: moto checks every one of them, for the aws CLI and
// boto3, in all protocols and with the object keys that break naive proxies.
func TestSignedRequestsArriveVerifiable(t *testing.T) {
	c, w := startCloud(t, 4), newWorld(t)
	tool(t, "aws")
	python := tool(t, "python3")
	w.behind(c, "")
	// The first four calls are free: they make the user whose key is checked later.
	boot := w.must(python, testdata(t, "bootstrap.py"), c.url)
	creds := strings.Fields(boot.out)
	if len(creds) != 2 {
		t.Fatalf("bootstrap: %v", boot)
	}
	w.env["AWS_ACCESS_KEY_ID"], w.env["AWS_SECRET_ACCESS_KEY"] = creds[0], creds[1]

	r := w.assent("run", "--", python, testdata(t, "signed.py"))
	if r.code != 0 {
		t.Fatalf("boto3: %v", r)
	}
	contains(t, "boto3", r.out, "0 mismatches")
	if r := w.assent("run", "--", "aws", "s3", "ls"); r.code != 0 || !strings.Contains(r.out, "acme-signed") {
		t.Errorf("aws CLI: %v", r)
	}
	w.env["AWS_SECRET_ACCESS_KEY"] = "not-the-right-one"
	if r := w.assent("run", "--", "aws", "s3", "mb", "s3://never"); r.code == 0 || !strings.Contains(r.errOut, "SignatureDoesNotMatch") {
		t.Errorf("moto does not check signatures, so the test above proves nothing: %v", r)
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
}
