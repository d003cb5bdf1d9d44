package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// maxSize is what the verifier may weigh: small enough to be handed over, and to
// be read.
const maxSize = 8 << 20

// The verifier is small, and links neither the engine, nor a policy engine, nor a
// cloud's SDK.
func TestTheVerifierIsSmall(t *testing.T) {
	out := filepath.Join(t.TempDir(), "assent-verify")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		t.Errorf("%d bytes, at most %d", info.Size(), maxSize)
	}
	deps, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(deps)) {
		for _, heavy := range []string{"assent/cmd/internal", "assent/proxy", "assent/decoders", "open-policy-agent", "aws-sdk", "net/http\n", "crypto/x509\n", "sigstore"} {
			if strings.Contains(dep, heavy) {
				t.Errorf("it links %s", dep)
			}
		}
	}
}
