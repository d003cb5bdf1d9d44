package radius

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/assent-iom/assent/model"
)

// Outdated is what a plan would change, and is not any more what it was planned on.
type Outdated struct {
	Address string    `json:"address"`
	URN     model.URN `json:"urn"`
	Why     string    `json:"why"`
}

// Stale finds what of a plan, as ReadPlan reads it, was changed since it was made: by way
// of the proxy after it was written, as built tells; or by somebody else, where it names
// the value that was built and another is there now. A plan without a time (those of
// Terraform before 1.5) is told only of the latter.
func Stale(r io.Reader, s model.Snapshot, built func(model.URN) (model.Built, bool)) ([]Outdated, error) {
	p, err := readPlan(r)
	if err != nil {
		return nil, err
	}
	out := []Outdated{}
	for _, c := range p.ResourceChanges {
		if c.Mode == "data" || !slices.ContainsFunc(c.Change.Actions, func(a string) bool { return a == "update" || a == "delete" }) {
			continue
		}
		urn, found := planned(c.Change.Before, s)
		if !found {
			continue
		}
		if b, ok := built(urn); ok && !p.Timestamp.IsZero() && b.At.After(p.Timestamp) {
			out = append(out, Outdated{c.Address, urn, fmt.Sprintf("it was changed by %s at %s (%s), and planned at %s", b.Decision, b.At.UTC().Format(time.RFC3339), b.Operation, p.Timestamp.UTC().Format(time.RFC3339))})
			continue
		}
		for _, d := range StandingOf(s, urn).Drifted {
			if v, told := before(c.Change.Before, d.Path); told && fmt.Sprint(v) == fmt.Sprint(d.Was) && fmt.Sprint(d.Now) != fmt.Sprint(d.Was) {
				out = append(out, Outdated{c.Address, urn, fmt.Sprintf("%s was planned on %v, and somebody has made it %v", d.Path, d.Was, orGone(d.Now))})
				break
			}
		}
	}
	return out, nil
}

func orGone(v any) any {
	if v == nil {
		return "nothing"
	}
	return v
}

// before is what a plan says of a field: a tag, or an attribute by the name that Terraform
// gives to it (InstanceType is instance_type).
func before(values map[string]any, path string) (any, bool) {
	if key, isTag := strings.CutPrefix(path, "tags."); isTag {
		for _, member := range []string{"tags_all", "tags"} {
			if tags, ok := values[member].(map[string]any); ok {
				v, told := tags[key]
				return v, told
			}
		}
		return nil, false
	}
	for name, v := range values {
		if strings.EqualFold(strings.ReplaceAll(name, "_", ""), path) {
			return v, true
		}
	}
	return nil, false
}
