package publish_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger/publish"
	"github.com/assent-iom/assent/ledger/store"
	"github.com/assent-iom/assent/ledger/tlog"
	"github.com/assent-iom/assent/ledger/verify"
)

// thirdParty builds the checker of the folder thirdparty: tessera's fsck and
// torchwood.
func thirdParty(t *testing.T) string {
	t.Helper()
	return notOurs(t, "thirdparty", ".")
}

// notOurs builds a program of a folder that is a module of its own.
func notOurs(t *testing.T, folder, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), folder)
	build := exec.Command("go", "build", "-o", program, pkg)
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		what := fmt.Sprintf("%s could not be built: %v\n%s", folder, err, out)
		if os.Getenv("CI") != "" {
			t.Fatalf("NOT RUN: %s; in CI nothing may be skipped", what)
		}
		t.Skipf("NOT RUN: %s", what)
	}
	return program
}

// python runs verify.py, which needs no more than Python and openssl, and returns
// its last line.
func python(t *testing.T, args ...string) string {
	t.Helper()
	for _, tool := range []string{"python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("NOT RUN: %s is not installed; in CI nothing may be skipped", tool)
			}
			t.Skipf("NOT RUN: %s is not installed", tool)
		}
	}
	out, err := exec.Command("python3", append([]string{"thirdparty/verify.py"}, args...)...).CombinedOutput()
	var exited *exec.ExitError
	if err != nil && (!errors.As(err, &exited) || exited.ExitCode() != 1) {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// said runs the checker and returns what each check said.
func said(t *testing.T, program string, args ...string) map[string]string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	var exited *exec.ExitError
	if err != nil && (!errors.As(err, &exited) || exited.ExitCode() != 1) {
		t.Fatalf("%v: %s", err, out)
	}
	results := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if name, what, ok := strings.Cut(line, ": "); ok {
			if _, again := results[name]; !again {
				results[name] = what
			}
		}
	}
	return results
}

// The published form is right by other people's code, and where something is
// changed they and we say so.
func TestLaw10OthersToolsAcceptWhatIsPublishedAndCatchWhatWasChanged(t *testing.T) {
	program := thirdParty(t)
	dir := t.TempDir()
	s := open(t, dir)
	for _, size := range []uint64{1, 5, 256, 700} {
		grow(t, s, size)
		put(t, s, size)
		if got := said(t, program, s.Public(), s.VKey()); got["fsck"] != "ok" || got["torchwood"] != "ok" {
			t.Fatalf("size %d: %v", size, got)
		}
		if got, want := python(t, s.Public(), s.VKey()), fmt.Sprintf("verified %d of %d entries", size, size); !strings.HasPrefix(got, want) {
			t.Fatalf("verify.py: %s, want %s", got, want)
		}
	}
	t.Run("a proof", func(t *testing.T) { proofs(t, program, s) })

	// ours, theirs: who is asked to catch it
	for name, c := range map[string]struct {
		change    func(t *testing.T, dir string)
		torchwood bool
	}{
		"a byte of the checkpoint":          {func(t *testing.T, d string) { flip(t, d+"/checkpoint") }, true},
		"a byte of a full bundle":           {func(t *testing.T, d string) { flipAt(t, d+"/tile/entries/000", 40) }, true},
		"a byte of a partial bundle":        {func(t *testing.T, d string) { flipAt(t, d+"/tile/entries/002.p/188", 40) }, true},
		"a byte after a bundle":             {func(t *testing.T, d string) { appendTo(t, d+"/tile/entries/001", "x") }, true},
		"a bundle cut short":                {func(t *testing.T, d string) { cut(t, d+"/tile/entries/001") }, true},
		"a full tile of leaves":             {func(t *testing.T, d string) { flipAt(t, d+"/tile/0/001", 4000) }, true},
		"a partial tile of leaves":          {func(t *testing.T, d string) { flipAt(t, d+"/tile/0/002.p/188", 40) }, true},
		"a byte after a tile":               {func(t *testing.T, d string) { appendTo(t, d+"/tile/0/001", "x") }, true},
		"a tile above":                      {func(t *testing.T, d string) { flipAt(t, d+"/tile/1/000.p/2", 40) }, true},
		"two bundles in each other's place": {func(t *testing.T, d string) { swap(t, d+"/tile/entries/000", d+"/tile/entries/001") }, true},
		"a bundle that is missing":          {func(t *testing.T, d string) { remove(t, d+"/tile/entries/001") }, true},
		"a tile that is missing":            {func(t *testing.T, d string) { remove(t, d+"/tile/0/001") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "public")
			copyTree(t, s.Public(), copied)
			c.change(t, copied)
			got := said(t, program, copied, s.VKey())
			if got["fsck"] == "ok" {
				t.Error("tessera's fsck did not catch it")
			}
			if got["torchwood"] == "ok" && c.torchwood {
				t.Error("torchwood did not catch it")
			}
			if got := python(t, copied, s.VKey()); !strings.HasPrefix(got, "FAILED: ") {
				t.Errorf("verify.py: %s", got)
			}
			r, err := verify.Public(t.Context(), copied, verify.Options{VKey: s.VKey()})
			if err != nil || r.Kind != verify.Tampered {
				t.Errorf("ours: %v %v", r.Kind, err)
			}
		})
	}
}

