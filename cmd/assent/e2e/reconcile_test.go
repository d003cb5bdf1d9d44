package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// reconciled is the answer of `assent ledger reconcile --json`.
type reconciled struct {
	Matched, Bypasses, Unknown, Unconfirmed, Reads, Refused uint64
	Own                                                     map[string]uint64
	Found                                                   []struct{ Operation, Target, Event, Actor, Why string }
	Resolved                                                []struct{ Decision, Result string }
}

func (w *world) reconcile(code int, args ...string) (r reconciled) {
	w.t.Helper()
	got := w.assent(append([]string{"ledger", "reconcile", "--json"}, args...)...)
	if got.code != code {
		w.t.Fatalf("want exit code %d: %v", code, got)
	}
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		w.t.Fatalf("%v: %v", err, got)
	}
	return r
}

// k changes that went past the proxy are exactly k bypass findings in CloudTrail,
// among real calls' request ids, reads, AWS's own doing and what AWS refused.
func TestWhatWentPastIsFoundInCloudTrail(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	aws := tool(t, "aws")
	w.behind(c, "")
	w.must(binary, "run", "--", "sh", "-c", strings.ReplaceAll("AWS s3api create-bucket --bucket one && AWS s3api create-bucket --bucket two && AWS iam create-user --user-name ann && AWS sqs create-queue --queue-name q", "AWS", aws))
	var records []string
	event := func(id, request, source, name, more string) {
		records = append(records, fmt.Sprintf(`{"eventVersion":"1.11","eventID":%q,"requestID":%q,"eventTime":%q,"eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","eventType":"AwsApiCall","readOnly":false,"recipientAccountId":%q%s}`,
			id, request, time.Now().UTC().Format(time.RFC3339), source, name, account, more))
	}
	const user, service = `,"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/mallory"}`, `,"userIdentity":{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`
	ours := 0
	for line := range strings.Lines(w.must(binary, "ledger", "tail", "--all", "--json").out) {
		var e struct {
			Kind     string
			Decision decision
			Outcome  struct {
				Decision  string
				RequestID string `json:"request_id"`
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Kind == "change-outcome" {
			if e.Outcome.RequestID == "" {
				t.Fatalf("moto gave no request id: %s", line)
			}
			ours++
			event(fmt.Sprint("ours-", ours), e.Outcome.RequestID, "s3", "CreateBucket", user)
		}
	}
	if ours != 4 {
		t.Fatalf("%d outcomes", ours)
	}
	hidden := []string{"CreateBucket", "DeleteBucketPolicy", "PutBucketAcl", "DeleteBucket", "PutBucketPolicy"}
	for i, name := range hidden {
		event(fmt.Sprint("hidden-", i), fmt.Sprint("HIDDEN", i), "s3", name, user)
		event(fmt.Sprint("read-", i), fmt.Sprint("READ", i), "ec2", "DescribeInstances", user)
		event(fmt.Sprint("own-", i), fmt.Sprint("OWN", i), "ec2", "RunInstances", service)
		event(fmt.Sprint("failed-", i), fmt.Sprint("FAILED", i), "iam", "CreateUser", user+`,"errorCode":"AccessDenied"`)
	}
	folder := filepath.Join(w.dir, "AWSLogs", account, "CloudTrail", "us-east-1")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, half := range [][]string{records[:9], records[5:]} { // delivered twice in part, as CloudTrail does
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		fmt.Fprintf(z, `{"Records":[%s]}`, strings.Join(half, ","))
		z.Close()
		w.write(fmt.Sprintf("AWSLogs/%s/CloudTrail/us-east-1/%d.json.gz", account, i), b.String())
	}

	r := w.reconcile(3, "--cloudtrail", "AWSLogs")
	if r.Bypasses != uint64(len(hidden)) || len(r.Found) != len(hidden) || r.Matched != 4 || r.Unknown != 0 || r.Unconfirmed != 0 || r.Refused != 5 || r.Own["a service on its own behalf"] != 5 {
		t.Errorf("%+v", r)
	}
	for i, f := range r.Found {
		if f.Operation != "s3:"+hidden[i] || f.Event != fmt.Sprint("hidden-", i) || !strings.HasSuffix(f.Actor, "user/mallory") {
			t.Errorf("%+v", f)
		}
	}
	// Each is a signed entry, once, however often it is found.
	w.reconcile(3, "--cloudtrail", "AWSLogs")
	if n := w.count("bypass"); n != len(hidden) {
		t.Errorf("%d bypasses are recorded, want %d", n, len(hidden))
	}
	if n := w.count("reconcile"); n != 2 {
		t.Errorf("%d reconciliations are recorded", n)
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "ok")
	// Without the hidden ones all is well; half a log is not.
	w.write("fine.json", `{"Records":[`+strings.Join(records[:4], ",")+`]}`)
	if r := w.reconcile(0, "--cloudtrail", "fine.json", "--dry-run"); r.Matched != 4 {
		t.Errorf("%+v", r)
	}
	w.write("half.json", `{"Records":[`+strings.Join(records[:4], ","))
	if r := w.assent("ledger", "reconcile", "--cloudtrail", "half.json"); r.code != 1 || !strings.Contains(r.errOut, "half.json") {
		t.Errorf("half a log: %v", r)
	}
}

// count returns how many entries of a kind the ledger has.
func (w *world) count(kind string) (n int) {
	w.t.Helper()
	return strings.Count(w.must(binary, "ledger", "tail", "--all", "--json").out, `"kind":"`+kind+`"`)
}

// k changes that went past the proxy are exactly k bypass findings in the audit
// log of a real API server.
func TestWhatWentPastIsFoundInTheAuditLog(t *testing.T) {
	c := k8sboxtest.Start(t)
	k := newKube(t, c, "alice", "compared")
	since := time.Now().UTC() // what the start of the cluster did is before it
	for _, line := range []string{
		"create configmap one --from-literal=a=b", "create deployment web --image=registry.example/web", "scale deployment web --replicas=2",
		"get pods", "create configmap dry --dry-run=server", "delete configmap one --dry-run=server", "label configmap one a=b", "delete configmap one",
		"patch configmap none --type=merge -p {}", // not there: the server refuses
	} {
		if r := k.as("deploy-agent", strings.Fields(line)...); r.code != 0 && !strings.Contains(line, "none") {
			t.Errorf("kubectl %s: %v", line, r)
		}
	}
	hidden := []string{
		"create configmap past", "label configmap past a=b", "create secret generic s --from-literal=p=hunter2-secret", "delete configmap past",
		"scale deployment web --replicas=0", "create serviceaccount robot",
	}
	for _, line := range append(hidden, "get deployments", "auth can-i delete pods", "create configmap dry --dry-run=server", "delete deployment web --dry-run=server") {
		k.direct(append([]string{"-n", k.namespace}, strings.Fields(line)...)...)
	}
	// A stranger who sends the id of a decision along does not hide behind it.
	ids := k.entries()
	replayed := 0
	for _, e := range ids[:2] {
		k.sneak(e.ID, fmt.Sprint("copy", replayed))
		replayed++
	}
	want := uint64(len(hidden) + replayed)
	r := k.reconcile(3, "--k8s-audit", c.Audit, "--since", since.Format(time.RFC3339Nano))
	if r.Bypasses != want || r.Unknown != 0 || r.Matched != uint64(len(ids)) || len(ids) < 4 || r.Unconfirmed != 0 {
		t.Errorf("want %d bypasses, and %d matched: %+v", want, len(ids), r)
	}
	if n := k.count("bypass"); uint64(n) != want {
		t.Errorf("%d are recorded", n)
	}
	if data, err := os.ReadFile(filepath.Join(k.home, "state", "assent", "ledger", "ledger.db")); err != nil || bytes.Contains(data, []byte("hunter2-secret")) {
		t.Errorf("what the audit log says of a secret is in the ledger: %v", err)
	}
}

// sneak makes a ConfigMap past assent, as alice, under the id of a decision.
func (k *kube) sneak(decision, name string) {
	k.t.Helper()
	ca, err := os.ReadFile(k.cluster.CA)
	if err != nil {
		k.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodPost, k.cluster.Server+"/api/v1/namespaces/"+k.namespace+"/configmaps", strings.NewReader(`{"metadata":{"name":"`+name+`"}}`))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + k.cluster.Token["alice"]}, "Content-Type": {"application/json"}, "Audit-Id": {decision}}
	resp, err := client.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		k.t.Fatalf("%s: %s", name, resp.Status)
	}
}
