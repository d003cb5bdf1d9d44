package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/store/postgres"
	"github.com/assent-iom/assent/policy"
	"github.com/assent-iom/assent/proxy"
	"github.com/assent-iom/assent/proxy/gate"
)

type daemon struct {
	err    error
	shared *postgres.Status
}

func (d *daemon) Shared() (postgres.Status, bool) {
	if d.shared == nil {
		return postgres.Status{}, false
	}
	return *d.shared, true
}

func (d *daemon) Ready() error { return d.err }
func (*daemon) Stats() proxy.Stats {
	return proxy.Stats{
		Judged: 5, Refused: 2, TurnedAway: 1, Tunnels: 3, Requests: 4, Bodies: 1 << 20, Bounds: map[string]int64{"tunnels": 7},
		Passed: map[string]proxy.Passed{"secret-host.example:443": {Times: 2, BytesUp: 10, BytesDown: 20}},
	}
}
func (*daemon) Entries() uint64 { return 9 }
func (*daemon) Intent() string  { return "none" }

// at serves the door and returns what asks it.
func at(t *testing.T, a *Admin, address string) func(path string) (int, string) {
	t.Helper()
	l, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Serve(l))
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, l.Addr().Network(), l.Addr().String())
		}}}
	return func(path string) (int, string) {
		resp, err := client.Get("http://assent" + path)
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
}

func TestTheDoorTellsWhetherItLivesAndIsReady(t *testing.T) {
	a := New("v1")
	get := at(t, a, filepath.Join(t.TempDir(), "admin.sock"))
	check := func(path string, status int, text string) {
		t.Helper()
		if got, body := get(path); got != status || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q", path, got, body)
		}
	}
	check("/livez", 200, "ok")
	check("/readyz", 503, "starting")
	d := &daemon{}
	a.Serves(d)
	check("/readyz", 200, "ok")
	check("/metrics", 200, "assent_ready 1\n")
	check("/model", 404, "not shared")
	d.shared = &postgres.Status{Age: 42, Max: 30, Why: "away", Counts: postgres.Counts{Seq: 7}}
	check("/model", 200, `"age_seconds":42`)
	check("/metrics", 200, "assent_model_age_seconds 42\n")
	check("/metrics", 200, "assent_model_followed 7\n")
	d.err = errors.New("the ledger cannot be written")
	check("/livez", 200, "ok")
	check("/readyz", 503, "the ledger cannot be written")
	check("/metrics", 200, "assent_ready 0\n")
	check("/debug/pprof/cmdline", 200, "")
	check("/", 404, "")
}

// A profile of the memory holds secrets: it is only for whoever may open the socket.
func TestProfilesAreOnASocketAlone(t *testing.T) {
	get := at(t, New("v1"), "127.0.0.1:0")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
		if status, _ := get(path); status != 404 {
			t.Errorf("%s over TCP: %d", path, status)
		}
	}
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is open to others: %v %v", info.Mode(), err)
	}
}

func TestASocketThatWasLeftBehindIsTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("a socket that answers was taken: %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false) // as after a crash
	first.Close()
	second, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("a file that is no socket was taken away")
	}
}

func TestWhatHappensIsCountedWithoutNames(t *testing.T) {
	a := New("v1")
	a.Serves(&daemon{})
	d := policy.Decision{Verdict: policy.Deny, Mode: policy.Enforce, Action: model.Action{Platform: "aws", Actor: model.Actor{ID: "secret-actor"}}}
	a.Event(gate.Event{Decision: d, Added: 3 * time.Millisecond})
	a.Event(gate.Event{Decision: d, Outcome: &ledger.Outcome{Result: ledger.Failed}})
	a.Event(gate.Event{Turned: &proxy.Turned{Host: "secret-host.example"}})
	a.Reloaded("intent", errors.New("no"))
	_, body := at(t, a, "127.0.0.1:0")("/metrics")
	for _, want := range []string{
		`assent_decisions_total{mode="enforce",platform="aws",verdict="deny"} 1`, `assent_outcomes_total{result="failed"} 1`,
		`assent_added_seconds_bucket{le="0.005"} 1`, `assent_reloads_total{result="refused",what="intent"} 1`, `assent_judged_total 5`,
		`assent_bounds_met_total{bound="tunnels"} 7`, `assent_passed_bytes_total{direction="down"} 20`, `assent_ledger_entries 9`,
		`assent_tunnels 3`, `go_goroutines`, `assent_build_info{`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "secret-") {
		t.Error("a name is a label")
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "assent_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
