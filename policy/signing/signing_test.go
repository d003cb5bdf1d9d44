package signing

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model/intent"
)

const documents = `apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec: {accountable: "human:ines@shop.example"}
`

func key(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func folder(t *testing.T, text string) (string, *intent.Set) {
	t.Helper()
	dir := t.TempDir()
	return dir, write(t, dir, text)
}

func write(t *testing.T, dir, text string) *intent.Set {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := intent.Load(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A set that is not signed by whom the operator names, or not as it stands, is unsigned.
func TestOnlyASetThatIsSignedAsItStandsIsSigned(t *testing.T) {
	ana, anaKey := key(t)
	ben, benKey := key(t)
	eve, _ := key(t)
	now := time.Unix(1_800_000_000, 0)
	dir, set := folder(t, documents)
	one := Rule{Keys: []string{anaKey, benKey}}
	two := Rule{Keys: []string{anaKey, benKey}, Count: 2}
	verify := func(set *intent.Set, r Rule) string {
		t.Helper()
		_, err := Verify(os.DirFS(dir), set, r)
		var u *Unsigned
		switch {
		case err == nil:
			return "signed"
		case errors.As(err, &u) && u.Repair() != "":
			return err.Error()
		}
		t.Fatal(err)
		return ""
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want && (want == "signed" || !strings.Contains(got, want)) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	expect(verify(set, Rule{}), "signed") // nobody asks
	expect(verify(set, one), "0 of the 1")
	if err := Sign(dir, set, eve, "", now); err != nil {
		t.Fatal(err)
	}
	expect(verify(set, one), "is not one of signers")
	if err := Sign(dir, set, ana, "CHG-1", now); err != nil {
		t.Fatal(err)
	}
	expect(verify(set, one), "signed")
	expect(verify(set, two), "1 of the 2")
	if err := Sign(dir, set, ana, "again", now); err != nil {
		t.Fatal(err)
	}
	expect(verify(set, two), "1 of the 2")
	if err := Sign(dir, set, ben, "", now); err != nil {
		t.Fatal(err)
	}
	expect(verify(set, two), "signed")

	commented := write(t, dir, "# a comment\n"+documents)
	expect(verify(commented, two), "signed")
	altered := write(t, dir, strings.Replace(documents, "ines", "eve", 1))
	expect(verify(altered, one), "over other documents")
	last, err := Last(os.DirFS(dir))
	if err != nil || last.Digest != set.Digest {
		t.Errorf("the last one that was signed is %v: %v", last, err)
	}
	if err := Sign(dir, altered, ana, "", now); err != nil {
		t.Fatal(err)
	}
	expect(verify(altered, one), "signed")
	expect(verify(altered, two), "1 of the 2") // ben's was over what was there before
	expect(verify(nil, one), "over other documents")

	// A statement that was altered, or a signature moved to it, does not verify.
	files, _ := filepath.Glob(filepath.Join(dir, Folder, "SHA256-*.json"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if err := os.WriteFile(f, []byte(strings.Replace(string(text), "2027-01-15", "2028-01-15", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(verify(altered, one), "does not verify")
	for _, f := range files {
		if err := os.WriteFile(f, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(verify(altered, one), "cannot be read")
}

func TestARuleIsChecked(t *testing.T) {
	_, a := key(t)
	_, b := key(t)
	for name, c := range map[string]struct {
		rule Rule
		want string
	}{
		"no key":        {Rule{Keys: []string{"ssh-ed25519 x"}}, "no line"},
		"a key twice":   {Rule{Keys: []string{a, a + " comment"}}, "twice"},
		"more than are": {Rule{Keys: []string{a, b}, Count: 3}, "there are 2 keys"},
	} {
		if err := c.rule.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Rule{Keys: []string{a, b}, Count: 2}).Check(); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"statement":"{}","signature":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, line := key(t)
		dir, set := folder(t, documents)
		if err := os.MkdirAll(filepath.Join(dir, Folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, Folder, "x.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(os.DirFS(dir), set, Rule{Keys: []string{line}}); err == nil {
			t.Fatal("signed by nobody")
		}
	})
}
