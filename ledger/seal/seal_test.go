package seal

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/ledger/tlog"
)

func TestKeyIsMadeOnceByManyAndIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	vkeys := make([]string, 16)
	var wg sync.WaitGroup
	for i := range vkeys {
		wg.Go(func() {
			s, err := File(path, "", rand.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			vkeys[i] = s.VKey()
		})
	}
	wg.Wait()
	for _, v := range vkeys {
		if v != vkeys[0] || v == "" {
			t.Fatalf("two keys: %q and %q", v, vkeys[0])
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := File(path, "", rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that anyone can read was accepted: %v", err)
	}
}

func TestBadKeyFilesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no PEM": "hello", "not a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"another block": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := File(path, "", rand.Reader); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestOtherKindsOfKeyAreRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signature.LoadECDSASigner(key, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(signer, "example.org/log"); err == nil {
		t.Error("an ECDSA key was accepted for checkpoints")
	}
}

// theirKey lets the reference DSSE library check our signatures.
type theirKey struct{ *Seal }

func (k theirKey) KeyID() (string, error)   { return k.Seal.KeyID(), nil }
func (k theirKey) Public() crypto.PublicKey { return k.PublicKey() }
func (k theirKey) Verify(_ context.Context, data, sig []byte) error {
	v, err := signature.LoadED25519Verifier(k.PublicKey())
	if err != nil {
		return err
	}
	return v.VerifySignature(strings.NewReader(string(sig)), strings.NewReader(string(data)))
}

func TestLaw10EnvelopesAndCheckpointsVerifyWithOthersTools(t *testing.T) {
	s, err := File(filepath.Join(t.TempDir(), "key.pem"), "example.org/log", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Envelope([]byte(`{"_type":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	var envelope dsse.Envelope
	if err := json.Unmarshal(data, &envelope); err != nil {
		t.Fatal(err)
	}
	verifier, err := dsse.NewEnvelopeVerifier(theirKey{s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), &envelope); err != nil {
		t.Errorf("go-securesystemslib: %v", err)
	}
	ours, err := ledger.ParseEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Verify(s.PublicKey()); err != nil {
		t.Error(err)
	}
	ours.Payload = append(ours.Payload, ' ')
	if err := ours.Verify(s.PublicKey()); err == nil {
		t.Error("a changed payload verifies")
	}

	signed, err := tlog.Checkpoint{Origin: s.Origin(), Size: 3, Root: sha256.Sum256(nil)}.Sign(s.NoteSigner())
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(s.VKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Errorf("x/mod/sumdb/note: %v", err)
	}
}

func BenchmarkEnvelope(b *testing.B) {
	s, err := File(filepath.Join(b.TempDir(), "key.pem"), "", rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	statement := []byte(`{"x":"` + strings.Repeat("x", 2048) + `"}`)
	for b.Loop() {
		if _, err := s.Envelope(statement); err != nil {
			b.Fatal(err)
		}
	}
}
