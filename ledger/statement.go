package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// statementType is the type of every statement: in-toto Statement v1
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
const statementType = "https://in-toto.io/Statement/v1"

// The prefixes of the URIs that subjects carry.
const (
	actionURI  = "urn:assent:action:"
	targetURI  = "urn:assent:target:" // before URNs that are no URIs of their own
	doorURI    = "urn:assent:refused-at-door"
	genesisURI = "urn:assent:ledger:"
	ticketURI  = "urn:assent:ticket:"

	heartbeatURI = "urn:assent:process:"
	reconcileURI = "urn:assent:ledger:reconciled:"
	bypassURI    = "urn:assent:bypass:"
	intentURI    = "urn:assent:intent:"
	overrideURI  = "urn:assent:override:"
	anchorURI    = "urn:assent:ledger:anchored:"
)

// statement is an in-toto Statement v1.
type statement struct {
	Type          string          `json:"_type"`
	Subject       []subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// subject is an in-toto resource descriptor.
type subject struct {
	URI         string            `json:"uri"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// encodeStatement wraps an encoded predicate: it is put where statement has it,
// so that it is not read and written once more.
func encodeStatement(kind Kind, subjects []subject, predicate []byte) ([]byte, error) {
	head, err := encodeJSON(struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
	}{statementType, subjects, kind.PredicateType()})
	if err != nil {
		return nil, err
	}
	const member = `,"predicate":`
	out := make([]byte, 0, len(head)+len(member)+len(predicate))
	out = append(append(out, head[:len(head)-1]...), member...)
	return append(append(out, predicate...), '}'), nil
}

// Statement is a statement that Read has read.
type Statement struct {
	Kind Kind
	wire statement
}

// Read reads an envelope or a statement strictly: its form, and what kind it is. It
// fails on a kind that it does not know.
func Read(data []byte) (Statement, error) {
	payload, err := payloadOf(data)
	if err != nil {
		return Statement{}, err
	}
	if err := CheckJSON(payload); err != nil {
		return Statement{}, err
	}
	var st statement
	if err := json.Unmarshal(payload, &st); err != nil {
		return Statement{}, err
	}
	switch {
	case st.Type != statementType:
		return Statement{}, fmt.Errorf("statement type %q, want %q", st.Type, statementType)
	case len(st.Subject) == 0:
		return Statement{}, errors.New("no subject")
	}
	for _, s := range st.Subject {
		if len(s.Digest) == 0 {
			return Statement{}, fmt.Errorf("subject %q has no digest", s.URI)
		}
	}
	kind, err := kindOf(st)
	return Statement{kind, st}, err
}

// payloadOf returns the statement in an envelope, or the data itself if it is none:
// an envelope has one form only.
func payloadOf(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte(envelopeHead)) {
		return data, nil
	}
	e, err := ParseEnvelope(data)
	return e.Payload, err
}

// kinds are all that a statement may be, the frequent ones first.
var kinds = [...]Kind{KindDecision, KindOutcome, KindApproval, KindDoor, KindGenesis, KindKey, KindHeartbeat, KindIntentEpoch, KindReconcile, KindBypass, KindRedaction, KindOverride, KindAnchor}

func kindOf(st statement) (Kind, error) {
	for _, kind := range kinds {
		if st.PredicateType == kind.PredicateType() {
			return kind, nil
		}
	}
	return "", fmt.Errorf("predicate type %q is not known", st.PredicateType)
}

// About is what a statement says of itself: what an index of entries needs.
type About struct {
	Kind Kind
	Key  string // the decision id; of a bypass its Key; RotationKey; IntentEpochKey
	Run  string
	At   time.Time // when what it records happened
	By   string    // the enforcer of a decision or an epoch
	// Awaits: a decision that let something be forwarded; an outcome must follow.
	Awaits bool
	// Of is where the decision of an outcome is.
	Of Receipt
}

// Describe reads an envelope or a statement strictly, and just enough to place
// it. It fails on a kind that it does not know.
func Describe(data []byte) (About, error) {
	st, err := Read(data)
	if err != nil {
		return About{}, fmt.Errorf("reading statement: %w", err)
	}
	return st.About()
}

// About says what an index of entries needs.
func (s Statement) About() (About, error) { return place(s.wire, s.Kind) }

func place(st statement, kind Kind) (About, error) {
	about := About{Kind: kind}
	var err error
	switch kind {
	case KindDecision:
		about, err = placeDecision(st.Predicate)
	case KindOutcome:
		var p outcomePredicate
		err = json.Unmarshal(st.Predicate, &p)
		about.Key, about.Run, about.At, about.Of = p.Decision, p.Run, p.CompletedAt, p.Of
		if about.At.IsZero() {
			about.At = p.ForwardedAt
		}
	case KindDoor:
		var p struct {
			Run string    `json:"run"`
			At  time.Time `json:"at"`
		}
		err = json.Unmarshal(st.Predicate, &p)
		about.Run, about.At = p.Run, p.At
	case KindApproval:
		var p approvalPredicate
		err = json.Unmarshal(st.Predicate, &p)
		about.Run, about.At = p.Run, p.UsedAt
	case KindGenesis:
		var p Genesis
		err = json.Unmarshal(st.Predicate, &p)
		about.At = p.At
	case KindHeartbeat, KindReconcile, KindRedaction, KindAnchor:
		var p struct {
			At time.Time `json:"at"`
		}
		err = json.Unmarshal(st.Predicate, &p)
		about.At = p.At
	case KindIntentEpoch:
		var p IntentEpoch
		err = json.Unmarshal(st.Predicate, &p)
		about.At, about.By, about.Key = p.At, p.Enforcer, IntentEpochKey(p.Enforcer)
	case KindOverride:
		var p struct {
			Run string    `json:"run"`
			At  time.Time `json:"recorded"`
		}
		err = json.Unmarshal(st.Predicate, &p)
		about.Run, about.At = p.Run, p.At
	case KindKey:
		var p Rotation
		err = json.Unmarshal(st.Predicate, &p)
		about.At, about.Key = p.At, RotationKey
	case KindBypass:
		var p Bypass
		err = json.Unmarshal(st.Predicate, &p)
		about.At, about.Key = p.Found, p.Key()
	}
	if err != nil {
		return About{}, fmt.Errorf("reading %s: %w", kind, err)
	}
	if about.Key == "" && (kind == KindDecision || kind == KindOutcome) {
		return About{}, fmt.Errorf("reading %s: no decision id", kind)
	}
	return about, nil
}
