package e2e

import (
	"strings"
	"testing"
	"time"
)

// Law 6: the AWS CLI gives up on a held call and sends it again, and again; a person
// approves it meanwhile. That is one request for approval, one decision, and one
// deletion.
func TestLaw6TheCLIsRetriesOfAHeldCallAreOneDecision(t *testing.T) {
	o := newOffice(t, "wait: 2m\n")
	o.env["AWS_MAX_ATTEMPTS"] = "8"
	done := make(chan result, 1)
	go func() {
		done <- o.assent("run", "--as", "deploy-agent", "--", "aws", "--debug", "--cli-read-timeout", "2", "s3api", "delete-bucket", "--bucket", "acme-reports-old")
	}()
	request := o.waiting()
	time.Sleep(6 * time.Second) // two times the CLI's patience, and its pauses
	o.answer("approve", request)
	r := <-done
	if r.code != 0 {
		t.Fatalf("it was approved, and refused: %v", tailOf(r.errOut, 3000))
	}
	if !strings.Contains(r.errOut, "ReadTimeoutError") {
		t.Fatal("the CLI did not send it again: this test tests nothing")
	}
	deletions := 0
	for _, d := range o.decisions() {
		if d.name() == "s3:DeleteBucket" {
			deletions++
		}
	}
	if deletions != 1 {
		t.Errorf("%d decisions on one intention", deletions)
	}
	if o.run("aws", "--endpoint-url", o.cloud.url, "s3api", "head-bucket", "--bucket", "acme-reports-old").code == 0 {
		t.Error("the bucket is still there")
	}
}
