package collect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
)

// faults are ways for a cloud to fail. Each gets the call, how often this very call
// came before, and what the cloud would answer.
var faults = map[string]struct {
	state collect.State
	least int // listings that fail so
	spoil func(r *http.Request, body string, before int, real func() *http.Response) *http.Response
}{
	"denied": {collect.Denied, 50, func(r *http.Request, _ string, _ int, _ func() *http.Response) *http.Response {
		return errorOf(r, 403, "AccessDeniedException", "User is not authorized to perform this")
	}},
	"throttled": {collect.Failed, 50, func(r *http.Request, _ string, _ int, _ func() *http.Response) *http.Response {
		resp := errorOf(r, 400, "ThrottlingException", "Rate exceeded")
		resp.Header.Set("Retry-After", "2")
		return resp
	}},
	"cut off": {collect.Failed, 50, func(_ *http.Request, _ string, _ int, real func() *http.Response) *http.Response {
		return rewritten(real(), func(b []byte) []byte { return b[:len(b)/2] })
	}},
	"cut off on the wire": {collect.Failed, 50, func(_ *http.Request, _ string, _ int, real func() *http.Response) *http.Response {
		resp := real()
		b, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)/2]), broken{}))
		return resp
	}},
	"an error in the middle": {collect.Failed, 3, func(r *http.Request, body string, _ int, real func() *http.Response) *http.Response {
		if !asksOn(r, body) {
			return real()
		}
		return errorOf(r, 500, "InternalError", "we are sorry")
	}},
	"an empty object": {collect.Failed, 50, func(r *http.Request, _ string, _ int, real func() *http.Response) *http.Response {
		if strings.HasPrefix(r.URL.Host, "sqs.") {
			return real() // which is how SQS says that there are no queues
		}
		return rewritten(real(), func(b []byte) []byte {
			if len(b) > 0 && b[0] == '<' {
				return []byte("<Anything/>")
			}
			return []byte("{}")
		})
	}},
	"somebody else's page": {collect.Failed, 50, func(_ *http.Request, _ string, _ int, real func() *http.Response) *http.Response {
		return rewritten(real(), func([]byte) []byte { return []byte("<!doctype html><html><body>Sign in to the network</body></html>") })
	}},
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// asksOn reports a call for a page that is not the first.
func asksOn(r *http.Request, body string) bool {
	text := strings.ToLower(r.URL.RawQuery + " " + body)
	for _, name := range []string{"nexttoken", "marker", "exclusivestart", "continuation-token", "name="} {
		if strings.Contains(text, name) && !strings.Contains(text, "=name") {
			return true
		}
	}
	return false
}

func errorOf(r *http.Request, status int, code, message string) *http.Response {
	body := fmt.Sprintf(`{"__type":"com.amazonaws#%s","message":%q}`, code, message)
	if r.Header.Get("X-Amz-Target") == "" {
		body = fmt.Sprintf("<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func rewritten(resp *http.Response, f func([]byte) []byte) *http.Response {
	b, _ := io.ReadAll(resp.Body)
	b = f(b)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return resp
}

// spoiled is a cloud that fails in one way.
type spoiled struct {
	http.RoundTripper
	spoil func(r *http.Request, body string, before int, real func() *http.Response) *http.Response

	mu   sync.Mutex
	seen map[string]int
	hits int
}

func (s *spoiled) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	key := r.URL.String() + r.Header.Get("X-Amz-Target") + string(body)
	s.mu.Lock()
	before := s.seen[key]
	s.seen[key]++
	s.mu.Unlock()
	asked := false
	resp := s.spoil(r, string(body), before, func() *http.Response {
		asked = true
		var resp *http.Response
		if resp, err = s.RoundTripper.RoundTrip(r); err != nil {
			return &http.Response{StatusCode: 599, Header: http.Header{}, Body: http.NoBody}
		}
		return resp
	})
	if !asked {
		s.mu.Lock()
		s.hits++
		s.mu.Unlock()
	}
	return resp, err
}

// Whatever way listings fail in, no resource is deleted, and each of them is a gap
// with a name.
func nothingIsDeletedFromAnIncompleteListing(t *testing.T, c *cloud) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := &spoiled{RoundTripper: c, seen: map[string]int{}, spoil: func(_ *http.Request, _ string, _ int, real func() *http.Response) *http.Response { return real() }}
			var waited time.Duration
			var mu sync.Mutex
			w := newWorld(t, s, func(cfg *Config) {
				cfg.Sleep = func(ctx context.Context, d time.Duration) error {
					mu.Lock()
					waited += d
					mu.Unlock()
					return ctx.Err()
				}
			})
			w.collect(t)
			before, version := w.count(), w.graph.Snapshot().Version()
			if before < 100 {
				t.Fatalf("only %d resources to begin with", before)
			}
			s.spoil = fault.spoil
			for _, l := range w.collector.listings {
				if l.sizeIn != "MaxBuckets" { // moto cuts a list of buckets off, and gives no token
					l.size = min(l.size, 1)
				}
			}
			w.collect(t)
			if after := w.count(); after != before {
				t.Errorf("%d resources became %d", before, after)
			}
			covers, gaps := w.runner.Coverage()
			states := map[collect.State]int{}
			for _, v := range covers {
				states[v.State]++
			}
			if states[fault.state] < fault.least || len(gaps) != len(covers)-states[collect.Complete] {
				t.Errorf("states %v, %d gaps", states, len(gaps))
			}
			for _, g := range gaps {
				if g.Why == "" || strings.Contains(g.Why, "\n") {
					t.Errorf("a gap without a name: %+v", g)
				}
			}
			if name == "throttled" && waited < 2*time.Second {
				t.Errorf("waited %v, and was asked to wait 2 s", waited)
			}
			t.Logf("%d resources; states %v; %d calls failed; version %d is now %d", before, states, s.hits, version.Rev, w.graph.Snapshot().Version().Rev)
		})
	}
}

