package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
)

// BundleType is the media type of a Sigstore bundle
// (https://github.com/sigstore/protobuf-specs).
const BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Bundle wraps an envelope, its bytes unchanged, as a Sigstore bundle with a
// public key hint: what cosign verify-blob-attestation reads.
func Bundle(envelope []byte) ([]byte, error) {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	type hint struct {
		Hint string `json:"hint"`
	}
	type material struct {
		PublicKey hint `json:"publicKey"`
	}
	return encodeJSON(struct {
		MediaType string          `json:"mediaType"`
		Material  material        `json:"verificationMaterial"`
		Envelope  json.RawMessage `json:"dsseEnvelope"`
	}{BundleType, material{hint{e.Signatures[0].KeyID}}, envelope})
}

// RecordedAction returns the action of a change-decision as it was recorded: the
// bytes whose SHA-256 is the statement's first subject.
func RecordedAction(data []byte) ([]byte, error) {
	st, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	if st.Kind != KindDecision {
		return nil, fmt.Errorf("reading decision: the entry is a %s", st.Kind)
	}
	var p struct {
		Action json.RawMessage `json:"action"`
	}
	if err := json.Unmarshal(st.wire.Predicate, &p); err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	if st.wire.Subject[0].Digest["sha256"] != sha256Hex(p.Action) {
		return nil, errors.New("reading decision: the first subject is not its action")
	}
	return p.Action, nil
}
