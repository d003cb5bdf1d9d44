package aws

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/assent-iom/assent/model"
)

// fromCurrent is the source of what the model says of something that exists.
const fromCurrent = "current"

// State says in portable words what is true of a resource of the model, by the rows of
// states.yaml for its type. What its attributes do not say is not told, and no
// default stands in for it.
func (d *Decoder) State(r model.Resource) []model.Property {
	dec := json.NewDecoder(bytes.NewReader(r.Attrs))
	dec.UseNumber()
	var attrs map[string]any
	if dec.Decode(&attrs) != nil || len(d.states[r.Type]) == 0 {
		return nil
	}
	var out []model.Property
	partition, _, _ := strings.Cut(strings.TrimPrefix(string(r.URN), "arn:"), ":")
	for _, p := range d.states.of(r.Type, attrs, scene{partition, r.Region, r.Account}) {
		if p.Source != byDefault {
			p.Source = fromCurrent
			out = append(out, p)
		}
	}
	return out
}

// CapabilityOf is what a type of resource is for.
func (l *Live) CapabilityOf(kind string) string { return l.current.Load().capabilities.of(kind, nil) }

// State is Decoder's.
func (l *Live) State(r model.Resource) []model.Property { return l.current.Load().State(r) }
