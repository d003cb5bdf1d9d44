package setup

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAChildGetsOneCompleteEnvironment(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	room, err := NewRoom()
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	child := Child{Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("run_1", "t")},
		CAPEM: authority(t), Room: room, Rand: rand.Reader}
	base := []string{"KUBECONFIG=" + file, "NO_PROXY=127.0.0.1,example.org"}
	clusters, notes, err := child.Kubeconfig(base)
	if err != nil || len(clusters) != 2 || len(notes) != 1 {
		t.Fatalf("%v, %v, %v", clusters, notes, err)
	}
	env, notes, err := child.Environ(base)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := os.ReadFile(lookup(env, "KUBECONFIG"))
	if err != nil || !strings.Contains(string(overlay), "http://run_1:t@127.0.0.1:1") {
		t.Errorf("overlay: %v\n%s", err, overlay)
	}
	if got := lookup(env, "NO_PROXY"); got != "example.org" || len(notes) == 0 {
		t.Errorf("NO_PROXY=%s: an API server's address leads past us; notes %v", got, notes)
	}
	if _, _, err := Clusters([]string{file + ".absent"}); err == nil {
		t.Error("a named kubeconfig that does not exist must be an error")
	}
}
