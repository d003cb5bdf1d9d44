package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Thirty deletes, each of which is allowed, are stopped together: in one run, and
// over runs.
func TestManySmallDeletesAreStopped(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	python := tool(t, "python3")
	w.behind(c, "intent: intent\nmode: enforce\n")
	text := strings.Replace(shopIntent, "tier: production", "tier: production\n  caps: {rate: {per: 1h, deletes: 7}}", 1)
	text = strings.Replace(text, "  identify: [{run: deploy-agent}]", "  identify: [{run: deploy-agent}]\n  budget: {per: run, deletes: 5}", 1)
	w.write("intent/shop.yaml", text+`    - {id: cleanup, who: ["*"], may: [delete], what: {capability: [storage.bucket]}, in: [shop], limits: {targets: 1}}
`)
	w.write("many.py", fmt.Sprintf(`import boto3
s3 = boto3.client("s3", endpoint_url=%q)
for i in range(30):
    s3.create_bucket(Bucket="acme-%%02d" %% i)
`, c.url))
	w.must(python, "many.py")

	r := w.must(binary, "run", "--as", "deploy-agent", "--", python, testdata(t, "destroy.py"))
	contains(t, "the agent", r.out, "5 deleted, 25 left", "a budget is used up", "actor deploy-agent allows 5 deletes in a run: 5 were made, and this makes 1 more", "AS2011")
	r = w.must(binary, "run", "--as", "deploy-agent", "--", python, testdata(t, "destroy.py"))
	contains(t, "the agent, in another run", r.out, "2 deleted, 23 left", "environment shop allows 7 deletes in 1h: 7 were made")
}
