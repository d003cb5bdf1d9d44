package ledger

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/policy"
)

// decisionPredicate is what a change-decision says. The order of its fields is
// the order of the questions that a reader has.
type decisionPredicate struct {
	ID           string             `json:"id"`
	DecidedAt    time.Time          `json:"decidedAt"`
	Verdict      policy.Verdict     `json:"verdict"`
	Enforcer     enforcer           `json:"enforcer"`
	Actor        model.Actor        `json:"actor"`
	Action       json.RawMessage    `json:"action"` // model.Action; subject[0] is the digest of these bytes
	ActionDigest string             `json:"actionDigest"`
	Environments []string           `json:"environments,omitempty"`
	Accountable  policy.Accountable `json:"accountable"`
	BlastRadius  policy.Radius      `json:"blastRadius"`
	Exposure     *policy.Exposure   `json:"exposure,omitempty"`
	Grant        string             `json:"grant,omitempty"`
	Findings     []policy.Finding   `json:"findings,omitempty"`
	Needs        []policy.Need      `json:"needs,omitempty"`
	Approvals    []policy.Approval  `json:"approvals,omitempty"` // each is an entry of its own, before this one
	Overrides    []policy.Override  `json:"overrides,omitempty"` // and so is each of these
	Budgets      []policy.Budget    `json:"budgets,omitempty"`
	Request      string             `json:"request,omitempty"`
	Model        model.Version      `json:"model"`
	Intent       intentRef          `json:"intent"`
	Rules        string             `json:"rules,omitempty"`
	Decoder      string             `json:"decoder,omitempty"`
	Facts        string             `json:"facts,omitempty"` // digest of what the model was asked: an object
	Fault        string             `json:"fault,omitempty"`
	// Withheld is RFC 9901's: digests of disclosures. They are added after the scrubbing,
	// which may take random letters for a key.
	Withheld   []string `json:"_sd,omitempty"`
	WithheldBy string   `json:"_sd_alg,omitempty"`
	Truncated  []Cut    `json:"truncated,omitempty"`
}

// anEnforcer stands for a proxy that has no name of its own.
const anEnforcer = "assent"

// EnforcerID is how a statement names a proxy of that name.
func EnforcerID(name string) string { return cmp.Or(name, anEnforcer) }

type enforcer struct {
	ID   string      `json:"id"`
	Mode policy.Mode `json:"mode"`
}

type intentRef struct {
	Digest string `json:"digest"`
}

// Cut says what was left out of a statement that would have been too long.
type Cut struct {
	What string `json:"what"`
	Kept int    `json:"kept"` // how many, or how many bytes, remain
	Of   int    `json:"of"`
}

// DecisionStatement encodes a decision as a change-decision statement: free of
// secrets that have a known form, and never longer than MaxStatement. Subject 0
// is the action as recorded, identified by the SHA-256 of its bytes in the
// predicate; the others are its targets.
func DecisionStatement(d policy.Decision) ([]byte, error) {
	if d.ID == "" {
		return nil, errors.New("encoding decision: it has no id")
	}
	data, _, err := fit(d)
	if err != nil {
		return nil, fmt.Errorf("encoding decision %s: %w", d.ID, err)
	}
	return data, nil
}

// encodeDecision encodes a decision whole, and returns the subject of its action.
func encodeDecision(d policy.Decision, cuts []Cut) ([]byte, subject, error) {
	action, err := actionBytes(d.Action)
	if err != nil {
		return nil, subject{}, err
	}
	p := decisionPredicate{
		ID: d.ID, DecidedAt: d.At.UTC(), Verdict: d.Verdict,
		Enforcer: enforcer{ID: EnforcerID(d.Enforcer), Mode: d.Mode},
		Actor:    d.Action.Actor, Action: action, ActionDigest: d.Action.DigestString(),
		Environments: d.Environments, Accountable: d.Accountable, BlastRadius: d.Radius, Exposure: d.Exposure,
		Grant: d.Grant, Findings: d.Findings, Needs: d.Needs, Approvals: d.Approvals, Overrides: d.Overrides, Budgets: d.Budgets, Request: d.Request,
		Model: d.Basis.Model, Intent: intentRef{d.Basis.Intent}, Rules: d.Basis.Rules, Decoder: d.Basis.Decoder, Facts: d.Basis.Facts,
		Fault: d.Fault, Truncated: cuts,
	}
	predicate, err := encodeJSON(p)
	if err != nil {
		return nil, subject{}, err
	}
	// The digest is over what is recorded, so it is taken after the scrubbing.
	if clean := Scrub(predicate); !bytes.Equal(clean, predicate) {
		predicate = clean
		var recorded struct {
			Action json.RawMessage `json:"action"`
		}
		if err := json.Unmarshal(predicate, &recorded); err != nil {
			return nil, subject{}, err
		}
		action = recorded.Action
	}
	if predicate, err = commit(predicate, d.Withheld); err != nil {
		return nil, subject{}, err
	}
	first := subject{URI: actionURI + d.ID, Digest: map[string]string{"sha256": sha256Hex(action)}}
	subjects := append([]subject{first}, targetSubjects(d.Action.Targets)...)
	data, err := encodeStatement(KindDecision, subjects, predicate)
	return data, first, err
}

