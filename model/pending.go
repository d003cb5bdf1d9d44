package model

// Pending is what one change does that is under way: it was allowed, and how it
// ended is not known yet. The model shows nothing of it so far.
type Pending struct {
	Decision string `json:"decision"`
	Index    uint64 `json:"index"` // of its decision in the ledger, once Recorded
	// Recorded is false while its decision is being written: it may still be refused.
	Recorded bool `json:"-"`
	// Changes are what becomes of what it changes: URN, Type and Effect of each.
	Changes []Hop `json:"changes,omitempty"`
	// Uses are the resources that have to be there for it.
	Uses []URN `json:"uses,omitempty"`
	// Breaks: with one of Changes something cannot be used any more. Of two changes
	// that do not go together at least one does.
	Breaks bool `json:"-"`
}

// Amid is a snapshot amid changes that are under way, by decision.
type Amid struct {
	Snapshot
	Pending []Pending
}

// The ways in which two changes do not go together.
const (
	ConflictEnds     = "ends"     // the one under way ends what this one needs or changes
	ConflictNeeded   = "needed"   // this one ends what the one under way needs or changes
	ConflictTogether = "together" // neither breaks it alone, and both do
)

// Conflict is a change under way with which an action does not go together.
type Conflict struct {
	Decision string `json:"decision"` // of the one under way
	Index    uint64 `json:"index"`    // of that decision in the ledger
	Kind     string `json:"kind"`
	URN      URN    `json:"urn"` // what both are about, or what would break
}