// verify.py takes the key that it is given, and no other.
func TestVerifyPyRefusesAnotherKey(t *testing.T) {
	s, other := open(t, t.TempDir()), open(t, t.TempDir())
	grow(t, s, 3)
	put(t, s, 3)
	if got := python(t, s.Public(), other.VKey()); !strings.HasPrefix(got, "FAILED: ") {
		t.Error(got)
	}
}

// proofs checks inclusion proofs with torchwood.
func proofs(t *testing.T, program string, s *store.Store) {
	signed, err := s.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{0, 255, 256, 699} {
		e, err := s.Get(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := s.Prove(t.Context(), index, 700)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write(t, dir+"/proof", string(tlog.FormatInclusion(index, hashes, signed)))
		write(t, dir+"/entry", string(e.Envelope))
		if got := said(t, program, s.Public(), s.VKey(), dir+"/proof", dir+"/entry"); got["proof"] != "ok" {
			t.Errorf("entry %d: %v", index, got)
		}
		write(t, dir+"/entry", string(e.Envelope)+" ")
		if got := said(t, program, s.Public(), s.VKey(), dir+"/proof", dir+"/entry"); got["proof"] == "ok" {
			t.Errorf("entry %d: the proof holds for another entry", index)
		}
	}
}

func flipAt(t *testing.T, path string, at int) {
	t.Helper()
	change(t, path, func(data []byte) []byte { data[at] ^= 1; return data })
}

func appendTo(t *testing.T, path, more string) {
	t.Helper()
	change(t, path, func(data []byte) []byte { return append(data, more...) })
}

func cut(t *testing.T, path string) {
	t.Helper()
	change(t, path, func(data []byte) []byte { return data[:len(data)-1] })
}

func change(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(how(data)))
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	write(t, a, string(y))
	write(t, b, string(x))
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// What only we look at: files beside the ones that the checkpoint asks for, the
// key, what was kept, and what the entries say.
func TestThePublishedFormAloneIsVerified(t *testing.T) {
	s := open(t, t.TempDir())
	grow(t, s, 5)
	put(t, s, 5)
	kept, err := os.ReadFile(s.Public() + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	grow(t, s, 300)
	put(t, s, 300)
	other := open(t, t.TempDir())
	grow(t, other, 300)
	put(t, other, 300)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		opts   verify.Options
		want   verify.Kind
	}{
		"honest":               {nil, verify.Options{VKey: s.VKey()}, verify.OK},
		"honest since":         {nil, verify.Options{VKey: s.VKey(), Since: kept}, verify.OK},
		"no key":               {nil, verify.Options{}, verify.Untrusted},
		"another key":          {nil, verify.Options{VKey: other.VKey()}, verify.Untrusted},
		"a stranger's file":    {func(t *testing.T, d string) { write(t, d+"/tile/0/0", "x") }, verify.Options{VKey: s.VKey()}, verify.Tampered},
		"another early tile":   {func(t *testing.T, d string) { write(t, d+"/tile/0/001.p/1", strings.Repeat("x", 32)) }, verify.Options{VKey: s.VKey()}, verify.Tampered},
		"an interrupted write": {func(t *testing.T, d string) { write(t, d+"/checkpoint.1.tmp", "x") }, verify.Options{VKey: s.VKey()}, verify.OK},
		"rolled back":          {func(t *testing.T, d string) { back(t, s, d, kept) }, verify.Options{VKey: s.VKey(), Since: mustRead(t, s.Public()+"/checkpoint")}, verify.RolledBack},
		"no checkpoint":        {func(t *testing.T, d string) { remove(t, d+"/checkpoint") }, verify.Options{VKey: s.VKey()}, verify.Unfinished},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "public")
			copyTree(t, s.Public(), copied)
			if c.change != nil {
				c.change(t, copied)
			}
			r, err := verify.Public(context.Background(), copied, c.opts)
			if r.Kind != c.want || (err != nil) != (c.want == verify.Unfinished) {
				t.Errorf("%v, want %v: %v %+v", r.Kind, c.want, err, r.Problems)
			}
			if c.want == verify.OK && (r.Verified != 300 || r.Tiles < 5) {
				t.Errorf("verified %d, %d files", r.Verified, r.Tiles)
			}
		})
	}
}

// back makes an honest published form of the log as it was.
func back(t *testing.T, s *store.Store, dir string, checkpoint []byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Publish(t.Context(), earlier{s, checkpoint}, dir, nil); err != nil {
		t.Fatal(err)
	}
}

type earlier struct {
	*store.Store
	signed []byte
}

func (e earlier) Checkpoint(context.Context) ([]byte, error) { return e.signed, nil }

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
