package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/assent-iom/assent/model/intent"
	"github.com/assent-iom/assent/policy"
)

// GlassType is the type of what is signed to break the glass, GlassNamespace what the
// signature is for; ReviewType and ReviewNamespace are those of a review.
const (
	GlassType       = "https://assent.dev/override/v0.1"
	GlassNamespace  = "override@assent.dev"
	ReviewType      = "https://assent.dev/override-review/v0.1"
	ReviewNamespace = "override-review@assent.dev"
)

// maxGlass bounds what is read.
const maxGlass = 16 << 10

// Glass is what a person signs to have, in an emergency, what an actor does in an
// environment let through for a while.
type Glass struct {
	Type        string    `json:"type"`
	Environment string    `json:"environment"`
	Actor       string    `json:"actor"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Expires     time.Time `json:"expires"`
	Reason      string    `json:"reason"`
}

// Review is what another person signs who has looked at it afterwards.
type Review struct {
	Type     string    `json:"type"`
	Override string    `json:"override"` // its ID
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Finding  string    `json:"finding"` // Justified or Unjustified
	Comment  string    `json:"comment,omitempty"`
}

// What a review may find.
const (
	Justified   = "justified"
	Unjustified = "unjustified"
)

// SignGlass signs it.
func SignGlass(g Glass, with ssh.Signer) (Signed, error) {
	g.Type = GlassType
	if err := g.check(); err != nil {
		return Signed{}, err
	}
	return sign(g, with, GlassNamespace)
}

// SignReview signs a review.
func SignReview(r Review, with ssh.Signer) (Signed, error) {
	r.Type = ReviewType
	if err := r.check(); err != nil {
		return Signed{}, err
	}
	return sign(r, with, ReviewNamespace)
}

// OpenGlass verifies it against the keys that are declared now, and reads it.
func OpenGlass(s Signed, set *intent.Set) (policy.Override, error) {
	g, err := ReadGlass(s.Ticket)
	if err != nil {
		return policy.Override{}, err
	}
	if _, err := signedBy(s, set, g.By, GlassNamespace); err != nil {
		return policy.Override{}, fmt.Errorf("the override: %w", err)
	}
	return policy.Override{ID: s.ID(), Environment: g.Environment, Actor: g.Actor, By: g.By, At: g.At, Expires: g.Expires, Reason: g.Reason}, nil
}

// OpenReview verifies a review of an override, and reads it. Who signs it MUST have had no
// part in that.
func OpenReview(s Signed, of policy.Override, set *intent.Set) (Review, error) {
	r, err := ReadReview(s.Ticket)
	if err != nil {
		return Review{}, err
	}
	if r.Override != of.ID {
		return Review{}, fmt.Errorf("the review: it is of %s", r.Override)
	}
	who, err := signedBy(s, set, r.By, ReviewNamespace)
	if err != nil {
		return Review{}, fmt.Errorf("the review: %w", err)
	}
	if !MayReview(set, of, who) {
		return Review{}, fmt.Errorf("the review: %s had a part in what is reviewed", r.By)
	}
	return r, nil
}

// MayReview reports whether an actor is a person who neither broke that glass nor had their
// changes let through, under no name of theirs.
func MayReview(set *intent.Set, of policy.Override, who *intent.Actor) bool {
	return who.Kind == "human" && !slices.ContainsFunc(set.Actors, func(a *intent.Actor) bool {
		part := a.Name == of.By || a.Name == of.Actor
		return part && (a.Name == who.Name || a.Person != "" && a.Person == who.Person)
	})
}

// ReadReview reads a review strictly, without its signature.
func ReadReview(data []byte) (Review, error) {
	r, err := strictly[Review](data, maxGlass)
	if err == nil {
		err = r.check()
	}
	return r, err
}

// ReadGlass reads it strictly, without its signature.
func ReadGlass(data []byte) (Glass, error) {
	g, err := strictly[Glass](data, maxGlass)
	if err == nil {
		err = g.check()
	}
	return g, err
}

func (g Glass) check() error {
	switch {
	case g.Type != GlassType:
		return fmt.Errorf("override: type %q, want %q", g.Type, GlassType)
	case g.Environment == "" || g.Actor == "" || g.By == "":
		return errors.New("override: it names no environment, no actor, or nobody who signs")
	case g.Reason == "":
		return errors.New("override: it gives no reason")
	case !g.Expires.After(g.At):
		return errors.New("override: it expires before it is given")
	}
	return nil
}

func (r Review) check() error {
	switch {
	case r.Type != ReviewType:
		return fmt.Errorf("review: type %q, want %q", r.Type, ReviewType)
	case r.Override == "" || r.By == "" || r.At.IsZero():
		return errors.New("review: it names no override, no time, or nobody who signs")
	case r.Finding != Justified && r.Finding != Unjustified:
		return fmt.Errorf("review: finding %q, want %s or %s", r.Finding, Justified, Unjustified)
	}
	return nil
}

// sign signs what people read before they do.
func sign(v any, with ssh.Signer, namespace string) (Signed, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return Signed{}, fmt.Errorf("writing what is signed: %w", err)
	}
	sig, err := sshsig.Sign(bytes.NewReader(data), with, sshsig.HashSHA512, namespace)
	if err != nil {
		return Signed{}, fmt.Errorf("signing: %w", err)
	}
	return Signed{Ticket: data, Signature: string(sshsig.Armor(sig))}, nil
}

// signedBy verifies the signature of a human Actor.
func signedBy(s Signed, set *intent.Set, by, namespace string) (*intent.Actor, error) {
	sig, err := sshsig.Unarmor([]byte(s.Signature))
	if err != nil {
		return nil, fmt.Errorf("reading its signature: %w", err)
	}
	who, err := keyOf(set, by, sig.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := sshsig.Verify(bytes.NewReader(s.Ticket), sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		return nil, fmt.Errorf("it is not signed by %s: %w", by, err)
	}
	return who, nil
}

// strictly reads what sign would have written: no key twice, nothing after the end.
func strictly[T any](data []byte, most int) (v T, err error) {
	if len(data) > most {
		return v, fmt.Errorf("%d bytes, the limit is %d", len(data), most)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, err
	}
	if again, err := json.MarshalIndent(v, "", "  "); err != nil || !bytes.Equal(again, data) {
		return v, errors.New("not in the form that assent writes")
	}
	return v, nil
}
