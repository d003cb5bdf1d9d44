package tlog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// algECDSA is the signature type of ECDSA keys in notes
// (https://c2sp.org/signed-note): key management services have no Ed25519.
const algECDSA = 0x02

// spkiP256 is how the SubjectPublicKeyInfo of every P-256 key begins (RFC 5480).
const spkiP256 = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"

// CosignKey is the public half of a second key that signs checkpoints: ECDSA on
// P-256 with SHA-256. It is a note.Verifier.
type CosignKey struct {
	name   string
	spki   []byte
	public *ecdsa.PublicKey
}

var _ note.Verifier = CosignKey{}

// NewCosignKey names a public key.
func NewCosignKey(name string, public *ecdsa.PublicKey) (CosignKey, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n+") {
		return CosignKey{}, fmt.Errorf("a key cannot be called %q", name)
	}
	if public.Curve != elliptic.P256() {
		return CosignKey{}, fmt.Errorf("a key on %s: want P-256", public.Curve.Params().Name)
	}
	point, err := public.Bytes()
	if err != nil {
		return CosignKey{}, err
	}
	return CosignKey{name, append([]byte(spkiP256), point...), public}, nil
}

// ParseCosignKey reads a vkey of type 0x02: NAME+HASH+base64(0x02 ‖ SPKI).
func ParseCosignKey(vkey string) (CosignKey, error) {
	parts := strings.SplitN(strings.TrimSpace(vkey), "+", 3)
	if len(parts) != 3 {
		return CosignKey{}, fmt.Errorf("cosigning key %q: want NAME+HASH+KEY", vkey)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+len(spkiP256)+65 || raw[0] != algECDSA || string(raw[1:1+len(spkiP256)]) != spkiP256 {
		return CosignKey{}, fmt.Errorf("cosigning key %q: not an ECDSA key on P-256 (type 0x02)", vkey)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw[1+len(spkiP256):])
	if err != nil {
		return CosignKey{}, fmt.Errorf("cosigning key %q: %w", vkey, err)
	}
	k, err := NewCosignKey(parts[0], public)
	if err == nil && fmt.Sprintf("%08x", k.KeyHash()) != parts[1] {
		err = fmt.Errorf("cosigning key %q: its hash is not that of the key", vkey)
	}
	return k, err
}

// Name is note.Verifier's.
func (k CosignKey) Name() string { return k.name }

// KeyHash is note.Verifier's: the first bytes of the key's SHA-256.
func (k CosignKey) KeyHash() uint32 {
	sum := sha256.Sum256(k.spki)
	return binary.BigEndian.Uint32(sum[:])
}

// Verify is note.Verifier's.
func (k CosignKey) Verify(msg, sig []byte) bool {
	digest := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(k.public, digest[:], sig)
}

// VKey writes the key as ParseCosignKey reads it.
func (k CosignKey) VKey() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{algECDSA}, k.spki...)))
}

// Signed reports whether the key has signed a checkpoint.
func (k CosignKey) Signed(signed []byte) bool {
	if len(signed) > MaxCheckpoint {
		return false
	}
	_, err := note.Open(signed, note.VerifierList(k))
	return err == nil
}
