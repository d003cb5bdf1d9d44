package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// Heartbeat says that a proxy is there: where none is in the log for longer than
// Every, none was, or it could not write.
type Heartbeat struct {
	Process string        `json:"process"` // random, of one start of a proxy
	Started time.Time     `json:"started"`
	At      time.Time     `json:"at"`
	Every   time.Duration `json:"every_ns"`       // the next one is due after that long
	Last    bool          `json:"last,omitempty"` // the proxy ended in order: no next one is due
	Mode    policy.Mode   `json:"mode"`
	Intent  string        `json:"intent"` // sha256:HEX of the documents in force; none
	Model   model.Version `json:"model"`  // what was known to exist
	Version string        `json:"version,omitempty"`
	Calls   Calls         `json:"calls"`
}

// Calls counts what a proxy has seen since it started.
type Calls struct {
	Governed uint64 `json:"governed"` // decoded and judged, or passed as reads
	Blind    uint64 `json:"blind"`    // tunnels to hosts that no decoder governs
	Refused  uint64 `json:"refused"`  // at the door or by egress rules
}

// SourceCollectors is the kind of a source that is no log: collectors have looked at what
// exists, which tells of unknown outcomes and shows no bypass.
const SourceCollectors = "collectors"

// Source is a log of an upstream's that the ledger was compared with.
type Source struct {
	Kind   string    `json:"kind"` // cloudtrail, k8s-audit, SourceCollectors
	Name   string    `json:"name"`
	Digest string    `json:"digest"` // sha256:HEX of the file as it was read
	Events uint64    `json:"events"`
	First  time.Time `json:"first,omitzero"`
	Final  time.Time `json:"final,omitzero"`
}

// Resolved is a decision whose outcome was unknown, and what the upstream's own
// log, or what exists, says became of it.
type Resolved struct {
	Decision string `json:"decision"`
	Result   string `json:"result"` // Succeeded or Failed
	Status   int    `json:"status,omitempty"`
	Event    string `json:"event"`
}

