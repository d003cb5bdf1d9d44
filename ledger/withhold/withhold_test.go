package withhold

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/ledger"
)

func TestWhatWasWithheldIsShownWithItsProofAndWithTheKeyAlone(t *testing.T) {
	private, public, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSealer(public+"\n", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parts := []ledger.Part{{Name: "url", Value: "https://h/?p=hush"}, {Name: "body", Value: "\xff\x00hush"}, {Name: "long", Value: strings.Repeat("x", MaxPart+1)}}
	commitments, o, err := s.Seal("dec_1", parts)
	if err != nil || len(commitments) != 2 || bytes.Contains(o.Data, []byte("hush")) || o.Name != "withheld/dec_1" {
		t.Fatalf("%v %v %s", err, commitments, o.Name)
	}
	shown, err := Open(key, "dec_1", commitments, o.Data)
	if err != nil || len(shown) != 2 || shown[0].Value != parts[0].Value || shown[1].Name != "body;base64" || shown[1].Value != "/wBodXNo" {
		t.Fatalf("%v %+v", err, shown)
	}
	// The same call commits to something else each time: nothing can be guessed.
	again, _, err := s.Seal("dec_1", parts)
	if err != nil || again[0] == commitments[0] {
		t.Errorf("no salt: %v", err)
	}
	// Of another decision, with other commitments, changed, or with another key: nothing.
	changed := bytes.Clone(o.Data)
	changed[len(changed)-1] ^= 1
	otherPEM, _, _ := NewKey()
	other := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(other, otherPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong, err := ReadKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]Shown, error){
		"decision":    func() ([]Shown, error) { return Open(key, "dec_2", commitments, o.Data) },
		"commitments": func() ([]Shown, error) { return Open(key, "dec_1", again, o.Data) },
		"fewer":       func() ([]Shown, error) { return Open(key, "dec_1", commitments[:1], o.Data) },
		"bytes":       func() ([]Shown, error) { return Open(key, "dec_1", commitments, changed) },
		"key":         func() ([]Shown, error) { return Open(wrong, "dec_1", commitments, o.Data) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("another %s: it opens", name)
		}
	}
	for _, bad := range []string{"", "hpke-x25519:", "hpke-x25519:AAAA", strings.TrimPrefix(public, prefix)} {
		if _, err := NewSealer(bad, rand.Reader); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// The example of RFC 9901, section 4.2.3.
func TestCommitmentsAreThoseOfTheRFC(t *testing.T) {
	const disclosure = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
	s, err := Read(disclosure)
	if err != nil || s.Commitment != "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0" || s.Name != "family_name" || s.Value != "Möbius" {
		t.Errorf("%v %+v", err, s)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := Read(text); err == nil && (s.Disclosure != text || s.Commitment != Commitment(text)) {
			t.Errorf("%q: %+v", text, s)
		}
	})
}
