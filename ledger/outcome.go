package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/assent-iom/assent/policy"
)

// outcomePredicate is what a change-outcome says.
type outcomePredicate struct {
	Outcome
	Run       string `json:"run,omitempty"`
	Truncated []Cut  `json:"truncated,omitempty"`
}

// OutcomeStatement encodes what became of a decision. Its subject is the same
// action that the decision's is, and Of binds it to the very entry.
func OutcomeStatement(o Outcome, d policy.Decision) ([]byte, error) {
	if o.Decision == "" || o.Decision != d.ID {
		return nil, fmt.Errorf("encoding outcome: it names decision %q, not %q", o.Decision, d.ID)
	}
	_, action, err := fit(d)
	if err != nil {
		return nil, fmt.Errorf("encoding outcome of %s: %w", d.ID, err)
	}
	return encodeOutcome(o, d.Action.Run, action)
}

// OutcomeOf is OutcomeStatement for whoever still has the decision's own statement:
// encoding the decision a second time would cost as much as the first.
func OutcomeOf(o Outcome, run string, decision []byte) ([]byte, error) {
	var recorded struct {
		Subject []subject `json:"subject"`
	}
	if err := json.Unmarshal(decision, &recorded); err != nil {
		return nil, fmt.Errorf("encoding outcome of %s: %w", o.Decision, err)
	}
	if o.Decision == "" || len(recorded.Subject) == 0 || recorded.Subject[0].URI != actionURI+o.Decision {
		return nil, fmt.Errorf("encoding outcome: it names decision %q, whose statement this is not", o.Decision)
	}
	return encodeOutcome(o, run, recorded.Subject[0])
}

func encodeOutcome(o Outcome, run string, action subject) ([]byte, error) {
	switch o.Result {
	case Succeeded, Failed, NotForwarded, Unresolved:
	default:
		return nil, fmt.Errorf("encoding outcome of %s: result %q is not known", o.Decision, o.Result)
	}
	o.ForwardedAt, o.CompletedAt = o.ForwardedAt.UTC(), o.CompletedAt.UTC()
	p := outcomePredicate{Outcome: o, Run: run}
	for range 2 {
		predicate, err := encodeJSON(p)
		if err != nil {
			return nil, fmt.Errorf("encoding outcome of %s: %w", o.Decision, err)
		}
		data, err := encodeStatement(KindOutcome, []subject{action}, Scrub(predicate))
		if err != nil {
			return nil, fmt.Errorf("encoding outcome of %s: %w", o.Decision, err)
		}
		if len(data) <= MaxStatement {
			return data, nil
		}
		p.Reason, p.ErrorCode, p.RequestID, p.Run = short(o.Reason), short(o.ErrorCode), short(o.RequestID), short(p.Run)
		p.Truncated = []Cut{{What: "texts", Kept: keptString}}
	}
	return nil, fmt.Errorf("encoding outcome of %s: its id is too long", short(o.Decision))
}

// ParseOutcome reads an outcome back from its envelope or statement.
func ParseOutcome(data []byte) (Outcome, error) {
	st, err := Read(data)
	if err != nil {
		return Outcome{}, fmt.Errorf("reading outcome: %w", err)
	}
	return st.Outcome()
}

// Outcome is ParseOutcome of a statement that is read already.
func (s Statement) Outcome() (Outcome, error) {
	if s.Kind != KindOutcome {
		return Outcome{}, fmt.Errorf("reading outcome: the entry is a %s", s.Kind)
	}
	var p outcomePredicate
	if err := json.Unmarshal(s.wire.Predicate, &p); err != nil {
		return Outcome{}, fmt.Errorf("reading outcome: %w", err)
	}
	if p.Decision == "" {
		return Outcome{}, errors.New("reading outcome: it names no decision")
	}
	if s.wire.Subject[0].URI != actionURI+p.Decision {
		return Outcome{}, errors.New("reading outcome: its subject is another action")
	}
	switch p.Result {
	case Succeeded, Failed, NotForwarded, Unresolved:
		return p.Outcome, nil
	}
	return Outcome{}, fmt.Errorf("reading outcome: result %q is not known", p.Result)
}

// DoorStatement encodes a call that was refused before it could be decoded. v is
// anything that encodes to a JSON object; its "run" and "at" place the entry.
func DoorStatement(v any) ([]byte, error) {
	predicate, err := encodeJSON(v)
	if err != nil {
		return nil, fmt.Errorf("encoding refusal at the door: %w", err)
	}
	predicate = Scrub(normal(predicate))
	if len(predicate) == 0 || predicate[0] != '{' {
		return nil, errors.New("encoding refusal at the door: not a JSON object")
	}
	if len(predicate) > MaxStatement/2 { // a Host header of any length is a stranger's to choose
		var fields map[string]any
		if err := decodeJSON(predicate, &fields); err != nil {
			return nil, fmt.Errorf("encoding refusal at the door: %w", err)
		}
		size := len(predicate)
		brief := map[string]any{"truncated": []Cut{{What: "texts", Kept: keptString, Of: size}}}
		for _, name := range []string{"run", "at", "method", "host", "reason", "status"} {
			switch value := fields[name].(type) {
			case string:
				brief[name] = short(value)
			case json.Number:
				brief[name] = value
			}
		}
		if predicate, err = encodeJSON(brief); err != nil {
			return nil, fmt.Errorf("encoding refusal at the door: %w", err)
		}
	}
	return encodeStatement(KindDoor, []subject{{URI: doorURI, Digest: map[string]string{"sha256": sha256Hex(predicate)}}}, predicate)
}

// Genesis is the first entry of every ledger.
type Genesis struct {
	Origin   string    `json:"origin"`   // the name of the log in its checkpoints
	VKey     string    `json:"vkey"`     // the checkpoint key (https://c2sp.org/signed-note)
	KeyID    string    `json:"keyid"`    // the key that signs entries
	Instance string    `json:"instance"` // random: two ledgers never share it
	At       time.Time `json:"at"`
}

// GenesisStatement encodes the first entry of a ledger.
func GenesisStatement(g Genesis) ([]byte, error) {
	g.At = g.At.UTC()
	predicate, err := encodeJSON(g)
	if err != nil {
		return nil, fmt.Errorf("encoding genesis: %w", err)
	}
	return encodeStatement(KindGenesis, []subject{{URI: genesisURI + g.Origin, Digest: map[string]string{"sha256": sha256Hex(predicate)}}}, predicate)
}

// ParseGenesis reads the first entry back from its envelope or statement.
func ParseGenesis(data []byte) (Genesis, error) {
	st, err := Read(data)
	if err != nil {
		return Genesis{}, fmt.Errorf("reading genesis: %w", err)
	}
	if st.Kind != KindGenesis {
		return Genesis{}, fmt.Errorf("reading genesis: the entry is a %s", st.Kind)
	}
	var g Genesis
	if err := json.Unmarshal(st.wire.Predicate, &g); err != nil {
		return Genesis{}, fmt.Errorf("reading genesis: %w", err)
	}
	return g, nil
}
