package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
)

// WithheldObject is followed by a decision's id: what the call said, encrypted. The
// decision holds commitments to it (policy.Decision.Withheld).
const WithheldObject = "withheld/"

// commit adds commitments to a predicate: 43 letters each, that cannot be anything else.
func commit(predicate []byte, commitments []string) ([]byte, error) {
	if len(commitments) == 0 {
		return predicate, nil
	}
	for _, c := range commitments {
		if sum, err := base64.RawURLEncoding.DecodeString(c); err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("%q is no commitment", c)
		}
	}
	list, err := encodeJSON(commitments)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(predicate[:len(predicate)-1:len(predicate)-1], `,"_sd":%s,"_sd_alg":"sha-256"}`, list), nil
}

// Part is a part of a call, as it was: its value is not recorded.
type Part struct {
	Name  string
	Value string
}

// Redaction says that what was withheld of decisions is destroyed: nobody can show any
// more what they commit to.
type Redaction struct {
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"` // who asked for it
	Reason  string    `json:"reason"`
	Entries []Cleared `json:"entries"`
}

// Cleared is a decision of which nothing can be shown any more.
type Cleared struct {
	Decision string  `json:"decision"`
	Of       Receipt `json:"of"` // where it is
}

const redactionURI = "urn:assent:redaction:"

// MaxCleared bounds the decisions of one redaction.
const MaxCleared = MaxListed

// RedactionEntry encodes a redaction.
func RedactionEntry(r Redaction) (Entry, error) {
	r.At, r.By, r.Reason = r.At.UTC(), short(r.By), short(r.Reason)
	if err := r.check(); err != nil {
		return Entry{}, err
	}
	return noteEntry(KindRedaction, "", redactionURI+r.Entries[0].Decision, r)
}

func (r Redaction) check() error {
	if r.Reason == "" || len(r.Entries) == 0 || len(r.Entries) > MaxCleared ||
		slices.ContainsFunc(r.Entries, func(c Cleared) bool { return c.Decision == "" }) {
		return errors.New("a redaction has a reason, and says of which decisions")
	}
	return nil
}

// ParseRedaction reads a redaction back from its envelope or statement.
func ParseRedaction(data []byte) (Redaction, error) {
	r, err := parseNote[Redaction](KindRedaction, data)
	if err == nil {
		err = r.check()
	}
	return r, err
}