// actionBytes encodes an action with its free-form parts in one spelling.
func actionBytes(a model.Action) ([]byte, error) {
	return encodeJSON(normalAction(a))
}

func normalAction(a model.Action) model.Action {
	a.Params, a.Native = normal(a.Params), normal(a.Native)
	a.Props, a.Before = normalProps(a.Props), normalProps(a.Before)
	parts := make([]model.Action, len(a.Parts))
	for i, part := range a.Parts {
		parts[i] = normalAction(part)
	}
	a.Parts = parts
	return a
}

func normalProps(props []model.Property) []model.Property {
	out := make([]model.Property, len(props))
	for i, p := range props {
		if p.Value != nil {
			if v, err := encodeJSON(p.Value); err == nil {
				p.Value = normal(v)
			} else {
				p.Value = "(a value that is not usable JSON)"
			}
		}
		out[i] = p
	}
	return out
}

// targetSubjects names the targets. A target's digest is that of its URN: what
// the resource was like is in the model that the decision names.
func targetSubjects(targets []model.Target) []subject {
	var out []subject
	for _, t := range targets {
		urn := string(Scrub(mustString(string(t.URN))))
		_ = json.Unmarshal([]byte(urn), &urn) // a string literal just encoded
		uri := urn
		if !strings.Contains(uri, ":") {
			uri = targetURI + uri
		}
		out = append(out, subject{
			URI: uri, Digest: map[string]string{"sha256": sha256Hex([]byte(urn))},
			Annotations: map[string]string{"role": t.Role, "type": t.Type},
		})
	}
	return out
}

func mustString(s string) []byte {
	data, _ := encodeJSON(s) // a string always encodes
	return data
}

// ParseDecision reads a decision back from its envelope or statement. Numbers
// keep their spelling (json.Number). What was cut for length is missing.
func ParseDecision(data []byte) (policy.Decision, error) {
	st, err := Read(data)
	if err != nil {
		return policy.Decision{}, fmt.Errorf("reading decision: %w", err)
	}
	return st.Decision()
}

// Decision is ParseDecision of a statement that is read already.
func (s Statement) Decision() (policy.Decision, error) {
	if s.Kind != KindDecision {
		return policy.Decision{}, fmt.Errorf("reading decision: the entry is a %s", s.Kind)
	}
	var p struct {
		decisionPredicate
		Action model.Action `json:"action"` // in the place of its bytes
	}
	if err := decodeJSON(s.wire.Predicate, &p); err != nil {
		return policy.Decision{}, fmt.Errorf("reading decision: %w", err)
	}
	d := policy.Decision{
		ID: p.ID, At: p.DecidedAt, Mode: p.Enforcer.Mode, Verdict: p.Verdict, Action: p.Action,
		Grant: p.Grant, Environments: p.Environments, Accountable: p.Accountable,
		Radius: p.BlastRadius, Exposure: p.Exposure, Findings: p.Findings, Needs: p.Needs, Approvals: p.Approvals, Overrides: p.Overrides, Budgets: p.Budgets, Request: p.Request,
		Basis: policy.Basis{Model: p.Model, Intent: p.Intent.Digest, Rules: p.Rules, Decoder: p.Decoder, Facts: p.Facts},
		Fault: p.Fault, Withheld: p.Withheld,
	}
	if p.Enforcer.ID != anEnforcer {
		d.Enforcer = p.Enforcer.ID
	}
	if d.ID == "" {
		return policy.Decision{}, errors.New("reading decision: no id")
	}
	parts, err := members(s.wire.Predicate, "action")
	if err != nil {
		return policy.Decision{}, fmt.Errorf("reading decision: %w", err)
	}
	first := s.wire.Subject[0]
	if first.URI != actionURI+d.ID || first.Digest["sha256"] != sha256Hex(parts[0]) {
		return policy.Decision{}, errors.New("reading decision: the first subject is not its action")
	}
	return d, nil
}

// Awaits reports whether a decision must be followed by an outcome: whether it
// let something be forwarded.
func Awaits(d policy.Decision) bool { return !d.Blocks() }

// Cuts returns what was left out of a decision's record for its length.
func Cuts(data []byte) ([]Cut, error) {
	st, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	var p struct {
		Truncated []Cut `json:"truncated"`
	}
	if err := json.Unmarshal(st.wire.Predicate, &p); err != nil {
		return nil, fmt.Errorf("reading decision: %w", err)
	}
	return p.Truncated, nil
}
