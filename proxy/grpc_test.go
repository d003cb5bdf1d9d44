package proxy

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestGRPCInterop runs the tests of the module grpcinterop: gRPC's own cases,
// through the proxy.
func TestGRPCInterop(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short; it builds gRPC the first time")
	}
	have := exec.Command("go", "mod", "download")
	have.Dir = "grpcinterop"
	if out, err := have.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: the modules cannot be had; in CI nothing may be skipped: %s", out)
		}
		t.Skipf("NOT RUN: the modules of gRPC cannot be had: %s", out)
	}
	cmd := exec.Command("go", "test", "-v", "-timeout", "5m", ".")
	cmd.Dir = "grpcinterop"
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
