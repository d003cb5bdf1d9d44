package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-iom/assent/ledger/reconcile"
)

// An API server's logs are found as it names them when it begins another.
func TestRotatedAuditLogsAreFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"audit.log", "audit-2026-11-24T12-00-00.000.log", "audit-2026-11-23T12-00-00.000.log.gz", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := logFiles(reconcile.KubeAudit, dir); err != nil || len(files) != 3 {
		t.Errorf("%v %v", files, err)
	}
	if files, err := logFiles(reconcile.CloudTrail, dir); err == nil {
		t.Errorf("CloudTrail's: %v", files)
	}
}
