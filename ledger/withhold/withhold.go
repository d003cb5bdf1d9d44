// Package withhold lets be shown later what the record leaves out. The ledger never
// holds a secret: a decision says what was judged with the secrets taken out of it,
// and with this package also commits to the call as it was, part by part. Each
// commitment is that of a disclosure of RFC 9901 (SD-JWT, section 4.2): the SHA-256
// of a salt, a name and a value. Who has the disclosure can prove what the call said;
// who does not can learn nothing, and guess nothing: the salt has 128 bits.
//
// The disclosures are encrypted (RFC 9180, HPKE) to a key whose private half the proxy
// does not have, and kept beside the log. Destroying them leaves the log as it is.
//
// What callers prove themselves with (Authorization, cookies, session tokens) is not
// withheld but dropped: nobody can show it later.
package withhold

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/assent-iom/assent/ledger"
)

// MaxPart bounds one part of a call: longer ones (most of a body that is an archive)
// are dropped.
const MaxPart = 1 << 20

const (
	saltBytes = 16 // 128 bits, as RFC 9901 recommends
	prefix    = "hpke-x25519:"
	pemType   = "ASSENT DISCLOSURE KEY"
	maxKey    = 4 << 10
)

var (
	kdf  = hpke.HKDFSHA256()
	aead = hpke.ChaCha20Poly1305()
	enc  = base64.RawURLEncoding
)

// info binds what is encrypted to its decision.
func info(decision string) []byte { return []byte("assent withheld v1\x00" + decision) }

// Sealer commits to calls. It is safe for concurrent use if its Rand is.
type Sealer struct {
	to   hpke.PublicKey
	rand io.Reader // for salts
}

// NewSealer takes the public key that NewKey returned.
func NewSealer(public string, rand io.Reader) (*Sealer, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(public), prefix)
	raw, err := enc.DecodeString(text)
	if !ok || err != nil {
		return nil, fmt.Errorf("the key %q is none for disclosures: want %s…", public, prefix)
	}
	key, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("the key %q: %w", public, err)
	}
	to, err := hpke.NewDHKEMPublicKey(key)
	return &Sealer{to: to, rand: rand}, err
}

// Seal returns commitments to the parts of a decision's call, and what opens them,
// encrypted.
func (s *Sealer) Seal(decision string, parts []ledger.Part) (commitments []string, o ledger.Object, err error) {
	var disclosures []string
	for _, p := range parts {
		if len(p.Value) > MaxPart {
			continue
		}
		salt := make([]byte, saltBytes)
		if _, err := io.ReadFull(s.rand, salt); err != nil {
			return nil, o, fmt.Errorf("withholding: %w", err)
		}
		name, value := p.Name, p.Value
		if !utf8.ValidString(value) {
			name, value = name+binary, base64.StdEncoding.EncodeToString([]byte(value))
		}
		data, err := json.Marshal([]string{enc.EncodeToString(salt), name, value})
		if err != nil {
			return nil, o, fmt.Errorf("withholding: %w", err)
		}
		disclosures = append(disclosures, enc.EncodeToString(data))
		commitments = append(commitments, Commitment(disclosures[len(disclosures)-1]))
	}
	plain, err := json.Marshal(disclosures)
	if err != nil {
		return nil, o, fmt.Errorf("withholding: %w", err)
	}
	sealed, err := hpke.Seal(s.to, kdf, aead, info(decision), plain)
	if err != nil {
		return nil, o, fmt.Errorf("withholding: %w", err)
	}
	return commitments, ledger.Object{Name: ledger.WithheldObject + decision, Data: sealed}, nil
}

// binary ends the name of a part whose value is in base64.
const binary = ";base64"

// Commitment is the digest of a disclosure, as RFC 9901 computes it.
func Commitment(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return enc.EncodeToString(sum[:])
}

// Shown is a part of a call that was disclosed.
type Shown struct {
	Name       string `json:"name"`
	Value      string `json:"value"`
	Disclosure string `json:"disclosure"` // RFC 9901: base64url of [salt, name, value]
	Commitment string `json:"commitment"` // its SHA-256, which the decision holds
}

// Open decrypts what was withheld of a decision and checks each part against the
// decision's commitments.
func Open(key hpke.PrivateKey, decision string, commitments []string, sealed []byte) ([]Shown, error) {
	plain, err := hpke.Open(key, kdf, aead, info(decision), sealed)
	if err != nil {
		return nil, fmt.Errorf("what was withheld of %s does not open with this key: %w", decision, err)
	}
	var disclosures []string
	if err := json.Unmarshal(plain, &disclosures); err != nil {
		return nil, fmt.Errorf("reading what was withheld of %s: %w", decision, err)
	}
	if len(disclosures) != len(commitments) {
		return nil, fmt.Errorf("%d parts were withheld of %s, it commits to %d", len(disclosures), decision, len(commitments))
	}
	var out []Shown
	for i, text := range disclosures {
		s, err := Read(text)
		if err != nil {
			return nil, err
		}
		if s.Commitment != commitments[i] {
			return nil, fmt.Errorf("the disclosure of %s is not what decision %s commits to", s.Name, decision)
		}
		out = append(out, s)
	}
	return out, nil
}

// Read reads one disclosure strictly.
func Read(disclosure string) (Shown, error) {
	data, err := enc.DecodeString(disclosure)
	var fields []string
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err == nil && len(fields) != 3 {
		err = fmt.Errorf("it has %d fields, want salt, name and value", len(fields))
	}
	if err != nil {
		return Shown{}, fmt.Errorf("reading disclosure: %w", err)
	}
	return Shown{Name: fields[1], Value: fields[2], Disclosure: disclosure, Commitment: Commitment(disclosure)}, nil
}

// NewKey makes a private key, in PEM, and the public half of it.
func NewKey() (private []byte, public string, err error) {
	key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		return nil, "", fmt.Errorf("making a key: %w", err)
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, "", fmt.Errorf("making a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: raw}), prefix + enc.EncodeToString(key.PublicKey().Bytes()), nil
}

// ReadKey reads a private key file.
func ReadKey(path string) (hpke.PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemType || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s is not one PEM block %q", path, pemType)
	}
	key, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s", path), err)
	}
	return key, nil
}
