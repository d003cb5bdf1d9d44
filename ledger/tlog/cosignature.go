package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the signature type of Ed25519 cosignatures
// (https://c2sp.org/tlog-cosignature).
const algCosignature = 0x04

// cosigned is what a witness signs: that a checkpoint is the largest it has seen at
// a time.
func cosigned(text string, at uint64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + text)
}

func cosignerHash(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(byte(algCosignature))), public...))
	return binary.BigEndian.Uint32(sum[:])
}

// Witness is the public key of a witness. It is a note.Verifier.
type Witness struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

var _ note.Verifier = Witness{}

// NewWitness reads a vkey of type 0x04: NAME+HASH+base64(0x04 ‖ key).
func NewWitness(vkey string) (Witness, error) {
	parts := strings.SplitN(strings.TrimSpace(vkey), "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \t\r\n") {
		return Witness{}, fmt.Errorf("witness key %q: want NAME+HASH+KEY", vkey)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algCosignature {
		return Witness{}, fmt.Errorf("witness key %q: not an Ed25519 cosignature key (type 0x04)", vkey)
	}
	w := Witness{parts[0], cosignerHash(parts[0], raw[1:]), raw[1:]}
	if fmt.Sprintf("%08x", w.hash) != parts[1] {
		return Witness{}, fmt.Errorf("witness key %q: its hash is not that of the key", vkey)
	}
	return w, nil
}

// Name, KeyHash and Verify are note.Verifier's.
func (w Witness) Name() string { return w.name }

// KeyHash is note.Verifier's.
func (w Witness) KeyHash() uint32 { return w.hash }

// Verify is note.Verifier's: msg is the text of a checkpoint.
func (w Witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(w.public, cosigned(string(msg), at), sig[8:])
}

// VKey writes the key as NewWitness reads it.
func (w Witness) VKey() string {
	return fmt.Sprintf("%s+%08x+%s", w.name, w.hash, base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, w.public...)))
}

// Cosigned returns when the witness cosigned a checkpoint; ok is false if it did
// not.
func (w Witness) Cosigned(signed []byte) (at time.Time, ok bool) {
	if len(signed) > MaxCheckpoint {
		return at, false
	}
	n, err := note.Open(signed, note.VerifierList(w))
	if err != nil {
		return at, false
	}
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(raw) != 4+8+ed25519.SignatureSize {
		return at, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC(), true
}

// Cosigner is a witness's private key.
type Cosigner struct {
	Witness
	sign func(message []byte) ([]byte, error)
}

// NewCosigner makes a cosigner of an Ed25519 key that signs elsewhere. The key MUST
// be used for nothing else.
func NewCosigner(name string, public ed25519.PublicKey, sign func(message []byte) ([]byte, error)) (*Cosigner, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n+") {
		return nil, fmt.Errorf("a witness cannot be called %q: no spaces, no +", name)
	}
	if len(public) != ed25519.PublicKeySize {
		return nil, errors.New("a witness has an Ed25519 key")
	}
	return &Cosigner{Witness{name, cosignerHash(name, public), public}, sign}, nil
}

// Cosign returns the signature line for a signed checkpoint. Whoever calls it says
// that this is the largest tree of its log that the witness has seen at that time.
func (c *Cosigner) Cosign(signed []byte, now time.Time) ([]byte, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return nil, errors.New("cosigning: the checkpoint is not signed")
	}
	at := uint64(now.Unix())
	sig, err := c.sign(cosigned(string(text)+"\n", at))
	if err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	raw := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, c.hash), at)
	return fmt.Appendf(nil, "\u2014 %s %s\n", c.name, base64.StdEncoding.EncodeToString(append(raw, sig...))), nil
}

// Growth is an add-checkpoint request (https://c2sp.org/tlog-witness).
type Growth struct {
	Old    uint64
	Proof  [][32]byte
	Signed []byte // the checkpoint
}

// maxProof is how long a proof may be.
const maxProof = 63

// ParseGrowth reads what FormatConsistency writes, strictly.
func ParseGrowth(r io.Reader) (Growth, error) {
	var g Growth
	data, err := io.ReadAll(io.LimitReader(r, MaxCheckpoint+maxProof*45+64))
	if err != nil {
		return g, err
	}
	head, signed, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok || len(signed) == 0 {
		return g, errors.New("want an old size, a proof, an empty line and a checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	old, ok := strings.CutPrefix(lines[0], "old ")
	if g.Old, err = strconv.ParseUint(old, 10, 63); !ok || err != nil || strconv.FormatUint(g.Old, 10) != old {
		return g, fmt.Errorf("the first line is %q, want: old SIZE", lines[0])
	}
	if len(lines)-1 > maxProof {
		return g, fmt.Errorf("a proof of %d hashes, at most %d", len(lines)-1, maxProof)
	}
	for _, line := range lines[1:] {
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(raw) != 32 {
			return g, fmt.Errorf("%q is no hash", line)
		}
		g.Proof = append(g.Proof, [32]byte(raw))
	}
	g.Signed = signed
	return g, nil
}
