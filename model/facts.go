package model

// Facts are what a snapshot was asked while one action was judged, and what it
// answered: enough to judge that action again, by the same intent or by another,
// without the snapshot. They hold nothing that the model does not hold.
type Facts struct {
	Model Version `json:"model"`
	// Names are the identifiers that were looked up, with the URN under which each
	// is known; empty: it is not.
	Names map[string]URN `json:"names,omitempty"`
	// Resources are those that were asked for and known, sorted by URN, without
	// what no judge reads.
	Resources []Resource `json:"resources,omitempty"`
	// Facing are those of them that users meet.
	Facing []URN `json:"facing,omitempty"`
	// Broken is what breaks with the action; nil: it was not asked.
	Broken *Broken `json:"broken,omitempty"`
	// Behind says how old the model was, when others share it; nil: as new as it is.
	Behind *Behind `json:"behind,omitempty"`
	// Near are the relations that were asked for, in the order of the questions' resources.
	Near []Near `json:"near,omitempty"`
	// Exposed is what the action makes reachable; nil: it lets nobody in.
	Exposed *Exposed `json:"exposed,omitempty"`
	// Conflicts are the changes under way that the action does not go together with.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// Standing is how those that were asked for stand against what was built, sorted by
	// URN; those that nobody built are left out.
	Standing []Standing `json:"standing,omitempty"`
	// Portraits are what those that were asked for are in portable words, sorted by URN.
	Portraits []Portrait `json:"portraits,omitempty"`
	// Footing is what those that were asked for stand on, sorted by Of and Hops.
	Footing []Footing `json:"footing,omitempty"`
}

// Footing is what one thing stands on, over at most so many hops.
type Footing struct {
	Of   URN   `json:"of"`
	Hops int   `json:"hops"`
	On   []Hop `json:"on"`
}

// Near are the relations of one resource: as the dependent, or as what others depend on.
type Near struct {
	Of        URN        `json:"of"`
	Reverse   bool       `json:"reverse,omitempty"`
	Relations []Relation `json:"relations,omitempty"`
	Complete  bool       `json:"complete"`
}

// Broken is a walk over dependents, as far as a judge looks at it.
type Broken struct {
	Count    int      `json:"count"`
	Complete bool     `json:"complete"`
	Reasons  []string `json:"reasons,omitempty"`
	Nearest  []Hop    `json:"nearest,omitempty"`
}

// Exposed is what becomes reachable, and what can be used from there, as far as a judge
// looks at it.
type Exposed struct {
	Complete  bool  `json:"complete"`
	Opened    []Hop `json:"opened,omitempty"`
	Reachable []Hop `json:"reachable,omitempty"`
}
