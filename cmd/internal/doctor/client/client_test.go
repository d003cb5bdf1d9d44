package client

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// withPrograms gives a PATH of some of this machine's programs alone.
func withPrograms(t *testing.T, names ...string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("NOT RUN: %s is not installed", name)
			}
			t.Skipf("NOT RUN: %s is not installed", name)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=" + t.TempDir()}
}

func results(t *testing.T, environ []string) map[string]Result {
	t.Helper()
	all, err := Run(context.Background(), Params{Environ: environ, OS: runtime.GOOS, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Result{}
	for _, r := range all {
		by[r.Client] = r
		if (r.Repair == "") != r.Trusts || r.Detail == "" {
			t.Errorf("no repair, or one too many: %+v", r)
		}
	}
	return by
}

// Each client is really run: one that comes by is told from one that does not
// believe, from one that goes past, and from one that does not call.
func TestWhatAClientDoesIsSeen(t *testing.T) {
	environ := withPrograms(t, "curl", "node")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	by := results(t, environ)
	if r := by["curl"]; !r.Proxied || !r.Trusts || r.Capture || r.Failed() {
		t.Errorf("curl: %+v", r)
	}
	// Whatever its version: it comes by and believes, or it is said to go past.
	for _, name := range []string{"node https", "node fetch"} {
		if r, ok := by[name]; !ok || r.Trusts == r.Capture {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if len(by) != 3 {
		t.Errorf("tried what is not there: %v", by)
	}

	// A profile that sets another authority.
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("cacert = \""+someOtherCA(t)+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := results(t, append(slices.Clone(environ), "HOME="+home))["curl"]; !r.Proxied || r.Trusts || !r.Failed() || !strings.Contains(r.Repair, "CURL_CA_BUNDLE") {
		t.Errorf("curl with another authority: %+v", r)
	}
	// A profile that leads past every proxy.
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("noproxy = \"*\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := results(t, append(slices.Clone(environ), "HOME="+home))["curl"]; r.Proxied || !r.Capture || !strings.Contains(r.Repair, "--capture") {
		t.Errorf("curl without a proxy: %+v", r)
	}
}

// someOtherCA is a certificate that signed nothing of ours.
func someOtherCA(t *testing.T) string {
	t.Helper()
	p, err := newProbe(Params{OS: runtime.GOOS, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, p.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The JDK's own clients have no place for a token: they are known by their user.
func TestJavaGoesThrough(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	by := results(t, withPrograms(t, "java"))
	for _, name := range []string{"java URLConnection", "java HttpClient"} {
		if r := by[name]; !r.Proxied || !r.Trusts {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Of clients that were stopped by an interrupt nothing is said.
func TestAnInterruptedTrialSaysNothing(t *testing.T) {
	environ := withPrograms(t, "curl")
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	all, err := Run(ctx, Params{Environ: environ, OS: runtime.GOOS, Now: time.Now, Rand: rand.Reader})
	if !errors.Is(err, context.Canceled) || len(all) > 0 {
		t.Errorf("%v, %+v", err, all)
	}
}
