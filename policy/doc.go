// Package policy holds the words of a verdict: Verdict, Finding, Basis and
// Decision, and the Check that produces findings. It is a front door; the rooms
// below it do the work (policy/checks, policy/decide, policy/rego).
//
// Every zero value denies.
package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/assent-iom/assent/model"
)

// Verdict is what intent says of an action. The zero value is Deny.
type Verdict uint8

// The verdicts.
const (
	Deny  Verdict = iota
	Hold          // only an approval, a window or a ticket is missing
	Allow         // declared, and every check passed
)

// String returns deny, hold or allow.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Hold:
		return "hold"
	default:
		return "deny"
	}
}

// MarshalText writes the verdict as its word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	switch string(text) {
	case "allow":
		*v = Allow
	case "hold":
		*v = Hold
	case "deny":
		*v = Deny
	default:
		return fmt.Errorf("verdict %q: want allow, hold or deny", text)
	}
	return nil
}

// Mode says what is done with a verdict. The zero value is the strict one.
type Mode uint8

// The modes.
const (
	Enforce Mode = iota // what is not allowed is refused
	Observe             // nothing is refused; what would have been is recorded
)

// String returns enforce or observe.
func (m Mode) String() string {
	if m == Observe {
		return "observe"
	}
	return "enforce"
}

// MarshalText writes the mode as its word.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (m *Mode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "observe":
		*m = Observe
	case "enforce":
		*m = Enforce
	default:
		return fmt.Errorf("mode %q: want observe or enforce", text)
	}
	return nil
}

// Finding is one reason. Every finding has all of Code, Title, Why and Repair.
type Finding struct {
	Code   string `json:"code"`  // AS2004; `assent help AS2004` explains it
	Title  string `json:"title"` // what is wrong, as a clause: "no intent allows this"
	Why    string `json:"why"`   // the facts, with names and numbers
	Repair string `json:"repair"`
	Source string `json:"source,omitempty"` // document/clause, file:line
	// Fix is the repair as a machine can apply it; nil: it is for people.
	Fix     *model.Repair `json:"fix,omitempty"`
	Verdict Verdict       `json:"verdict"` // the most that this finding lets through; Allow is a remark
}

// Basis names the exact inputs of a decision, so that it can be replayed.
type Basis struct {
	Model   model.Version `json:"model"`
	Intent  string        `json:"intent"`            // sha256:HEX of the declared documents; "none" without any
	Rules   string        `json:"rules,omitempty"`   // sha256:HEX of the gate and the user's Rego
	Decoder string        `json:"decoder,omitempty"` // name, version, table hash
	Facts   string        `json:"facts,omitempty"`   // sha256:HEX of what the model was asked, once that is recorded
}

// Accountable is who answers for what an action touches.
type Accountable struct {
	Owner   string `json:"owner,omitempty"`   // the Owner document's name; empty: nobody is declared
	Person  string `json:"person,omitempty"`  // exactly one
	Contact string `json:"contact,omitempty"` // one line
	From    string `json:"from,omitempty"`    // how it was found: tag team=checkout, namespace, document
	Others  string `json:"others,omitempty"`  // who else is declared to own it, from further away: shop (account 1111…)
}

// Radius is the blast radius in numbers, with the first few names.
type Radius struct {
	Dependents int         `json:"dependents"`            // resources that break with what the action changes
	Complete   bool        `json:"complete"`              // false: not all of them are known; judged as over any limit
	Reasons    []string    `json:"reasons,omitempty"`     // why it is not complete
	Production int         `json:"production,omitempty"`  // of the nearest: in an environment of tier production
	UserFacing int         `json:"user_facing,omitempty"` // and met by users
	Owners     []string    `json:"owners,omitempty"`
	Sample     []model.Hop `json:"sample,omitempty"` // the nearest, at most RadiusSample
}

// RadiusSample bounds Radius.Sample.
const RadiusSample = 5

// Exposure is what an action makes reachable, and by whom, with the first few names.
type Exposure struct {
	By         []string    `json:"by"`                   // who is let in, in words; empty: the action does not say
	Public     bool        `json:"public,omitempty"`     // everybody is
	Opened     int         `json:"opened"`               // resources that can be reached
	Reachable  int         `json:"reachable"`            // resources that those can use, or act as
	Complete   bool        `json:"complete"`             // false: not all of them are known; judged as over any limit
	Production int         `json:"production,omitempty"` // of those opened: in an environment of tier production
	Owners     []string    `json:"owners,omitempty"`     // of those opened
	Sample     []model.Hop `json:"sample,omitempty"`     // opened first, at most RadiusSample
}

// Decision is the answer to one action. Its zero value denies.
type Decision struct {
	ID           string       `json:"id"`
	At           time.Time    `json:"at"`
	Mode         Mode         `json:"mode"`
	Enforcer     string       `json:"enforcer,omitempty"` // the proxy, where several write one ledger
	Verdict      Verdict      `json:"verdict"`
	Action       model.Action `json:"action"`
	Grant        string       `json:"grant,omitempty"`        // intent/clause that allows it
	Environments []string     `json:"environments,omitempty"` // of all targets, sorted
	Accountable  Accountable  `json:"accountable"`
	Radius       Radius       `json:"radius"`
	Exposure     *Exposure    `json:"exposure,omitempty"` // nil: it lets nobody in
	Findings     []Finding    `json:"findings,omitempty"`
	// Needs is what a held action lacks; Approvals are those that were counted.
	Needs     []Need     `json:"needs,omitempty"`
	Approvals []Approval `json:"approvals,omitempty"`
	// Overrides are what let it through though it would have been refused.
	Overrides []Override `json:"overrides,omitempty"`
	// Budgets are what the action counts against, with its own share.
	Budgets []Budget `json:"budgets,omitempty"`
	Request string   `json:"request,omitempty"` // the approval request that a held action is in
	Basis   Basis    `json:"basis"`
	// Fault is set when no verdict could be reached (a rule failed, a timeout, a
	// panic). It is enforced as deny and told apart from it.
	Fault string `json:"fault,omitempty"`
	// Withheld are commitments to the call as it was, with what the record leaves out
	// (RFC 9901); empty: nothing can be shown of it later.
	Withheld []string `json:"withheld,omitempty"`
	// Facts tells what the model was asked while the action was judged; nil: nothing
	// is known of that. The ledger keeps it beside the decision.
	Facts interface{ Facts() model.Facts } `json:"-"`
	// Prior is what it changes was like when it was held; nil: nobody looked.
	Prior Prior `json:"-"`
	// Does is what the action changes and needs, as others have to see it while it is
	// under way; its Decision and Index are not filled in.
	Does model.Pending `json:"-"`
	// Explain is how much a refusal tells this actor: full (or empty), codes, none.
	Explain string `json:"explain,omitempty"`
}

// Blocks reports whether the action must not be forwarded.
func (d Decision) Blocks() bool { return d.Mode == Enforce && d.Verdict != Allow }

// First returns the finding that matters most: the first with the strictest
// verdict. ok is false when there is none.
func (d Decision) First() (f Finding, ok bool) {
	for i, finding := range d.Findings {
		if i == 0 || finding.Verdict < f.Verdict {
			f, ok = finding, true
		}
	}
	return f, ok
}

// Check looks at one action against one snapshot. It MUST be pure: same inputs,
// same findings. An error is a fault: the action is refused.
type Check interface {
	Check(context.Context, model.Action, model.Snapshot) ([]Finding, error)
}
