package e2e

import "testing"

// An approval can be asked for before the call that needs it: by the decision of an
// earlier one. It is for exactly that action.
func TestAnApprovalIsAskedForAheadOfTheCall(t *testing.T) {
	o := newOffice(t, "wait: 0s\n")
	if r := o.assent("run", "--observe", "--as", "deploy-agent", "--", "aws", "s3api", "delete-bucket", "--bucket", "acme-reports-old"); r.code != 0 {
		t.Fatalf("observing refuses: %v", r)
	}
	o.must("aws", "--endpoint-url", o.cloud.url, "s3", "mb", "s3://acme-reports-old")
	all := o.decisions()
	id := all[len(all)-1].ID
	if out := o.must(binary, "inbox", "--json").out; out != "" {
		t.Fatalf("somebody was asked already: %s", out)
	}
	contains(t, "the answer", o.must(binary, "request", id).out, "asks dana for 1 action")
	contains(t, "asked twice", o.must(binary, "request", id).out, "asks dana for 1 action")
	request := o.waiting()
	contains(t, "the request", o.must(binary, "inbox", request).out, "deploy-agent", "s3:DeleteBucket", "acme-reports-old", "cleanup/buckets")
	o.answer("approve", request)
	if r := o.remove("deploy-agent", "acme-reports-new"); r.code == 0 {
		t.Errorf("an approval for one bucket deleted another: %v", r)
	}
	if r := o.remove("deploy-agent", "acme-reports-old"); r.code != 0 {
		t.Errorf("it was approved beforehand, and refused: %v", r)
	}
	if r := o.assent("request", "dec_nobody"); r.code == 0 {
		t.Errorf("nobody's decision: %v", r)
	}
}
