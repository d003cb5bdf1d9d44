package decide_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestBesideTheOthers runs the tests of the module policy/beside: OPA and Cedar say
// of the same clauses what we say.
func TestBesideTheOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short; it builds another engine the first time")
	}
	have := exec.Command("go", "mod", "download")
	have.Dir = "../beside"
	if out, err := have.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: the modules cannot be had; in CI nothing may be skipped: %s", out)
		}
		t.Skipf("NOT RUN: the modules cannot be had: %s", out)
	}
	cmd := exec.Command("go", "test", "-timeout", "5m", ".")
	cmd.Dir = "../beside"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
