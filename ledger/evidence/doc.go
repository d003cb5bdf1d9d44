// Package evidence makes what an auditor is handed: a folder for a period of a
// ledger that can be read without Assent and checked without trusting whoever
// made it.
//
// # A pack
//
//	index.html              to read
//	VERIFY.md               how to check it, with whose tools
//	pack.json               what it is, in numbers
//	controls.json           what of it speaks to which control
//	population.csv          every decision of the period
//	in-force.csv            by which documents it was judged, from when on
//	reconciliation.json     what was compared with upstreams' logs, bypasses, gaps
//	samples/INDEX.…         the sampled changes: bundle, proof, signature, statement
//	exports/…               the same in OSCAL, OCSF and CloudEvents
//	log/checkpoint          the signed head that closes the period
//	log/opening             the one that was signed before it, if there is one
//	log/cosigned            one that others have cosigned, if there is one, with the proof
//	                        that the log grew to it (c2sp tlog-witness, add-checkpoint)
//	log/consistency         that the one grew into the other
//	log/tile/…              every hash of the log up to there
//	log/entries.jsonl       the entries of the period, one a line, as they were signed
//	log/log.vkey, log.pem   the public key
//	log/keys.jsonl          if the period begins later than the log: its genesis, and
//	                        the changes of its key before the period
//	log/key-INDEX.pem       a key before this one, which signed up to the entry INDEX
//	SHA256SUMS              of all of them
//
// # What it promises
//
//   - The population is whole: the period's entries are one range of the log, each
//     hash of which is in the pack and leads to the signed head. None can be left
//     out, added or moved.
//   - The samples are nobody's choice: the changes of the population are ranked by
//     SHA-256(ROOT ":" INDEX), where ROOT is the root of the log, in hexadecimal, up to
//     and with the first entry from after the period; the lowest are taken.
//   - Nothing readable is believed: Check makes every file again from log/ and
//     compares them byte by byte.
//
// What it does not do: it does not say that a control is met. It says what was
// recorded; who judges it is the auditor. Entries outside of the period are not in
// the pack, only their hashes; but for one before and one after it, which show that
// nothing was left out at its edges, and what is since the last heartbeat before it.
package evidence

import (
	"strconv"
	"time"

	"github.com/assent-iom/assent/ledger"
)

// Format is the version of a pack's files. Check makes them again, so it reads
// packs of its own format alone.
const Format = 2

// Params is what a pack is made for.
type Params struct {
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // itself not in
	Framework string    `json:"framework"`
	Samples   int       `json:"samples"` // how many are asked for
}

// The bounds of Params.Samples: auditors take 15 to 60.
const (
	DefaultSamples = 25
	MaxSamples     = 1000
)

// Head is what the log was when the period closed.
type Head struct {
	Origin  string      `json:"origin"`
	VKey    string      `json:"vkey"`
	Size    uint64      `json:"size"`
	Root    ledger.Hash `json:"root"`
	Opening uint64      `json:"opening,omitempty"` // size of the checkpoint before the period
	// Cosigned is the size of a checkpoint that others have signed, the log's head or later.
	Cosigned uint64 `json:"cosigned,omitempty"`
	First    uint64 `json:"first"` // the entries of the period are First to End-1
	End      uint64 `json:"end"`
}

// Span is a key that the log had before the one of its head.
type Span struct {
	VKey string
	Last uint64 // the last entry that it signed, together with the next
}

// pem is the file of a key in a pack, as openssl reads it.
func (s Span) pem() string {
	if s.Last == 0 {
		return dirLog + "log.pem"
	}
	return dirLog + "key-" + strconv.FormatUint(s.Last, 10) + ".pem"
}

// keyOf is the file of the key that signed an entry.
func (p Pack) keyOf(index uint64) string {
	for _, k := range p.Before {
		if index <= k.Last {
			return k.pem()
		}
	}
	return Span{}.pem()
}

// Approval is a person's yes to a change.
type Approval struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Entry *uint64   `json:"entry,omitempty"` // where it is recorded
	// Independent: the approver is neither who acted nor whom they acted for.
	Independent bool `json:"independent"`
}

// Record is one decision with what became of it, in the words of a table.
type Record struct {
	Index        uint64     `json:"index"`
	ID           string     `json:"id"`
	At           time.Time  `json:"at"`
	Actor        string     `json:"actor"`
	ActorKind    string     `json:"actor_kind,omitempty"`
	Authn        string     `json:"authn,omitempty"` // how it is known who that is
	For          []string   `json:"for,omitempty"`
	Run          string     `json:"run,omitempty"`
	Platform     string     `json:"platform"`
	Operation    string     `json:"operation"`
	Verb         string     `json:"verb"`
	Capability   string     `json:"capability,omitempty"`
	Targets      []string   `json:"targets"`
	Environments []string   `json:"environments,omitempty"`
	Owner        string     `json:"owner,omitempty"`
	Accountable  string     `json:"accountable,omitempty"`
	Mode         string     `json:"mode"`
	Verdict      string     `json:"verdict"`
	Clause       string     `json:"clause,omitempty"` // of declared intent
	Intent       string     `json:"intent"`           // digest of the documents
	Model        string     `json:"model,omitempty"`  // digest of what was known to exist
	Dependents   int        `json:"dependents"`       // what breaks with what is changed
	RadiusWhole  bool       `json:"radius_complete"`
	Codes        []string   `json:"codes,omitempty"` // the findings
	Approvals    []Approval `json:"approvals,omitempty"`
	Glass        []string   `json:"glass,omitempty"` // who broke the glass that it went through, in an emergency
	Fault        string     `json:"fault,omitempty"`
	Passed       bool       `json:"passed"` // it was let through

	Outcome     string    `json:"outcome,omitempty"`
	OutcomeAt   *uint64   `json:"outcome_index,omitempty"`
	Status      int       `json:"status,omitempty"`
	RequestID   string    `json:"request_id,omitempty"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	Resolved    string    `json:"resolved,omitempty"` // what was found out since, where the outcome is unknown
}

// Gap is a time in which no proxy was there, by the heartbeats.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Ended: the last proxy before it ended in order.
	Ended bool `json:"ended,omitempty"`
}
