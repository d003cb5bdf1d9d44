package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger/tlog"
)

func keyFile(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cosign.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A checkpoint under two keys is read by either; one byte less and it is not.
func TestACheckpointUnderTwoKeys(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), keyFile(t, private), "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	own, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tlog.Checkpoint{Origin: "example.com/log", Size: 7}.Sign(own)
	if err != nil {
		t.Fatal(err)
	}
	line, err := s.Cosign(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	both := append(signed, line...)
	key, err := tlog.ParseCosignKey(s.VKey())
	if err != nil || key.VKey() != s.VKey() {
		t.Fatalf("%s: %v", s.VKey(), err)
	}
	first, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tlog.OpenCheckpoint(both, first); err != nil || !key.Signed(both) || key.Signed(signed) {
		t.Errorf("%v\n%s", err, both)
	}
	if key.Signed([]byte(strings.Replace(string(both), "\n7\n", "\n8\n", 1))) {
		t.Error("it has signed something else")
	}
	// the key's SubjectPublicKeyInfo is the one that everybody writes
	if der, err := x509.MarshalPKIXPublicKey(&private.PublicKey); err != nil || !strings.HasSuffix(s.VKey(), "+"+base64Of(append([]byte{2}, der...))) {
		t.Errorf("%s: %v", s.VKey(), err)
	}
}

func TestWhatIsNoCosigningKeyIsRefused(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		keyFile(t, ed): "want ECDSA on P-256", keyFile(t, wide): "want P-256", "nowhere.pem": "no such file", "nokms://key": "opening",
	} {
		if _, err := Open(t.Context(), ref, "log"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, bad := range []string{"", "a+b+c", "log+00000000+AgAA"} {
		if _, err := tlog.ParseCosignKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
