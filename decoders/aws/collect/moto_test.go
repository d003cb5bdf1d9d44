package collect

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/collect"
	"github.com/assent-iom/assent/model/graph"
)

const (
	accountID = "123456789012"
	accessKey = "AKIARZPUZDIKABSGK3LP" // carries the account
)

// cloud is a moto server on loopback.
type cloud struct{ url *url.URL }

func startCloud(t *testing.T) *cloud {
	t.Helper()
	server, err := exec.LookPath("moto_server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("NOT RUN: moto_server is not installed; in CI nothing may be skipped")
		}
		t.Skip("NOT RUN: moto_server is not installed: .ci/tools.sh cloud")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := exec.Command(server, "-H", "127.0.0.1", "-p", port)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := &cloud{&url.URL{Scheme: "http", Host: "127.0.0.1:" + port}}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // another process cannot be waited on
		if resp, err := http.Get(c.url.String() + "/moto-api/"); err == nil {
			resp.Body.Close()
			return c
		}
	}
	t.Fatal("moto is not ready after 30 s")
	return nil
}

// RoundTrip leads every call to the cloud, under the name that it was sent to.
func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.Host = r.URL.Host
	out.URL.Scheme, out.URL.Host = c.url.Scheme, c.url.Host
	return http.DefaultTransport.RoundTrip(out)
}

// python runs a script against the cloud and reads what it prints.
func (c *cloud) python(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.Command("python3", args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+c.url.String(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY=a-secret-for-tests", "AWS_DEFAULT_REGION=us-east-1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v: %.300s", err, out)
	}
}

// estate is what testdata/estate.py made.
type estate struct {
	Account   string
	Made      map[string]model.URN
	Relations [][2]model.URN
	Strangers []model.URN
}

// world is a model over a cloud.
type world struct {
	graph     *graph.Graph
	collector *Collector
	runner    *collect.Runner
}

func newDecoder(t testing.TB) *aws.Live {
	t.Helper()
	tbl, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	d, err := aws.NewLive(tbl)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newWorld(t *testing.T, send http.RoundTripper, change ...func(*Config)) *world {
	t.Helper()
	cfg := Config{Decoder: newDecoder(t), Regions: []string{"us-east-1"}, Send: send, Now: time.Now}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := cfg.Decoder.Table().PartitionOfRegion("us-east-1")
	c.account.Store(&account{id: accountID, credentials: credentials.NewStaticCredentialsProvider(accessKey, "a-secret-for-tests", ""), partition: p, regions: cfg.Regions})
	g := graph.New(graph.Config{})
	w := &world{graph: g, collector: c}
	w.runner, err = collect.NewRunner(collect.RunnerConfig{Collectors: []collect.Collector{c}, Learn: collect.NewPassing(collect.Config{Graph: g}), Snapshot: g.Snapshot, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) collect(t *testing.T) {
	t.Helper()
	if err := w.runner.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// count is how many resources are known.
func (w *world) count() (n int) {
	w.graph.Snapshot().Each(func(model.Resource) bool { n++; return true })
	return n
}

func (w *world) depends(from, to model.URN) bool {
	s := w.graph.Snapshot()
	for _, r := range s.Dependencies(from) {
		if r.To == to {
			return true
		}
	}
	return false
}
