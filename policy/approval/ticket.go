package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// TicketType is the type of every ticket.
const TicketType = "https://assent.dev/approval/v0.1"

// Namespace is what the signature is for: ssh-keygen -Y verify -n NAMESPACE.
const Namespace = "approval@assent.dev"

// maxTicket bounds what is read: a request of MaxItems is a tenth of it.
const maxTicket = 1 << 20

// The answers.
const (
	Yes = "approve"
	No  = "deny"
)

// Ticket is one person's answer to a request. It names each action that they saw,
// so that it answers nothing else.
type Ticket struct {
	Type    string    `json:"type"`
	Request string    `json:"request"`
	Answer  string    `json:"answer"` // approve or deny
	By      string    `json:"by"`     // the Actor document of who signs
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Reason  string    `json:"reason,omitempty"`
	Actions []Act     `json:"actions"`
}

// Act is one action in a ticket, by its scope and in words, and what it changes as that
// was (policy.Prior.Digest).
type Act struct {
	Scope string `json:"scope"`
	What  string `json:"what"`
	State string `json:"state,omitempty"`
}

// Signed is a ticket's bytes and an SSH signature over them.
type Signed struct {
	Ticket    []byte
	Signature string // armored, as ssh-keygen -Y sign writes it
}

// ID names a signed ticket: sha256:HEX of its bytes.
func (s Signed) ID() string {
	sum := sha256.Sum256(s.Ticket)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Sign signs a ticket.
func Sign(t Ticket, with ssh.Signer) (Signed, error) {
	t.Type = TicketType
	if err := t.check(); err != nil {
		return Signed{}, err
	}
	return sign(t, with, Namespace)
}

// Open verifies a signed ticket against the keys that are declared now, and reads
// it. The Actor is the one whose key signed.
func Open(s Signed, set *intent.Set) (Ticket, *intent.Actor, error) {
	t, err := Read(s.Ticket)
	if err != nil {
		return Ticket{}, nil, err
	}
	by, err := signedBy(s, set, t.By, Namespace)
	if err != nil {
		return Ticket{}, nil, fmt.Errorf("the ticket: %w", err)
	}
	return t, by, nil
}

// keyOf finds the Actor that a ticket names, and asks that the key is theirs.
func keyOf(set *intent.Set, name string, key ssh.PublicKey) (*intent.Actor, error) {
	if set == nil {
		return nil, errors.New("nobody is declared who could sign a ticket")
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	for _, a := range set.Actors {
		if a.Name == name && a.Kind == "human" && slices.ContainsFunc(a.Identify, func(id intent.Identity) bool { return id.SSH == line }) {
			return a, nil
		}
	}
	return nil, fmt.Errorf("the key %s is not declared as one of Actor %s", ssh.FingerprintSHA256(key), name)
}

// Read reads a ticket strictly, without its signature.
func Read(data []byte) (Ticket, error) {
	t, err := strictly[Ticket](data, maxTicket)
	if err != nil {
		return Ticket{}, fmt.Errorf("reading a ticket: %w", err)
	}
	return t, t.check()
}

func (t Ticket) check() error {
	switch {
	case t.Type != TicketType:
		return fmt.Errorf("ticket: type %q, want %q", t.Type, TicketType)
	case t.Answer != Yes && t.Answer != No:
		return fmt.Errorf("ticket: answer %q, want %s or %s", t.Answer, Yes, No)
	case t.Request == "" || t.By == "":
		return errors.New("ticket: it names no request, or nobody who signs")
	case len(t.Actions) == 0 || len(t.Actions) > MaxItems:
		return fmt.Errorf("ticket: %d actions, want 1 to %d", len(t.Actions), MaxItems)
	case !t.Expires.After(t.At):
		return errors.New("ticket: it expires before it is given")
	}
	return nil
}

// For returns the approval that a verified ticket is for one scope, if it is one.
func (s Signed) For(t Ticket, scope string) (policy.Approval, bool) {
	i := slices.IndexFunc(t.Actions, func(a Act) bool { return a.Scope == scope })
	if t.Answer != Yes || i < 0 {
		return policy.Approval{}, false
	}
	return policy.Approval{State: t.Actions[i].State, ID: s.ID(), Request: t.Request, Scope: scope, By: t.By, At: t.At, Expires: t.Expires, Reason: t.Reason}, true
}
