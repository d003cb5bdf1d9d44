package model

import "time"

// RepairKind is what has to be done about a refused action.
type RepairKind string

// The kinds of repairs.
const (
	RepairSet    RepairKind = "set"    // make what the call says conform: Want, and the patch that does it
	RepairNarrow RepairKind = "narrow" // leave targets out: Drop
	RepairSplit  RepairKind = "split"  // make several calls of at most Most targets
	RepairWait   RepairKind = "wait"   // until Until
	RepairAttach RepairKind = "attach" // an approval: that of the request which the decision names
	RepairAsk    RepairKind = "ask"    // Who has to declare something: Declare
	RepairUse    RepairKind = "use"    // another way: Use
)

// Repair says of one finding how a machine makes the refused action one that is
// allowed. What has to become true is said in portable words by whoever judged;
// Patches say it in the platform's own terms and are a decoder's.
type Repair struct {
	Kind RepairKind `json:"kind"`
	// Part leads to what was refused, by indices into Parts; empty: the action itself.
	Part    []int      `json:"part,omitempty"`
	Want    *Want      `json:"want,omitempty"`
	Drop    []URN      `json:"drop,omitempty"`
	Most    int        `json:"most,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Who     string     `json:"who,omitempty"`
	Declare string     `json:"declare,omitempty"` // what to add to an Intent or an Environment, as it can be pasted
	Use     string     `json:"use,omitempty"`
	// Patches: one for set and narrow; one a call for split. Each is about the call as
	// it was sent.
	Patches []Patch `json:"patches,omitempty"`
}

// Want is what a property has to be, in one of its forms.
type Want struct {
	Property string   `json:"property"`
	Is       any      `json:"is,omitempty"`      // this value
	Least    *int64   `json:"least,omitempty"`   // a number, or more
	Most     *int64   `json:"most,omitempty"`    // a number, or less
	Only     []string `json:"only,omitempty"`    // one of these; of a set, nothing but these
	Without  []string `json:"without,omitempty"` // none of these
	Empty    bool     `json:"empty,omitempty"`   // of a set: nothing
	From     string   `json:"from,omitempty"`    // of a firewall's rules: none for these sources
	Ports    []int    `json:"ports,omitempty"`   // on these ports
}

// Patch changes the input of a call: RFC 6902, on the parameters of an AWS
// operation, or on the object (or the patch) that was sent to an API server.
type Patch struct {
	// In is where in the input the text stands that holds the document which Ops are
	// about (/TemplateBody); empty: the input itself.
	In  string    `json:"in,omitempty"`
	Ops []PatchOp `json:"ops"`
}

// PatchOp is one operation of a Patch: add, replace or remove.
type PatchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}
