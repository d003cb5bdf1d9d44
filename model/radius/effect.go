package radius

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/assent-iom/assent/model"
)

// Effect is what happens to a resource. A greater one is worse for what depends
// on it.
type Effect uint8

// The effects. The zero value is none.
const (
	None       Effect = iota
	Tag               // is labelled otherwise
	Widen             // lets more in
	Config            // behaves otherwise
	Degrade           // does less, or may fail at its next start
	Restart           // is interrupted
	Restrict          // lets less in, or may do less
	Disconnect        // stops working, or is cut off
	Replace           // is destroyed and made again
	Destroy           // ends
)

var effectNames = [...]string{"none", "tag", "widen", "config", "degrade", "restart", "restrict", "disconnect", "replace", "destroy"}

// String returns the effect as its word.
func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("effect(%d)", uint8(e))
}

// MarshalText writes the effect as its word.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Effect) UnmarshalText(text []byte) error {
	parsed, err := ParseEffect(string(text))
	*e = parsed
	return err
}

// ParseEffect reads the word of an effect.
func ParseEffect(word string) (Effect, error) {
	if i := slices.Index(effectNames[:], word); i >= 0 {
		return Effect(i), nil
	}
	return None, fmt.Errorf("effect %q: want one of %s", word, strings.Join(effectNames[1:], ", "))
}

// Breaks reports whether what depends on it cannot use it any more.
func (e Effect) Breaks() bool { return e >= Restrict }

// Felt reports whether anybody who depends on it could notice.
func (e Effect) Felt() bool { return e > Widen }

// Change is what happens to one resource.
type Change struct {
	URN    model.URN `json:"urn"`
	Type   string    `json:"type,omitempty"`
	Effect Effect    `json:"effect"`
}

// Replaces is the property by which a decoder says that a change destroys a
// resource and makes another: the createOnly properties of CloudFormation's
// schemas, an immutable field of Kubernetes.
const Replaces = "change.replaces"

//go:embed effects.tsv
var effectsText string

// effectRow is one row of effects.tsv.
type effectRow struct {
	operation   model.Pattern
	parts       [2]model.Pattern // of service and operation; nil: it cannot be taken apart
	service     string           // the only one that it is about; "" if it may be about others
	verbs       []model.Verb     // that it is about, as verb:VERB
	name, value string           // of a parameter; "" is no condition
	effects     []Effect
}

var effectRows = sync.OnceValue(func() []effectRow {
	rows, err := parseEffects(effectsText)
	if err != nil {
		panic(err) // a test reads the table
	}
	return rows
})

func parseEffects(text string) ([]effectRow, error) {
	var out []effectRow
	err := eachRow("effects.tsv", text, 3, func(f []string) error {
		row := effectRow{operation: model.NewPattern(f[0])}
		if service, operation, ok := strings.Cut(f[0], ":"); ok && !strings.Contains(operation, ":") {
			row.parts = [2]model.Pattern{model.NewPattern(service), model.NewPattern(operation)}
			if !strings.Contains(service, "*") && service != "verb" {
				row.service = service
			}
		}
		for _, v := range model.Verbs() {
			if row.operation.Fits("verb:" + string(v)) {
				row.verbs = append(row.verbs, v)
			}
		}
		if f[1] != "*" {
			row.name, row.value, _ = strings.Cut(f[1], "=")
		}
		if f[2] != "-" {
			for _, word := range strings.Split(f[2], ",") {
				e, err := ParseEffect(word)
				if err != nil {
					return err
				}
				row.effects = append(row.effects, e)
			}
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// Changes derives from an action, and its parts, what happens to what it targets.
// What it creates is left out: nothing can depend on it yet.
func Changes(a model.Action) []Change {
	var out []Change
	if len(a.Parts) == 0 || len(a.Targets) > 0 {
		effects := Effects(a)
		for _, t := range a.Targets {
			if t.Role != model.RoleTarget {
				continue
			}
			for _, e := range effects {
				out = append(out, Change{t.URN, t.Type, e})
			}
		}
	}
	for _, part := range a.Parts {
		out = append(out, Changes(part)...)
	}
	return out
}

// Effects returns what an action does to what it targets, its parts apart.
func Effects(a model.Action) []Effect {
	if !a.Verb.Mutates() {
		return nil
	}
	if a.Fidelity == model.Opaque || a.Verb == model.Unknown || !a.Verb.Valid() {
		return []Effect{Destroy}
	}
	for _, p := range a.Props {
		if p.Name == Replaces && (!p.Known || p.Value == true) { // unknown never helps
			return []Effect{Replace}
		}
	}
	plain, rows := !strings.Contains(a.Service, ":"), effectRows()
	for i := range rows {
		row := &rows[i]
		if plain && row.service != "" && row.service != a.Service {
			continue
		}
		if (slices.Contains(row.verbs, a.Verb) || row.names(a.Service, a.Operation)) && row.given(a.Params) {
			return row.effects
		}
	}
	return []Effect{Destroy}
}

// names reports whether a row is about an operation. It makes no text of the two: it
// is asked for every row.
func (r *effectRow) names(service, operation string) bool {
	if r.parts[0] == nil || strings.Contains(service, ":") {
		return r.operation.Fits(service + ":" + operation)
	}
	return r.parts[0].Fits(service) && r.parts[1].Fits(operation)
}

// given reports whether the parameters meet the condition of a row.
func (r *effectRow) given(params json.RawMessage) bool {
	if r.name == "" {
		return true
	}
	var value any
	if json.Unmarshal(params, &value) != nil {
		return false
	}
	return holds(value, r.name, r.value)
}

func holds(value any, name, want string) bool {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if key == name && (want == "" || fmt.Sprint(inner) == want) || holds(inner, name, want) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if holds(inner, name, want) {
				return true
			}
		}
	}
	return false
}
