package setup

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// user reads one user of a kubeconfig whose plugin is a shell script.
func pluginUser(t *testing.T, version, script, more string) *yaml.Node {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the plugin is a shell script")
	}
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	text := fmt.Sprintf("exec: {apiVersion: %q, command: %q, args: [get-token, \"a b\"], env: [{name: WHOSE, value: mine}]%s}", version, path, more)
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

const v1 = "client.authentication.k8s.io/v1"

func credential(status string) string {
	return `echo '{"apiVersion":"` + v1 + `","kind":"ExecCredential","status":` + status + `}'`
}

// TestAPluginsTokenIsKeptUntilItEnds: the program runs when a token is needed, with
// what the kubeconfig gives it, and not more often.
func TestAPluginsTokenIsKeptUntilItEnds(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	count := filepath.Join(t.TempDir(), "count")
	script := `echo x >> ` + count + `
case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) ;; *) exit 3 ;; esac
echo "{\"apiVersion\":\"` + v1 + `\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"$1 $2 $WHOSE $(wc -l < ` + count + ` | tr -d ' ')\",\"expirationTimestamp\":\"2026-11-24T12:10:00Z\"}}"`
	p := newPlugin(pluginUser(t, v1, script, ""), func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "get-token a b mine 1"}, {9 * time.Minute, "get-token a b mine 1"}, {40 * time.Second, "get-token a b mine 2"}} {
		now = now.Add(step.after)
		if got, err := p.Token(); err != nil || got != step.want {
			t.Errorf("after %v: %q, %v; want %q", step.after, got, err, step.want)
		}
	}
}

func TestAPluginThatIsNotForADaemonSaysSo(t *testing.T) {
	for name, c := range map[string]struct{ version, script, more, says string }{
		"no token":         {v1, credential(`{}`), "", "without a token"},
		"a certificate":    {v1, credential(`{"clientCertificateData":"x","clientKeyData":"y"}`), "", "client certificate"},
		"another version":  {"client.authentication.k8s.io/v1beta1", credential(`{"token":"x"}`), "", "was asked for"},
		"another API":      {"example.com/v1", credential(`{"token":"x"}`), "", "its apiVersion is"},
		"no JSON":          {v1, "echo token", "", "no ExecCredential"},
		"it fails":         {v1, "echo first >&2; echo log in first >&2; exit 1", "", "log in first"},
		"it asks a person": {v1, credential(`{"token":"x"}`), ", interactiveMode: Always", "always asks a person"},
		"too much":         {v1, "head -c 2000000 /dev/zero", "", "more than"},
	} {
		p := newPlugin(pluginUser(t, c.version, c.script, c.more), time.Now)
		if token, err := p.Token(); err == nil || token != "" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	if newPlugin(nil, time.Now) != nil {
		t.Error("a plugin of nobody")
	}
}
