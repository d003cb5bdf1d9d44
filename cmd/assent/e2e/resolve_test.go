package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/store"
)

// earlier builds assent as it was an hour ago.
func earlier(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "earlier")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/earlier").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// resolutions are what the ledger says became of calls whose answer nobody saw, and in
// how many entries.
func (w *world) resolutions() (results map[string]string, entries int) {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), store.Config{Dir: filepath.Join(w.home, "state", "assent", "ledger"), ReadOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	results = map[string]string{}
	if err := s.Scan(w.t.Context(), 0, func(e ledger.Stored) bool {
		if e.Kind != ledger.KindReconcile {
			return true
		}
		entries++
		said, err := ledger.ParseReconciliation(e.Envelope)
		if err != nil {
			w.t.Error(err)
		}
		for _, r := range said.Resolved {
			results[r.Decision] = r.Result
		}
		return true
	}); err != nil {
		w.t.Fatal(err)
	}
	return results, entries
}

// A daemon that is killed amid changes leaves outcomes that nobody saw; the next one
// says by itself what became of those that its listings tell of.
func TestADaemonSaysWhatBecameOfCallsWhoseAnswerNobodySaw(t *testing.T) {
	c, w := startCloud(t, -1), newWorld(t)
	to, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	queue := func(client *http.Client, at, operation, body string) error {
		req, err := http.NewRequest(http.MethodPost, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20261124/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00")
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for _, name := range []string{"gone", "stays"} {
		if err := queue(http.DefaultClient, c.url, "CreateQueue", fmt.Sprintf(`{"QueueName":%q}`, name)); err != nil {
			t.Fatal(err)
		}
	}
	// A cloud that does what it is asked, or does not, and does not answer.
	arrived, over := make(chan struct{}, 16), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		forward := httputil.NewSingleHostReverseProxy(to)
		if r.Header.Get("X-Amz-Target") == "AmazonSQS.ListQueues" || !strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.") {
			forward.ServeHTTP(out, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if strings.Contains(string(body), "made\"") && !strings.Contains(string(body), "unmade") || strings.Contains(string(body), "gone") {
			forward.ServeHTTP(httptest.NewRecorder(), r)
		}
		arrived <- struct{}{}
		<-over
	}))
	defer slow.Close()
	defer close(over)

	addr := "127.0.0.1:" + freePort(t)
	config := fmt.Sprintf("listen: %s\nmode: observe\nupstreams:\n  - {hosts: \"*.amazonaws.com\", to: %%q}\n", addr)
	w.write("assent.yaml", fmt.Sprintf(config, slow.URL))
	d := serviceOf(t, w, earlier(t), nil)
	client := d.client(addr)
	var calls sync.WaitGroup
	for _, call := range [][2]string{
		{"CreateQueue", `{"QueueName":"made"}`}, {"CreateQueue", `{"QueueName":"unmade"}`},
		{"DeleteQueue", `{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/gone"}`}, {"DeleteQueue", `{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/stays"}`},
		{"SetQueueAttributes", `{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/123456789012/stays","Attributes":{"VisibilityTimeout":"7"}}`},
	} {
		calls.Go(func() {
			if queue(client, "https://sqs.us-east-1.amazonaws.com/", call[0], call[1]) == nil {
				t.Errorf("%s was answered", call[1])
			}
		})
	}
	for range 5 {
		<-arrived
	}
	d.signal(syscall.SIGKILL)
	<-d.ended
	calls.Wait()

	w.write("assent.yaml", fmt.Sprintf(config, c.url)+"collect:\n  aws:\n    - regions: [us-east-1]\n")
	d = startService(t, w, nil)
	waitFor(t, "what became of them", func() bool { return strings.Count(d.out.String(), `"resolved"`) >= 4 })
	got, entries := w.resolutions()
	want := map[string]string{"sqs:CreateQueue made": ledger.Succeeded, "sqs:CreateQueue unmade": ledger.Failed, "sqs:DeleteQueue gone": ledger.Succeeded, "sqs:DeleteQueue stays": ledger.Failed}
	told := map[string]string{}
	for _, d := range w.decisions() {
		if result, ok := got[d.ID]; ok {
			told[d.name()+" "+d.Action.Targets[0].URN[strings.LastIndex(d.Action.Targets[0].URN, ":")+1:]] = result
		}
	}
	if fmt.Sprint(told) != fmt.Sprint(want) || entries != 1 {
		t.Errorf("%v in %d entries, want %v in one", told, entries, want)
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
	for id, result := range got {
		contains(t, "explain", w.must(binary, "explain", id).out, "outcome", ledger.Unresolved, "found out", result)
	}
	if found := w.must(binary, "evidence", "query", "--outcome", ledger.Unresolved, "--json").out; strings.Count(found, `"resolved":"succeeded"`) != 2 || strings.Count(found, `"resolved":"failed"`) != 2 {
		t.Errorf("the evidence does not say it:\n%s", found)
	}
}
