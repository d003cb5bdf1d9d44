package wire

import (
	"os"
	"os/exec"
	"testing"
)

// python finds an interpreter that has botocore. The exams need it: without it
// they fail in CI and are skipped, loudly, elsewhere.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("ASSENT_PYTHON"), "python3", "python"} {
		if name == "" {
			continue
		}
		if exec.Command(name, "-c", "import botocore").Run() == nil {
			return name
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no python with botocore: the exam against botocore's own serializers cannot run")
	}
	t.Skip("SKIPPED, NOT PASSED: no python with botocore, so nothing was compared with a real client")
	return ""
}