// What fails for a moment is asked again, and the listing is whole.
func whatFailsForAMomentIsAskedAgain(t *testing.T, c *cloud) {
	s := &spoiled{RoundTripper: c, seen: map[string]int{}, spoil: func(r *http.Request, _ string, before int, real func() *http.Response) *http.Response {
		switch before {
		case 0:
			return errorOf(r, 503, "SlowDown", "slower")
		case 1:
			return errorOf(r, 500, "InternalFailure", "again")
		}
		return real()
	}}
	w := newWorld(t, s, func(cfg *Config) {
		cfg.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	})
	w.collect(t)
	if _, gaps := w.runner.Coverage(); len(gaps) != 0 {
		t.Errorf("%d gaps: %+v: %s", len(gaps), gaps[0], gaps[0].Why)
	}
	if calls, again := w.collector.Counts(); again < calls/2 {
		t.Errorf("%d calls, %d of them again", calls, again)
	}
}

// A complete listing takes away exactly what is gone.
func whatIsGoneIsTakenAway(t *testing.T, c *cloud, e estate) {
	w := newWorld(t, c)
	w.collect(t)
	known := urns(w)
	const job = "arn:aws:glue:us-east-1:123456789012:job/nightly"
	gone := []string{"volume-free", "queue-orders-dlq", "alias-logs"}
	var out map[string]bool
	c.python(t, &out, "-c", `
import boto3, json
boto3.client("sqs").delete_queue(QueueUrl=boto3.client("sqs").get_queue_url(QueueName="orders-dlq")["QueueUrl"])
boto3.client("kms").delete_alias(AliasName="alias/logs")
boto3.client("glue").untag_resource(ResourceArn="`+job+`", TagsToRemove=["team", "Name"])
boto3.client("glue").delete_job(JobName="nightly")
boto3.client("ec2").delete_volume(VolumeId="`+ending(e.Made["volume-free"])+`")
print(json.dumps({"done": True}))`)
	w.collect(t)
	after := urns(w)
	var missing []string
	for _, u := range known {
		if !slices.Contains(after, u) {
			missing = append(missing, string(u))
		}
	}
	want := []string{job}
	for _, name := range gone {
		want = append(want, string(e.Made[name]))
	}
	slices.Sort(want)
	if slices.Sort(missing); !slices.Equal(missing, want) {
		t.Errorf("gone are %v, want %v", missing, want)
	}
}

func urns(w *world) (all []model.URN) {
	w.graph.Snapshot().Each(func(r model.Resource) bool { all = append(all, r.URN); return true })
	return all
}

// A collector asks and changes nothing: a row that would is not sent.
func TestACollectorOnlyReads(t *testing.T) {
	sent := 0
	w := newWorld(t, trip(func(*http.Request) (*http.Response, error) { sent++; return nil, io.EOF }))
	tbl := w.collector.cfg.Decoder.Table()
	for _, name := range []string{"ec2:TerminateInstances", "iam:CreateAccessKey", "secretsmanager:GetSecretValue", "sts:GetSessionToken", "sqs:ReceiveMessage"} {
		op, err := operation(tbl, name)
		if err != nil {
			t.Fatal(err)
		}
		params := map[string]any{"ec2:TerminateInstances": map[string]any{"InstanceIds": []any{"i-1"}}, "secretsmanager:GetSecretValue": map[string]any{"SecretId": "s"},
			"sqs:ReceiveMessage": map[string]any{"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q"}}[name]
		with, _ := params.(map[string]any)
		if _, err := w.collector.ask(t.Context(), w.collector.account.Load(), op, "us-east-1", false, anyMap(with)); err == nil || !strings.Contains(err.Error(), "only reads") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, l := range w.collector.listings {
		for _, op := range append([]string{l.List}, calls(l)...) {
			if strings.Contains(op, "GetSecretValue") {
				t.Errorf("%s reads a secret", l.Type)
			}
		}
	}
	if sent != 0 {
		t.Errorf("%d calls were sent", sent)
	}
}

func calls(l *listing) (all []string) {
	for _, e := range l.Each {
		all = append(all, e.Call)
	}
	return all
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzRefusal(f *testing.F) {
	f.Add([]byte(`{"__type":"a#B","message":"m"}`))
	f.Add([]byte(`<ErrorResponse><Error><Code>A</Code></Error></ErrorResponse>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := readRefusal(&decoders.Response{Status: 400, Header: http.Header{}, Body: body})
		if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q", err)
		}
	})
}
