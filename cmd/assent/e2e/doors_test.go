package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/proxy"
)

// daemon is a running `assent serve`.
type daemon struct {
	out, errOut lockedBuffer
	ca          *x509.CertPool
	caFile      string
}

// serve starts the daemon on the world's assent.yaml.
func (w *world) serve() *daemon {
	w.t.Helper()
	d := &daemon{ca: x509.NewCertPool(), caFile: filepath.Join(w.home, "state", "assent", "ca", "ca.pem")}
	cmd := exec.Command(binary, "serve")
	cmd.Dir, cmd.Env = w.dir, w.environ()
	cmd.Stdout, cmd.Stderr = &d.out, &d.errOut
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("assent serve:\n%s%s", d.errOut.String(), tailOf(d.out.String(), 4000))
		}
	})
	waitFor(w.t, "assent serve", func() bool { return strings.Contains(d.errOut.String(), "serving on") })
	pem, err := os.ReadFile(d.caFile)
	if err != nil || !d.ca.AppendCertsFromPEM(pem) {
		w.t.Fatalf("the daemon's authority: %v", err)
	}
	return d
}

// endpoint is a server that stands for a cloud and counts what reaches it.
type endpoint struct {
	*httptest.Server
	came atomic.Int64
}

func startEndpoint(t *testing.T) *endpoint {
	e := new(endpoint)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.came.Add(1)
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "from the endpoint\n")
	}))
	t.Cleanup(e.Close)
	return e
}

const anyCredential = "AWS4-HMAC-SHA256 Credential=" + accessKey + "/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"

// SOCKS on the port of CONNECT: the same tokens, the same judgement, the same
// evidence, for curl and for a Go program.
func TestSOCKSIsTheSameDoor(t *testing.T) {
	w, curl, e := newWorld(t), tool(t, "curl"), startEndpoint(t)
	const token = "the-token-of-the-agent"
	port := freePort(t)
	w.write("assent.yaml", fmt.Sprintf("listen: 127.0.0.1:%s\nmode: enforce\nupstreams:\n  - {hosts: \"*.amazonaws.com\", to: %q}\ntokens:\n  deploy-agent: sha256:%x\n",
		port, e.URL, sha256.Sum256([]byte(token))))
	d := w.serve()
	address := net.JoinHostPort("127.0.0.1", port)

	r := w.run(curl, "-sS", "--cacert", d.caFile, "--socks5-hostname", address, "--proxy-user", "assent:"+token,
		"-X", "PUT", "-H", "Authorization: "+anyCredential, "https://acme-socks.s3.us-east-1.amazonaws.com/")
	contains(t, "curl's refusal", r.out, "AssentDenied", "AS2001")
	if r := w.run(curl, "-sS", "--cacert", d.caFile, "--socks5-hostname", address, "--proxy-user", "assent:guessed", "https://sts.us-east-1.amazonaws.com/"); r.code != 97 {
		t.Errorf("curl with a wrong token: %v", r)
	}

	dialer, err := proxy.SOCKS5("tcp", address, &proxy.Auth{User: "assent", Password: token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: dialer.(proxy.ContextDialer).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: d.ca}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	send := func(method, url string) (int, string) {
		req, err := http.NewRequestWithContext(context.Background(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", anyCredential)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, body := send("DELETE", "https://acme-socks.s3.us-east-1.amazonaws.com/"); code != 403 || !strings.Contains(body, "AssentDenied") {
		t.Errorf("a change that nobody declared: %d %s", code, body)
	}
	if n := e.came.Load(); n != 0 {
		t.Errorf("%d refused calls reached the endpoint", n)
	}
	if code, body := send("GET", "https://acme-socks.s3.us-east-1.amazonaws.com/"); code != 200 || body != "from the endpoint\n" {
		t.Errorf("a read: %d %s", code, body)
	}
	var names []string
	for _, d := range w.decisions() {
		names = append(names, d.name()+" "+d.Action.Actor.ID)
	}
	if got := strings.Join(names, ", "); got != "s3:CreateBucket deploy-agent, s3:DeleteBucket deploy-agent" {
		t.Errorf("in the ledger: %s", got)
	}
}

// A reverse listener stands for one server: curl and boto3 are given it as their
// endpoint, and are judged as whoever the listener belongs to.
func TestAReverseListenerStandsForItsServer(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	curl, python := tool(t, "curl"), tool(t, "python3")
	s3, sqs := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	w.write("intent/shop.yaml", reverseIntent)
	w.behind(c, fmt.Sprintf(`mode: enforce
intent: intent
listen:
  - {reverse: %q, to: "https://s3.us-east-1.amazonaws.com", actor: batch}
  - {reverse: %q, to: "https://sqs.us-east-1.amazonaws.com", actor: batch}
`, s3, sqs))
	d := w.serve()

	r := w.run(curl, "-sS", "-X", "PUT", "-H", "Authorization: "+anyCredential, "http://"+s3+"/acme-denied")
	contains(t, "curl's refusal", r.out, "AssentDenied", "s3:CreateBucket")
	r = w.run(curl, "-sS", "--cacert", d.caFile, "-X", "PUT", "-H", "Authorization: "+anyCredential, "https://"+s3+"/acme-denied")
	contains(t, "curl's refusal over TLS", r.out, "AssentDenied", "s3:CreateBucket")

	r = w.must(python, w.write("makes_queue.py", `
import boto3, sys
sqs = boto3.client("sqs", endpoint_url="http://"+sys.argv[1])
print(sqs.create_queue(QueueName="acme-jobs")["QueueUrl"])
print([q.rsplit("/", 1)[1] for q in sqs.list_queues()["QueueUrls"]])
try:
    sqs.create_queue(QueueName="other")
except sqs.exceptions.ClientError as e:
    print(e.response["Error"]["Code"])
`), sqs)
	contains(t, "boto3", r.out, "['acme-jobs']", "AssentDenied")
	var names []string
	for _, d := range w.decisions() {
		names = append(names, d.Verdict+" "+d.name()+" "+d.Action.Actor.ID+" "+d.Action.Actor.Authn)
	}
	if got, want := strings.Join(names, "\n"), strings.Join([]string{
		"deny s3:CreateBucket batch run-listener", "deny s3:CreateBucket batch run-listener",
		"allow sqs:CreateQueue batch run-listener", "deny sqs:CreateQueue batch run-listener"}, "\n"); got != want {
		t.Errorf("in the ledger:\n%s\nwant\n%s", got, want)
	}

	w.behind(c, "listen: [{reverse: \"127.0.0.1:0\", to: \"https://cloud.example\", actor: batch}]\n")
	r = w.assent("serve")
	if r.code == 0 {
		t.Errorf("a server that nobody can judge is taken: %v", r)
	}
	contains(t, "the refusal to serve", r.errOut, "no platform claims it", "governed:")
}

// reverseIntent allows batch one queue, by its name.
const reverseIntent = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec: {tier: staging, scope: [{aws: {accounts: ["123456789012"], regions: [us-east-1]}}]}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example", contact: {slack: "#platform"}, owns: [{aws: {account: "123456789012"}}]}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: batch}
spec: {kind: pipeline, identify: [{run: batch}], owner: platform}
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: queues, owner: platform}
spec:
  purpose: The batch jobs make their queue.
  allow:
    - {id: jobs, who: [batch], may: [create], what: {resource: ["arn:aws:sqs:us-east-1:123456789012:acme-jobs"]}, in: [shop]}
`
