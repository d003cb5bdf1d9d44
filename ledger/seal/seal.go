// Package seal signs: the envelope of each entry (DSSE) and the checkpoint of
// each batch (a c2sp signed note).
//
// A Seal is made from a sigstore signature.Signer and a name. The name is the
// log's origin: it stands in the first line of every checkpoint. Today the key
// is an Ed25519 key in a file (see File); a signer that lives elsewhere, a KMS,
// fits behind the same interface as long as its key is Ed25519.
//
// What it does not do: it does not keep the key from whoever may read the file.
// A holder of the key can write another history and sign it; only a witness or
// an earlier checkpoint in somebody else's hands shows that.
package seal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"

	"github.com/assent-iom/assent/ledger"
)

// Seal signs entries and checkpoints with one key. It is safe for concurrent use
// if its signer is; the file keys are.
type Seal struct {
	signer   signature.Signer
	public   ed25519.PublicKey
	name     string
	keyID    string
	vkey     string
	verifier note.Verifier
}

// New makes a seal. The signer's key MUST be Ed25519: the public witness network
// accepts checkpoints of no other kind.
func New(signer signature.Signer, name string) (*Seal, error) {
	key, err := signer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("reading the public key: %w", err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a ledger is signed with an Ed25519 key, not with a %T", key)
	}
	vkey, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, fmt.Errorf("naming the key %q: %w", name, err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("naming the key %q: %w", name, err)
	}
	return &Seal{signer: signer, public: public, name: name, keyID: ledger.KeyID(public), vkey: vkey, verifier: verifier}, nil
}

// Origin returns the log's name.
func (s *Seal) Origin() string { return s.name }

// VKey returns the public key as a c2sp vkey: what others verify with.
func (s *Seal) VKey() string { return s.vkey }

// KeyID returns the key id that envelopes carry.
func (s *Seal) KeyID() string { return s.keyID }

// PublicKey returns the public key.
func (s *Seal) PublicKey() ed25519.PublicKey { return s.public }

// Verifier checks checkpoints.
func (s *Seal) Verifier() note.Verifier { return s.verifier }

// Envelope signs a statement and returns the envelope's bytes.
func (s *Seal) Envelope(statement []byte) ([]byte, error) { return envelope(statement, s) }

// HandOver signs a statement with this key and then with the next one: a log's
// rotation. See ledger.Rotation.
func (s *Seal) HandOver(next *Seal, statement []byte) ([]byte, error) {
	return envelope(statement, s, next)
}

func envelope(statement []byte, signers ...*Seal) ([]byte, error) {
	e := ledger.Envelope{PayloadType: ledger.PayloadType, Payload: statement}
	for _, by := range signers {
		sig, err := by.signer.SignMessage(bytes.NewReader(ledger.PAE(ledger.PayloadType, statement)))
		if err != nil {
			return nil, fmt.Errorf("signing entry: %w", err)
		}
		e.Signatures = append(e.Signatures, ledger.Signature{KeyID: by.keyID, Sig: sig})
	}
	return e.Encode()
}

// NoteSigner returns the signer of checkpoints.
func (s *Seal) NoteSigner() note.Signer { return noteSigner{s} }

// noteSigner adds the algorithm byte's key hash to a sigstore signer.
type noteSigner struct{ *Seal }

func (n noteSigner) Name() string    { return n.name }
func (n noteSigner) KeyHash() uint32 { return n.verifier.KeyHash() }

func (n noteSigner) Sign(msg []byte) ([]byte, error) {
	sig, err := n.signer.SignMessage(bytes.NewReader(msg))
	if err != nil {
		return nil, err
	}
	if len(sig) != ed25519.SignatureSize {
		return nil, errors.New("the signer made something that is no Ed25519 signature")
	}
	return sig, nil
}
