// Package files reads what files say exists: the state of Terraform and OpenTofu
// (version 4), what `terraform show -json` prints of a state or a plan, and plain
// YAML that somebody has written down.
//
// A file is not a look at the cloud: what it says is laid beside what was read
// there, under its own member of the attributes, and never over it; it never takes
// anything away. Every resource says which file it is from, and how sure its
// identity is: stated (the file has its ARN or URN) or ruled (it has an id that can
// only be one kind of thing). What has neither is skipped, with the reason.
//
// Values that the file marks as sensitive never come out, nor what Redact takes out.
package files

import "github.com/assent-iom/assent/model"

const (
	// MaxFile bounds a file: states of ten thousand resources have some 50 MB.
	MaxFile = 256 << 20
	// maxResources bounds what one file may say.
	maxResources = 200_000
	// maxDepth bounds nested modules and values.
	maxDepth = 64
)

// Config says how a file is read.
type Config struct {
	// Identify finds the URN and type of a thing by an id that only one kind of thing
	// has (subnet-0abc…), or by an ARN.
	Identify func(id string) (urn model.URN, kind string, ok bool)
	// Redact takes the secrets out of attributes.
	Redact func(map[string]any) map[string]any
}

// Import is what a file says.
type Import struct {
	Source   string     `json:"source"` // terraform LINEAGE@SERIAL; yaml
	Imported []Imported `json:"imported"`
	Skipped  []Skipped  `json:"skipped"`

	Observations []model.Observation `json:"-"`
}

// Imported is one resource of a file.
type Imported struct {
	Address    string           `json:"address,omitempty"`
	URN        model.URN        `json:"urn"`
	Type       string           `json:"type"`
	Confidence model.Confidence `json:"confidence"`
	Relations  int              `json:"relations"`
}

// Skipped is one that could not be taken in.
type Skipped struct {
	Address string `json:"address"`
	Why     string `json:"why"`
}

// Veil takes the secrets out of what a file says.
func (i *Import) Veil(v *model.Veil) {
	i.Observations = v.Observations(i.Observations)
	for n := range i.Imported {
		r := &i.Imported[n]
		r.URN, r.Address = model.URN(v.Text(string(r.URN))), v.Text(r.Address)
	}
	for n := range i.Skipped {
		s := &i.Skipped[n]
		s.Address, s.Why = v.Text(s.Address), v.Text(s.Why)
	}
}
