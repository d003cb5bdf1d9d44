package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// Need is what an action still lacks: people who say yes to it.
type Need struct {
	Grant  string        `json:"grant"`            // the clause that asks for them
	From   string        `json:"from"`             // whom it asks: owner:NAME, or an Actor
	People []string      `json:"people,omitempty"` // who that is, by Actor or as human:NAME
	Count  int           `json:"count"`            // how many are asked for
	Have   int           `json:"have"`             // how many said yes
	Within time.Duration `json:"within_ns"`        // how long a yes is good for at most
}

// Approval is one person's yes to exactly one action. Its signature has been
// verified; whether the person may say so is for the judge.
type Approval struct {
	ID      string    `json:"id"`               // sha256:HEX of what was signed
	Request string    `json:"request"`          // the request that was answered
	Scope   string    `json:"scope"`            // what it is for, as Scope says
	By      string    `json:"by"`               // the Actor document whose key signed
	At      time.Time `json:"at"`               // when it was given
	Expires time.Time `json:"expires"`          // from when on it is void
	Reason  string    `json:"reason,omitempty"` // in the approver's words
	// State is the digest of what the things that it changes were like then (Prior); empty:
	// nothing was known of them.
	State string `json:"state,omitempty"`
	// Override is set instead of all else on one that is for whatever an actor does.
	Override *Override `json:"-"`
}

// Override is one person's word that, in an emergency, what an actor does in an
// environment is let through for a while. Its signature has been verified; whether the
// person may say so is for the judge.
type Override struct {
	ID          string    `json:"id"` // sha256:HEX of what was signed
	Environment string    `json:"environment"`
	Actor       string    `json:"actor"` // the Actor document whose calls are let through
	By          string    `json:"by"`    // the Actor document whose key signed
	At          time.Time `json:"at"`
	Expires     time.Time `json:"expires"`
	Reason      string    `json:"reason"`
}

// Scope identifies what an approval is for: one action, by one actor, on behalf
// of the same people. Another actor's same call is another scope, and so is a
// call that differs in anything but its idempotency token.
func Scope(a model.Action) string {
	head, err := json.Marshal([]string{a.Actor.ID, string(a.Actor.Kind), a.Actor.Authn, strings.Join(a.Actor.For, "\n"), a.DigestString()})
	if err != nil { // strings always encode
		panic(err)
	}
	sum := sha256.Sum256(head)
	return "sha256:" + hex.EncodeToString(sum[:])
}
