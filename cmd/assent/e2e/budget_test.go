package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The destroy scenario: three hundred deletes, each of which is allowed by itself, are
// stopped together, in one run and over runs; and not one backup is lost.
func TestManySmallDeletesAreStopped(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	python := tool(t, "python3")
	w.behind(c, "intent: intent\nmode: enforce\n")
	text := strings.Replace(shopIntent, "tier: production", "tier: production\n  caps: {rate: {per: 1h, deletes: 7}}", 1)
	text = strings.Replace(text, "  identify: [{run: deploy-agent}]", "  identify: [{run: deploy-agent}]\n  budget: {per: run, deletes: 5}", 1)
	w.write("intent/shop.yaml", text+`    - {id: cleanup, who: ["*"], may: [delete], what: {capability: [storage.bucket, storage.snapshot]}, in: [shop], limits: {targets: 1}}
`)
	backups, err := os.ReadFile("../../../deploy/blueprints/backup-outlives-data.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.write("intent/backups.yaml", string(backups))
	w.write("many.py", fmt.Sprintf(`import boto3
s3, ec2 = [boto3.client(s, endpoint_url=%q) for s in ("s3", "ec2")]
for i in range(240):
    s3.create_bucket(Bucket="acme-%%03d" %% i)
volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
for i in range(60):
    ec2.create_snapshot(VolumeId=volume, Description="nightly")
`, c.url))
	w.must(python, "many.py")

	r := w.must(binary, "run", "--as", "deploy-agent", "--", python, testdata(t, "destroy.py"))
	contains(t, "the agent", r.out, "300 tried, 5 deleted, 235 buckets and 60 backups left", "a budget is used up", "actor deploy-agent allows 5 deletes in a run: 5 were made, and this makes 1 more", "AS2011", "backup-outlives-data")
	r = w.must(binary, "run", "--as", "deploy-agent", "--", python, testdata(t, "destroy.py"))
	contains(t, "the agent, in another run", r.out, "295 tried, 2 deleted, 233 buckets and 60 backups left", "environment shop allows 7 deletes in 1h: 7 were made")
}
