package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// account is the one that moto serves; accessKey encodes it, as real ones do.
const (
	account   = "123456789012"
	accessKey = "AKIARZPUZDIKABSGK3LP"
)

// binary is the assent program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "assent-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "assent")
	build := exec.Command("go", "build", "-o", binary, "github.com/assent-iom/assent/cmd/assent")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building assent:", err)
		return 1
	}
	return m.Run()
}

// tool returns the path of a program, or ends the test: loudly skipped on a
// workstation, failed in CI.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("NOT RUN: %s; in CI nothing may be skipped", what)
	}
	t.Skipf("NOT RUN: %s", what)
}

// world is one user's machine: a home, a working directory with an assent.yaml,
// and nothing of the real machine's settings but its PATH.
type world struct {
	t    *testing.T
	home string
	dir  string
	env  map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir(), dir: t.TempDir()}
	w.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.home, "LANG": "C.UTF-8", "USER": "tester",
		"XDG_STATE_HOME":        filepath.Join(w.home, "state"),
		"AWS_ACCESS_KEY_ID":     accessKey,
		"AWS_SECRET_ACCESS_KEY": "a-secret-for-tests",
		"AWS_DEFAULT_REGION":    "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
	}
	// Version managers that put shims on PATH need to find themselves.
	for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION", "TF_CLI_CONFIG_FILE", "GOFLAGS", "GOPROXY", "GOMODCACHE", "GOCACHE", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB"} {
		if v := os.Getenv(name); v != "" {
			w.env[name] = v
		}
	}
	t.Cleanup(w.replay)
	return w
}

// replay holds law 5 against everything that a test has recorded: made again on
// what it was made on, a decision comes out with the same bytes.
func (w *world) replay() {
	if w.t.Failed() {
		return
	}
	r := w.run(binary, "replay", "--json")
	var out struct {
		Judged    int            `json:"judged"`
		Left      map[string]int `json:"left"`
		Differing []string       `json:"differing"`
	}
	if json.Unmarshal([]byte(r.out), &out) != nil {
		return // there is no ledger, or the test has damaged it
	}
	for _, id := range out.Differing {
		w.t.Errorf("one snapshot, one verdict: replaying gives other bytes for\n%s", w.must(binary, "explain", id, "--json").out)
	}
	for why, n := range out.Left {
		if strings.Contains(why, "not kept") || strings.Contains(why, "not recorded") {
			w.t.Errorf("%d decisions cannot be made again: %s", n, why)
		}
	}
	if out.Judged > 0 {
		w.t.Logf("replayed %d decisions, left out %v", out.Judged, out.Left)
	}
}

func (w *world) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) environ() []string {
	env := make([]string, 0, len(w.env))
	for k, v := range w.env {
		env = append(env, k+"="+v)
	}
	return env
}

// result is how a command ended.
type result struct {
	code        int
	out, errOut string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\n--- stdout\n%s--- stderr\n%s", r.code, r.out, r.errOut)
}

// run runs a program in the world and returns how it ended.
func (w *world) run(name string, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = w.dir, w.environ()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("running %s %s: %v", name, strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// assent runs the program under test.
func (w *world) assent(args ...string) result { w.t.Helper(); return w.run(binary, args...) }

// must runs a program and fails the test unless it exits 0.
func (w *world) must(name string, args ...string) result {
	w.t.Helper()
	r := w.run(name, args...)
	if r.code != 0 {
		w.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), r)
	}
	return r
}

// decisions returns the decisions of the world's ledger, oldest first.
func (w *world) decisions() []decision {
	w.t.Helper()
	r := w.must(binary, "ledger", "tail", "--all", "--json")
	var all []decision
	dec := json.NewDecoder(strings.NewReader(r.out))
	for {
		var entry struct {
			Kind     string   `json:"kind"`
			Decision decision `json:"decision"`
		}
		if err := dec.Decode(&entry); err == io.EOF {
			return all
		} else if err != nil {
			w.t.Fatalf("ledger tail --json: %v\n%s", err, r.out)
		}
		if entry.Kind == "change-decision" {
			all = append(all, entry.Decision)
		}
	}
}

// decision is the part of a decision that the tests look at.
type decision struct {
	ID       string `json:"id"`
	Verdict  string `json:"verdict"`
	Mode     string `json:"mode"`
	Grant    string `json:"grant"`
	Enforcer string `json:"enforcer"`
	Action   struct {
		Actor struct {
			ID    string `json:"id"`
			Authn string `json:"authn"`
		} `json:"actor"`
		Service   string `json:"service"`
		Operation string `json:"operation"`
		Verb      string `json:"verb"`
		Targets   []struct {
			URN  string `json:"urn"`
			Type string `json:"type"`
		} `json:"targets"`
	} `json:"action"`
	Radius struct {
		Dependents int `json:"dependents"`
	} `json:"radius"`
	At       time.Time `json:"at"`
	Findings []struct {
		Code string `json:"code"`
		Why  string `json:"why"`
	} `json:"findings"`
}

// finding is why a code was given; empty: it was not.
func (d decision) finding(code string) string {
	for _, f := range d.Findings {
		if f.Code == code {
			return f.Why
		}
	}
	return ""
}

func (d decision) name() string { return d.Action.Service + ":" + d.Action.Operation }

// cloud is a moto server on loopback.
type cloud struct {
	t   *testing.T
	url string
}

// startCloud starts moto. With checkAfter ≥ 0, signatures and permissions are
// verified after that many calls.
func startCloud(t *testing.T, checkAfter int) *cloud {
	t.Helper()
	server := tool(t, "moto_server")
	port := freePort(t)
	cmd := exec.Command(server, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	if checkAfter >= 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("INITIAL_NO_AUTH_ACTION_COUNT=%d", checkAfter))
	}
	var log lockedBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("moto:\n%s", tailOf(log.String(), 4000))
		}
	})
	c := &cloud{t: t, url: "http://127.0.0.1:" + port}
	waitFor(t, "moto", func() bool {
		resp, err := http.Get(c.url + "/moto-api/")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return c
}

// state returns everything that exists in the cloud: the oracle for "a refused
// call changes nothing".
func (c *cloud) state() string {
	c.t.Helper()
	resp, err := http.Get(c.url + "/moto-api/data.json")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

// behind writes an assent.yaml that leads to the cloud.
func (w *world) behind(c *cloud, more string) {
	w.write("assent.yaml", "upstreams:\n  - {hosts: \"*.amazonaws.com\", to: \""+c.url+"\"}\n"+more)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// waitFor polls a condition of another process, which cannot be waited on.
func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	const limit = 2 * time.Minute // for a busy machine: what is there is there in seconds
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ready() {
			return
		}
	}
	t.Fatalf("%s: not ready after %v", what, limit)
}

func tailOf(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}

// lockedBuffer collects what a running process prints.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// contains fails the test unless text holds every part.
func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
