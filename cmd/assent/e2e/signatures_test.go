package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// signers are the clients that sign, each with calls that naive proxies break.
func signers(t *testing.T) map[string][]string {
	t.Helper()
	python, node := tool(t, "python3"), tool(t, "node")
	curl := func(method, url string) string {
		return fmt.Sprintf(`%s -sSf --aws-sigv4 "aws:amz:us-east-1:$SERVICE" -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} -X %s '%s'`,
			tool(t, "curl"), method, url)
	}
	return map[string][]string{
		"boto3":                 {python, testdata(t, "keys.py")},
		"chunks, presigned":     {python, testdata(t, "chunks.py")},
		"aws-sdk-go-v2":         {goSDK(t), "keys"},
		"aws-sdk-js v3":         {node, testdata(t, "keys.mjs")},
		"AWS CLI, S3":           {tool(t, "aws"), "s3api", "delete-object", "--bucket", "acme", "--key", "a b/ü+%2F"},
		"AWS CLI, JSON":         {tool(t, "aws"), "dynamodb", "delete-table", "--table-name", "orders"},
		"curl --aws-sigv4, S3":  {"sh", "-c", "SERVICE=s3; " + curl("DELETE", "https://acme.s3.us-east-1.amazonaws.com/a%20b")},
		"curl --aws-sigv4, SQS": {"sh", "-c", "SERVICE=sqs; " + curl("GET", "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05")},
	}
}

// shellWords quotes a command for sh.
func shellWords(words []string) string {
	var out []string
	for _, w := range words {
		out = append(out, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(out, " ")
}

// A fake cloud that recomputes every signature from what arrives finds no mismatch,
// over HTTP/1.1 and HTTP/2, with the clients' own signatures and with signatures made
// anew.
func TestEverySignatureHolds(t *testing.T) {
	js, err := filepath.Abs("../../../.tools/js")
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(js, "node_modules", "@aws-sdk", "client-s3")); len(found) == 0 {
		missing(t, "aws-sdk-js v3 is not in .tools/js (.ci/tools.sh js)")
	}
	clients := signers(t)
	script := "failed=0\n"
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		script += fmt.Sprintf("%s; code=$?; echo '%s ended:' $code; [ $code = 0 ] || failed=1\n", shellWords(clients[name]), name)
	}
	script += "exit $failed\n"
	for _, h2 := range []bool{false, true} {
		for _, anew := range []bool{false, true} {
			t.Run(fmt.Sprintf("h2 %v, signed anew %v", h2, anew), func(t *testing.T) {
				w := newWorld(t)
				w.env["AWS_SECRET_ACCESS_KEY"], w.env["AWS_SESSION_TOKEN"], w.env["ASSENT_TEST_JS"] = realSecret, realToken, js
				w.env["AWS_REGION"] = "us-east-1" // JS reads no AWS_DEFAULT_REGION
				cloud, ca := startFakeCloud(t, h2, accessKey, realSecret, realToken)
				w.env["SSL_CERT_FILE"] = ca
				w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+cloud.server.URL+"\"}\n")
				run := []string{"run", "--", "sh", "-c", script}
				if anew {
					run = slices.Insert(run, 1, "--broker")
				}
				r := w.assent(run...)
				seen, mismatches := cloud.took()
				if r.code != 0 || len(mismatches) > 0 || strings.Count(r.out, "ended: 0") != len(clients) {
					t.Errorf("%d mismatches: %s: %v", len(mismatches), strings.Join(mismatches, "; "), r)
				}
				// changes without a body have connections of their own, over HTTP/1.1
				if total := seen["HTTP/1.1"] + seen["HTTP/2.0"]; total < 100 || h2 && seen["HTTP/2.0"] < 70 || !h2 && seen["HTTP/2.0"] > 0 {
					t.Errorf("arrived were %v", seen)
				}
				t.Logf("arrived were %v", seen)
				secretsStay(t, w)
			})
		}
	}
}

// A chunk that nobody signed does not reach the cloud as part of an object.
func TestAForgedChunkIsNoObject(t *testing.T) {
	w := newWorld(t)
	w.env["AWS_SECRET_ACCESS_KEY"] = realSecret
	cloud, ca := startFakeCloud(t, true, accessKey, realSecret, "")
	w.env["SSL_CERT_FILE"] = ca
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+cloud.server.URL+"\"}\n")
	r := w.assent("run", "--broker", "--", tool(t, "python3"), testdata(t, "chunks.py"), "forged")
	if r.code == 0 || !strings.Contains(r.out, "1 mismatches") {
		t.Errorf("%v", r)
	}
	if _, mismatches := cloud.took(); slices.ContainsFunc(mismatches, func(m string) bool { return !strings.Contains(m, "cut off") }) {
		t.Errorf("it arrived: %v", mismatches)
	}
}
