// Package ledger holds the words of the evidence: Entry, Outcome, Receipt, and
// the Writer and Reader that the rest of Assent uses. It is a front door; the
// rooms below it store (ledger/store), hash (ledger/tlog), sign (ledger/seal)
// and verify (ledger/verify).
//
// An entry is an in-toto Statement v1. The store wraps it in a DSSE envelope;
// the signed bytes are the stored bytes, and the RFC 6962 leaf hash is taken
// over them.
package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Kind is what an entry records. It is the last but one segment of the
// predicate type https://assent.dev/attestation/KIND/v0.1.
type Kind string

// The kinds of this version.
const (
	KindGenesis  Kind = "genesis"
	KindDecision Kind = "change-decision"
	KindOutcome  Kind = "change-outcome"
	KindApproval Kind = "approval"        // a person's signed yes, as it was used for one action
	KindOverride Kind = "override"        // somebody broke the glass: given, used for a decision, reviewed
	KindDoor     Kind = "refused-at-door" // a call refused before it could be decoded: authority mismatch, smuggling

	KindKey       Kind = "key"       // from here on another key signs
	KindHeartbeat Kind = "heartbeat" // a proxy is there

	KindIntentEpoch Kind = "intent-epoch" // from here on a proxy judges by other documents

	KindAnchor    Kind = "anchor"    // a time-stamping authority has stamped the log's head
	KindReconcile Kind = "reconcile" // the ledger was held against upstreams' own logs
	KindBypass    Kind = "bypass"    // a change in such a log that no decision belongs to
	KindRedaction Kind = "redaction" // what was withheld of decisions is destroyed
)

// PredicateType returns the in-toto predicate type of a kind.
func (k Kind) PredicateType() string { return "https://assent.dev/attestation/" + string(k) + "/v0.1" }

// MaxStatement bounds one statement in bytes, so that its envelope stays under
// the 65,535 bytes of a tlog-tiles entry. Larger ones are an error; what
// encodes them MUST drop detail (and say so) instead.
const MaxStatement = 44 << 10

// Entry is one statement to record.
type Entry struct {
	Kind      Kind
	Key       string // the decision id it belongs to, Bypass.Key, IntentEpochKey; empty for entries that belong to nothing
	Run       string // the run it belongs to, if any
	Statement []byte // in-toto Statement v1, JSON, at most MaxStatement
	// Objects are what the statement names and does not hold. They become durable
	// with the entry.
	Objects []Object
}

// Hash is an RFC 6962 leaf or tree hash.
type Hash [32]byte

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the hash in hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	data, err := hex.DecodeString(string(text))
	if err != nil || len(data) != len(h) {
		return fmt.Errorf("hash %q: want 64 hexadecimal digits", text)
	}
	copy(h[:], data)
	return nil
}

// Receipt says where an entry is, once it is durable.
type Receipt struct {
	Index    uint64 `json:"index"`
	LeafHash Hash   `json:"leaf_hash"`
}

// Writer appends entries. Append returns only when the entry, and a signed
// checkpoint that covers it, are on disk; an error means that nothing may be
// forwarded.
type Writer interface {
	Append(context.Context, Entry) (Receipt, error)
}

// Stored is an entry as it is on disk.
type Stored struct {
	Index    uint64
	Kind     Kind
	Key      string
	Run      string
	At       time.Time // when it was written
	Envelope []byte    // the DSSE envelope: the signed and hashed bytes
	LeafHash Hash
}

// Reader reads entries back.
type Reader interface {
	// Size returns the number of durable entries.
	Size() uint64
	// Get returns one entry.
	Get(ctx context.Context, index uint64) (Stored, error)
	// Find returns every entry with the given key, in order.
	Find(ctx context.Context, key string) ([]Stored, error)
	// Scan calls f for the entries of [from, Size) in order until f returns false.
	Scan(ctx context.Context, from uint64, f func(Stored) bool) error
}

// ErrNotFound is returned by Reader.Get for an index beyond the end.
var ErrNotFound = errors.New("no such ledger entry")

// The results of a forwarded, or not forwarded, action.
const (
	Succeeded    = "succeeded"     // the upstream answered 2xx or 3xx
	Failed       = "failed"        // the upstream answered 4xx or 5xx
	NotForwarded = "not_forwarded" // refused, or nothing was sent
	Unresolved   = "unknown"       // sent, but no answer was seen; or the proxy died in between
)

// Outcome is what became of a decision.
type Outcome struct {
	Decision    string    `json:"decision"` // its id
	Of          Receipt   `json:"of"`       // where the decision is
	Result      string    `json:"result"`
	Reason      string    `json:"reason,omitempty"` // why not forwarded or unknown: restart, upstream unreachable, …
	Status      int       `json:"status,omitempty"`
	ErrorCode   string    `json:"error_code,omitempty"`
	RequestID   string    `json:"request_id,omitempty"` // the upstream's own
	ForwardedAt time.Time `json:"forwarded_at,omitzero"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	// Signed is set where assent's credential went out in the place of the caller's.
	Signed *Signed `json:"signed,omitempty"`
}

// Signed says with which credential of assent's a call went out, and what of the call
// was changed for that. It holds names, never a secret or a signature.
type Signed struct {
	Key     string   `json:"key"`               // of the credential that was used: an access key id
	As      string   `json:"as,omitempty"`      // where it is from: a role, the default chain
	Instead string   `json:"instead,omitempty"` // the key that the caller signed with
	Changed []string `json:"changed"`
}