// Reconciliation is the result of holding the ledger against upstreams' own logs.
type Reconciliation struct {
	At      time.Time `json:"at"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Sources []Source  `json:"sources"`
	Origin  string    `json:"origin"` // the log that was compared, and how far
	Size    uint64    `json:"size"`
	Root    Hash      `json:"root"`

	Events      uint64            `json:"events"`      // different ones, within the time
	Reads       uint64            `json:"reads"`       // and dry runs: they change nothing
	Own         map[string]uint64 `json:"own"`         // the platform's own changes, by the rule that says so
	Refused     uint64            `json:"refused"`     // by the upstream, of calls that we never saw: nothing changed
	Matched     uint64            `json:"matched"`     // changes that have their decision
	Bypasses    uint64            `json:"bypasses"`    // changes that have none; each has an entry of its own
	Unknown     uint64            `json:"unknown"`     // changes of which it cannot be told
	Unconfirmed uint64            `json:"unconfirmed"` // succeeded by our word, and not in their logs
	Resolved    []Resolved        `json:"resolved,omitempty"`
	Truncated   []Cut             `json:"truncated,omitempty"`
}

// Compares reports whether upstreams' own logs were read: whether a bypass would show.
func (r Reconciliation) Compares() bool {
	return slices.ContainsFunc(r.Sources, func(s Source) bool { return s.Kind != SourceCollectors })
}

// Bypass is a change in an upstream's own log that no decision belongs to.
type Bypass struct {
	Found     time.Time `json:"found"`
	Source    string    `json:"source"`
	Event     string    `json:"event"` // the upstream's id of it
	RequestID string    `json:"request_id,omitempty"`
	At        time.Time `json:"at"` // when it happened, by the upstream's clock
	Actor     string    `json:"actor"`
	From      string    `json:"from,omitempty"` // the caller's address
	Operation string    `json:"operation"`
	Target    string    `json:"target,omitempty"`
	Account   string    `json:"account,omitempty"`
	Region    string    `json:"region,omitempty"`
	Why       string    `json:"why"`
}

// Key is under which a bypass is found again: it is recorded once.
func (b Bypass) Key() string { return "bypass:" + b.Source + ":" + b.Event }

// Override is a person's word that, in an emergency, what an actor does is let through:
// when it was given, when a decision went by it, and when somebody reviewed it. Ticket
// and Signature are what was signed and with what, byte for byte: ssh-keygen -Y verify
// checks them without this ledger's key.
type Override struct {
	policy.Override
	At        time.Time `json:"recorded"`
	Decision  string    `json:"decision,omitempty"` // that went by it
	Run       string    `json:"run,omitempty"`
	ReviewDue time.Time `json:"review_due,omitzero"` // when it was given: until when it has to be reviewed
	Finding   string    `json:"finding,omitempty"`   // of a review: justified, or unjustified
	Reviewer  string    `json:"reviewer,omitempty"`
	Comment   string    `json:"comment,omitempty"`
	Ticket    string    `json:"ticket"`
	Signature string    `json:"signature"` // armored, as ssh-keygen -Y sign writes it
}

// Anchor is a signed head of the log, and what a time-stamping authority (RFC 3161) said
// of it: Token is its whole answer, which openssl ts -verify reads.
type Anchor struct {
	At        time.Time `json:"at"` // when it was recorded
	Authority string    `json:"authority"`
	Stamped   time.Time `json:"stamped"` // by its clock
	Size      uint64    `json:"size"`
	Head      string    `json:"head"` // the signed checkpoint, as it was stamped
	Token     []byte    `json:"token"`
}

// AnchorEntry encodes an anchor.
func AnchorEntry(a Anchor) (Entry, error) {
	a.At, a.Stamped = a.At.UTC(), a.Stamped.UTC()
	return noteEntry(KindAnchor, "", anchorURI+fmt.Sprint(a.Size), a)
}

// ParseAnchor reads an anchor back from its envelope or statement.
func ParseAnchor(data []byte) (Anchor, error) { return parseNote[Anchor](KindAnchor, data) }

// signed reports whether an override is called after what was signed; a review is signed
// by itself.
func (o Override) signed() error {
	if o.Finding == "" && o.ID != "sha256:"+sha256Hex([]byte(o.Ticket)) {
		return fmt.Errorf("override %s: that is not the digest of its ticket", short(o.ID))
	}
	return nil
}

// OverrideEntry encodes one of the three.
func OverrideEntry(o Override) (Entry, error) {
	if err := o.signed(); err != nil {
		return Entry{}, fmt.Errorf("encoding %w", err)
	}
	o.At = o.At.UTC()
	return noteEntry(KindOverride, "", overrideURI+o.ID, o)
}

// ParseOverride reads one back from its envelope or statement. Whose key signed is not
// checked here.
func ParseOverride(data []byte) (Override, error) {
	o, err := parseNote[Override](KindOverride, data)
	if err == nil {
		err = o.signed()
	}
	return o, err
}

// MaxListed bounds the lists in one statement; the counts are of all.
const MaxListed = 64

// HeartbeatEntry encodes a heartbeat.
func HeartbeatEntry(h Heartbeat) (Entry, error) {
	h.At, h.Started = h.At.UTC(), h.Started.UTC()
	return noteEntry(KindHeartbeat, "", heartbeatURI+h.Process, h)
}

// ReconcileEntry encodes a reconciliation. Long lists are cut, and say so.
func ReconcileEntry(r Reconciliation) (Entry, error) {
	r.At = r.At.UTC()
	for _, list := range []struct {
		what string
		n    int
		cut  func()
	}{
		{"sources", len(r.Sources), func() { r.Sources = r.Sources[:MaxListed] }},
		{"resolved", len(r.Resolved), func() { r.Resolved = r.Resolved[:MaxListed] }},
	} {
		if list.n > MaxListed {
			list.cut()
			r.Truncated = append(r.Truncated, Cut{What: list.what, Kept: MaxListed, Of: list.n})
		}
	}
	r.Sources = append([]Source(nil), r.Sources...)
	for i := range r.Sources {
		r.Sources[i].Name = short(r.Sources[i].Name)
	}
	return noteEntry(KindReconcile, "", reconcileURI+r.Origin, r)
}

// BypassEntry encodes a bypass. Its texts are a stranger's to choose: they are
// cut.
func BypassEntry(b Bypass) (Entry, error) {
	b.Found, b.At = b.Found.UTC(), b.At.UTC()
	for _, text := range []*string{&b.Event, &b.RequestID, &b.Actor, &b.From, &b.Operation, &b.Target, &b.Account, &b.Region, &b.Why} {
		*text = short(*text)
	}
	e, err := noteEntry(KindBypass, "", bypassURI+b.Source, b)
	if err != nil {
		return Entry{}, err
	}
	about, err := Place(e.Statement) // the key of what is recorded, which may have been scrubbed
	e.Key = about.Key
	return e, err
}

// noteEntry makes an entry whose subject is its own predicate.
func noteEntry(kind Kind, key, uri string, v any) (Entry, error) {
	predicate, err := encodeJSON(v)
	if err != nil {
		return Entry{}, fmt.Errorf("encoding %s: %w", kind, err)
	}
	predicate = Scrub(normal(predicate))
	statement, err := encodeStatement(kind, []subject{{URI: uri, Digest: map[string]string{"sha256": sha256Hex(predicate)}}}, predicate)
	if err == nil && len(statement) > MaxStatement {
		err = fmt.Errorf("%d bytes, the limit is %d", len(statement), MaxStatement)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("encoding %s: %w", kind, err)
	}
	return Entry{Kind: kind, Key: key, Statement: statement}, nil
}

// ParseHeartbeat reads a heartbeat back from its envelope or statement.
func ParseHeartbeat(data []byte) (Heartbeat, error) { return parseNote[Heartbeat](KindHeartbeat, data) }

// ParseReconciliation reads a reconciliation back from its envelope or statement.
func ParseReconciliation(data []byte) (Reconciliation, error) {
	return parseNote[Reconciliation](KindReconcile, data)
}

// ParseBypass reads a bypass back from its envelope or statement.
func ParseBypass(data []byte) (Bypass, error) { return parseNote[Bypass](KindBypass, data) }

// parseNote reads what noteEntry wrote.
func parseNote[T any](kind Kind, data []byte) (v T, err error) {
	st, err := Read(data)
	switch {
	case err != nil:
	case st.Kind != kind:
		err = fmt.Errorf("the entry is a %s", st.Kind)
	case st.wire.Subject[0].Digest["sha256"] != sha256Hex(st.wire.Predicate):
		err = fmt.Errorf("its subject is not what it says")
	default:
		err = json.Unmarshal(st.wire.Predicate, &v)
	}
	if err != nil {
		return v, fmt.Errorf("reading %s: %w", kind, err)
	}
	return v, nil
}
