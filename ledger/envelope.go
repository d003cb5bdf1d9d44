package ledger

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// PayloadType is the DSSE payload type of every entry.
const PayloadType = "application/vnd.in-toto+json"

// MaxEnvelope is the longest entry that a tlog-tiles entry bundle can carry: its
// lengths are 16 bits (https://c2sp.org/tlog-tiles).
const MaxEnvelope = 65535

// Signature is one signature of an envelope.
type Signature struct {
	KeyID string
	Sig   []byte
}

// Envelope is a DSSE envelope (https://github.com/secure-systems-lab/dsse).
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signatures  []Signature
}

// PAE returns DSSE's pre-authentication encoding: the bytes that are signed.
func PAE(payloadType string, payload []byte) []byte {
	out := make([]byte, 0, len(payload)+len(payloadType)+32)
	out = append(out, "DSSEv1 "...)
	out = strconv.AppendInt(out, int64(len(payloadType)), 10)
	out = append(append(append(out, ' '), payloadType...), ' ')
	out = strconv.AppendInt(out, int64(len(payload)), 10)
	return append(append(out, ' '), payload...)
}

// The one JSON form of an envelope, around its variable parts. Every append writes one
// and every verification reads one, so neither goes by way of reflection.
const (
	envelopeHead   = `{"payloadType":`
	envelopeBody   = `,"payload":"`
	envelopeSigned = `","signatures":`
)

type wireSignature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// Encode returns the one JSON form of an envelope that this ledger writes.
func (e Envelope) Encode() ([]byte, error) {
	signatures := make([]wireSignature, len(e.Signatures))
	for i, s := range e.Signatures {
		signatures[i] = wireSignature(s)
	}
	signed, err := encodeJSON(signatures)
	if err != nil {
		return nil, fmt.Errorf("encoding envelope: %w", err)
	}
	data := make([]byte, 0, len(envelopeHead)+len(e.PayloadType)+2+len(envelopeBody)+base64.StdEncoding.EncodedLen(len(e.Payload))+len(envelopeSigned)+len(signed)+1)
	data = append(append(data, envelopeHead...), mustString(e.PayloadType)...)
	data = base64.StdEncoding.AppendEncode(append(data, envelopeBody...), e.Payload)
	data = append(append(append(data, envelopeSigned...), signed...), '}')
	if len(data) > MaxEnvelope {
		return nil, fmt.Errorf("encoding envelope: %d bytes, the limit is %d", len(data), MaxEnvelope)
	}
	return data, nil
}

// ParseEnvelope reads an envelope. It accepts only the bytes that Encode would
// have written, so that no two readers can see different things in one entry.
func ParseEnvelope(data []byte) (Envelope, error) {
	if len(data) > MaxEnvelope {
		return Envelope{}, fmt.Errorf("reading envelope: %d bytes, the limit is %d", len(data), MaxEnvelope)
	}
	rest, ok := bytes.CutPrefix(data, []byte(envelopeHead+`"`+PayloadType+`"`+envelopeBody))
	if !ok {
		return Envelope{}, fmt.Errorf("reading envelope: it does not begin as one of payload type %q does", PayloadType)
	}
	payload, rest, ok := bytes.Cut(rest, []byte(envelopeSigned))
	if !ok || len(rest) == 0 {
		return Envelope{}, errors.New("reading envelope: no signature")
	}
	e := Envelope{PayloadType: PayloadType}
	var err error
	if e.Payload, err = base64.StdEncoding.AppendDecode(nil, payload); err != nil {
		return Envelope{}, fmt.Errorf("reading envelope: payload: %w", err)
	}
	var signatures []wireSignature
	if err := json.Unmarshal(rest[:len(rest)-1], &signatures); err != nil {
		return Envelope{}, fmt.Errorf("reading envelope: signatures: %w", err)
	}
	for _, s := range signatures {
		e.Signatures = append(e.Signatures, Signature(s))
	}
	if len(e.Signatures) == 0 {
		return Envelope{}, errors.New("reading envelope: no signature")
	}
	if again, err := e.Encode(); err != nil || !bytes.Equal(again, data) {
		return Envelope{}, errors.New("reading envelope: not in the form this ledger writes")
	}
	return e, nil
}

// KeyID returns the key id that signatures by a key carry: its SSH fingerprint, as
// ssh-keygen -l prints it. DSSE leaves the form open; other verifiers (cosign)
// look a signature up by this one.
func KeyID(public ed25519.PublicKey) string {
	const kind = "ssh-ed25519"
	wire := make([]byte, 0, 4+len(kind)+4+len(public))
	wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(kind))), kind...)
	wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(public))), public...)
	sum := sha256.Sum256(wire)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// Verify reports whether the envelope has exactly one signature by each of the given
// keys, in their order: Ed25519, or ECDSA with SHA-256.
func (e Envelope) Verify(keys ...crypto.PublicKey) error {
	if len(e.Signatures) != len(keys) || len(keys) == 0 {
		return fmt.Errorf("verifying envelope: %d signatures, want %d", len(e.Signatures), len(keys))
	}
	pae := PAE(e.PayloadType, e.Payload)
	for i, s := range e.Signatures {
		ok := false
		switch key := keys[i].(type) {
		case ed25519.PublicKey:
			ok = ed25519.Verify(key, pae, s.Sig)
		case *ecdsa.PublicKey:
			digest := sha256.Sum256(pae)
			ok = ecdsa.VerifyASN1(key, digest[:], s.Sig)
		default:
			return fmt.Errorf("verifying envelope: keys of type %T are not supported", key)
		}
		if !ok {
			return fmt.Errorf("verifying envelope: the signature by %s does not hold", s.KeyID)
		}
	}
	return nil
}
