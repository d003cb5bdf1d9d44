package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// told is one verified message.
type told struct {
	Type string `json:"type"`
	Data struct {
		Request string   `json:"request"`
		Actor   string   `json:"actor"`
		Asks    []string `json:"asks"`
		By      []string `json:"by"`
		Actions []struct {
			Action  string   `json:"action"`
			Targets []string `json:"targets"`
		} `json:"actions"`
		Modes []struct{ Environment, Before, Now string } `json:"modes"`
	} `json:"data"`
}

// startReceiver runs a receiver of webhooks that checks signatures without us, and
// returns its port and what it has verified so far.
func startReceiver(t *testing.T, w *world, secret string) (port string, verified func() []told) {
	t.Helper()
	python := tool(t, "python3")
	out, portFile := filepath.Join(w.dir, "told"), filepath.Join(w.dir, "port")
	cmd := exec.Command(python, testdata(t, "webhook.py"), out, secret, portFile)
	cmd.Env = w.environ()
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the receiver: %s", said.String())
		}
	})
	waitFor(t, "the receiver", func() bool {
		data, err := os.ReadFile(portFile)
		port = string(data)
		return err == nil
	})
	return port, func() (all []told) {
		data, _ := os.ReadFile(out)
		lines := strings.SplitAfter(string(data), "\n")
		for _, line := range lines[:len(lines)-1] { // the last one may not be whole yet
			if line == "BAD\n" {
				t.Fatal("a message does not verify")
			}
			var m told
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	}
}

// What waits for approval and what became of it, and that other documents are in force,
// is told at once in messages that others can check, and the secret is nowhere.
func TestAWebhookTellsWhatWaitsAndWhatChanged(t *testing.T) {
	o := newOffice(t, "wait: 0s\n")
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	file := o.write("webhook.secret", secret+"\n")
	port, verified := startReceiver(t, o.world, file)
	o.write("assent.yaml", o.read("assent.yaml")+"webhook: {url: \"http://127.0.0.1:"+port+"/hook-path\", secret_file: webhook.secret}\n")

	first := o.remove("deploy-agent", "acme-reports-old")
	request := o.waiting()
	waitFor(t, "the request to be told", func() bool { return len(verified()) >= 1 })
	m := verified()[0]
	if m.Type != "approval.requested" || m.Data.Request != request || m.Data.Actor != "deploy-agent" || strings.Join(m.Data.Asks, ",") != "dana" ||
		len(m.Data.Actions) != 1 || m.Data.Actions[0].Action != "s3:DeleteBucket" || !strings.Contains(strings.Join(m.Data.Actions[0].Targets, ","), "acme-reports-old") {
		t.Errorf("%+v", m)
	}
	o.answer("approve", request)
	second := o.remove("deploy-agent", "acme-reports-old")
	if second.code != 0 {
		t.Fatalf("%v", second)
	}
	find := func(kind string) (found told, ok bool) {
		for _, m := range verified() {
			if m.Type == kind {
				return m, true
			}
		}
		return told{}, false
	}
	waitFor(t, "the use to be told", func() bool { _, ok := find("approval.used"); return ok })
	if m, _ := find("approval.used"); m.Data.Request != request || strings.Join(m.Data.By, ",") != "dana" {
		t.Errorf("%+v", m)
	}
	o.remove("deploy-agent", "acme-reports-new")
	o.answer("deny", o.waiting())
	third := o.remove("deploy-agent", "acme-reports-new")
	waitFor(t, "the no to be told", func() bool { _, ok := find("approval.denied"); return ok })

	o.write("assent.yaml", o.read("assent.yaml")+"listen: 127.0.0.1:"+freePort(t)+"\nadmin: off\n")
	d := startService(t, o.world, nil)
	o.must(binary, "mode", "observe", "--env", "shop")
	waitFor(t, "the change of mode to be told", func() bool {
		m, ok := find("intent.changed")
		return ok && len(m.Data.Modes) == 1 && m.Data.Modes[0].Environment == "shop" && m.Data.Modes[0].Before == "enforce" && m.Data.Modes[0].Now == "observe"
	})
	for _, text := range []string{first.errOut, second.errOut, third.errOut, d.out.String(), d.errOut.String(), o.must(binary, "config").out} {
		if strings.Contains(text, strings.TrimPrefix(secret, "whsec_")) || strings.Contains(text, "hook-path") {
			t.Errorf("a secret was said: %s", text)
		}
	}
}
