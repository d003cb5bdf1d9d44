package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-iom/assent/cmd/internal/config"
)

func machine(t *testing.T, yaml string, env map[string]string) Params {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if yaml != "" {
		if err := os.WriteFile(filepath.Join(dir, "assent.yaml"), []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	getenv := func(k string) string { return env[k] }
	p := Params{Getenv: getenv, Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Home: dir, OS: "linux", Now: time.Now, Rand: rand.Reader}
	p.Config, p.ConfigErr = config.Load(config.Where{Dir: dir, Getenv: getenv, Home: dir, OS: "linux"})
	return p
}

func byName(results []Result) map[string]Result {
	m := map[string]Result{}
	for _, r := range results {
		m[r.Name] = r
	}
	return m
}

func TestAFreshMachineIsWell(t *testing.T) {
	p := machine(t, "", nil)
	results := Run(context.Background(), p)
	for _, r := range results {
		if r.Status == Fail {
			t.Errorf("%+v", r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(p.Home, "*")); len(left) > 0 {
		t.Errorf("the doctor left something behind: %v", left)
	}
}

func TestEachFindingHasARepair(t *testing.T) {
	p := machine(t, "mode: enforce\nintent: absent\nledger: file/ledger\n",
		map[string]string{"NO_PROXY": ".amazonaws.com", "HTTPS_PROXY": "http://u:secret@corp:1", "KUBECONFIG": "/dev/null/x:"})
	p.Now = func() time.Time { return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) }
	if err := os.WriteFile(filepath.Join(p.Home, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	results := Run(context.Background(), p)
	got := byName(results)
	for name, want := range map[string]Status{"declared intent": Fail, "NO_PROXY": Warn, "another proxy": Warn, "clock": Fail, "kubeconfig": Fail} {
		if got[name].Status != want {
			t.Errorf("%s: %+v, want %s", name, got[name], want)
		}
	}
	for _, r := range results {
		if r.Status != OK && r.Repair == "" || r.Detail == "" {
			t.Errorf("no repair or detail: %+v", r)
		}
	}
	if !Failed(results) {
		t.Error("nothing failed")
	}
}

func TestABrokenConfigurationOrCheckDoesNotEndTheDoctor(t *testing.T) {
	p := machine(t, "mod: x\n", nil)
	if r := byName(Run(context.Background(), p))["configuration"]; r.Status != Fail {
		t.Errorf("%+v", r)
	}
	r := one(context.Background(), check{"boom", func(context.Context, Params) Result { panic(errors.New("boom")) }}, p)
	if r.Status != Fail || r.Name != "boom" {
		t.Errorf("%+v", r)
	}
}
