package intent

import (
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// Words is a list of words; a single word may stand without brackets.
type Words []string

// Verbs is a list of verbs; a single one may stand without brackets.
type Verbs []model.Verb

// Text is a block of text that keeps where its first line stands.
type Text struct {
	Line int // of the first line of Body in the file
	Body string
}

// MarshalText writes the body alone: where it stood is not content.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.Body), nil }

// Period is a length of time, written as 30m or 4h.
type Period time.Duration

// String writes a period as people do: 4h and not 4h0m0s.
func (p Period) String() string {
	text := time.Duration(p).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes what String does.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// choice is a word out of a closed list.
type choice interface{ choices() []string }

// Tier is how much an environment matters to its users.
type Tier string

func (Tier) choices() []string { return []string{"production", "staging", "development", "sandbox"} }

// Criticality is how bad a failure is.
type Criticality string

func (Criticality) choices() []string { return []string{"critical", "high", "medium", "low"} }

// OnUnknown is what becomes of a change that no decoder understands. The zero
// value denies.
type OnUnknown string

// The answers to an unknown action.
const (
	UnknownDeny    OnUnknown = "deny"
	UnknownHold    OnUnknown = "hold"
	UnknownObserve OnUnknown = "observe"
)

func (OnUnknown) choices() []string { return []string{"deny", "hold", "observe"} }

// Exposes says what may be made reachable. The zero value is ExposesSound.
type Exposes string

// What may be made reachable.
const (
	// ExposesSound: nothing of which a critical field has drifted, or is not as declared.
	ExposesSound Exposes = "sound"
	// ExposesSettled: nothing but what was built by way of the proxy or adopted, and is as
	// it was built and as it is declared.
	ExposesSettled Exposes = "settled"
	// ExposesAny: whatever it is, and however it stands.
	ExposesAny Exposes = "any"
)

func (Exposes) choices() []string { return []string{"sound", "settled", "any"} }

// ActorKind is the kind of an actor, as in model.
type ActorKind string

func (ActorKind) choices() []string { return []string{"human", "pipeline", "agent", "controller"} }

// OnBehalfOf says whether an actor has to name whom it acts for.
type OnBehalfOf string

// Required: a call that names nobody is refused.
const Required OnBehalfOf = "required"

func (OnBehalfOf) choices() []string { return []string{"required", "optional"} }

// Explain is what a refusal tells an actor. The zero value is full.
type Explain string

// The levels of explanation.
const (
	ExplainFull  Explain = "full"
	ExplainCodes Explain = "codes" // the code and who is accountable
	ExplainNone  Explain = "none"  // only that it was refused
)

func (Explain) choices() []string { return []string{"full", "codes", "none"} }

// Mode is whether an Intent takes part. The zero value enforces.
type Mode string

// Observing leaves an Intent out of every verdict.
const Observing Mode = "observe"

func (Mode) choices() []string { return []string{"enforce", "observe"} }

func verbNames() []string {
	names := make([]string, 0, 16)
	for _, v := range model.Verbs() {
		if v != model.Unknown {
			names = append(names, string(v))
		}
	}
	return names
}
