package policy

import "github.com/assent-iom/assent/model"

// Adoption is the parameters of the action that takes drift for what was built.
type Adoption struct {
	Fields []model.Deviation `json:"fields"`
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
