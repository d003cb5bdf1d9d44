package policy

import "github.com/assent-iom/assent/model"

// Adoption is the parameters of the action that takes drift for what was built, or a
// thing that nobody built.
type Adoption struct {
	Fields []model.Deviation `json:"fields"`
	// Whole is sha256:HEX of what a thing is that nobody built by way of the proxy, and that
	// is taken as that.
	Whole string `json:"whole,omitempty"`
}

// The words of that action. It is assent's own, and no decoder makes it.
const (
	AdoptService   = "assent"
	AdoptOperation = "adopt"
	AdoptDecoder   = "assent/1"
)

// Adopts reports whether an action is to take drift for what was built.
func Adopts(a model.Action) bool {
	return a.Service == AdoptService && a.Operation == AdoptOperation && a.Decoder == AdoptDecoder
}
