package kube

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestTheServersOwnReadersAgree runs the tests of the module reference, which
// hold our readers against the packages that the API server reads with.
func TestTheServersOwnReadersAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short; it takes a minute the first time")
	}
	have := exec.Command("go", "mod", "download")
	have.Dir = "reference"
	if out, err := have.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: the modules cannot be had; in CI nothing may be skipped: %s", out)
		}
		t.Skipf("NOT RUN: the modules of Kubernetes cannot be had: %s", out)
	}
	cmd := exec.Command("go", "test", "-trimpath", "-v", ".")
	cmd.Dir = "reference"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte("=== ")) {
			t.Logf("%s", bytes.TrimSpace(line))
		}
	}
	if err != nil {
		t.Error(err)
	}
}
