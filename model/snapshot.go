package model

import (
	"encoding/json"
	"time"
)

// Resource is one thing that exists, or is remembered to have existed.
type Resource struct {
	URN      URN               `json:"urn"`
	Platform string            `json:"platform"`
	Type     string            `json:"type"` // as in Target.Type
	Name     string            `json:"name,omitempty"`
	Account  string            `json:"account,omitempty"`
	Region   string            `json:"region,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`    // tags or labels
	Aliases  []string          `json:"aliases,omitempty"` // other distinctive identifiers: i-0abc, a uid, a DNS name
	Attrs    json.RawMessage   `json:"attrs,omitempty"`   // as last seen, secrets taken out
	SeenAt   time.Time         `json:"seen_at"`
	Source   string            `json:"source,omitempty"`
}

// SourceTags is the source of what is known by its tags alone: a list of all that is
// tagged says that a thing is there and whose it is, and nothing of what it is.
const SourceTags = "tags"

// Sketch reports whether a resource is known by its tags alone. Nobody has read it: who
// depends on it may never have been seen either.
func (r *Resource) Sketch() bool { return r.Source == SourceTags }

// Sketches reports whether an observation is of tags alone, of a resource that is known
// by more from another source. It then says nothing new: such a list is older than what
// the resource's own service says.
func (o *Observation) Sketches(known string) bool {
	return o.Resource.Sketch() && known != "" && known != SourceTags
}

// Observation is what one answer or one collector says about one resource.
type Observation struct {
	Resource Resource `json:"resource"`
	// Gone: the resource no longer exists. Only Resource.URN or an alias need be set.
	Gone bool `json:"gone,omitempty"`
	// Whole: Attrs are everything there is, and replace what was known. Otherwise
	// they are merged over it, top-level key by top-level key.
	Whole bool `json:"whole,omitempty"`
	// Relations stated outright (a registration call names both ends). Either end
	// may be an alias; it is resolved when both are known.
	Relations []Relation `json:"relations,omitempty"`
	// Restates: Relations are all that the resource states as the dependent; what was
	// stated of it before, and is not among them, ends.
	Restates bool `json:"restates,omitempty"`
	// Cut lists relations that end (a deregistration, a detach).
	Cut []Relation `json:"cut,omitempty"`
}

// Version names one immutable state of the model.
type Version struct {
	Rev    uint64 `json:"rev"`
	Digest string `json:"digest"` // sha256:HEX over resources and relations; same content, same digest
}

// Hop is one resource reached from another, with the way it was reached.
type Hop struct {
	URN      URN    `json:"urn"`
	Type     string `json:"type"`
	Depth    int    `json:"depth"`    // 1: depends directly
	Via      URN    `json:"via"`      // the dependency through which it was reached
	Relation string `json:"relation"` // the relation to Via
	// Effect is what becomes of it, in a blast radius: destroy, disconnect, …
	Effect string `json:"effect,omitempty"`
}

// Reach is everything that depends on something, nearest first, sorted by URN
// within a depth. Complete is false if a bound cut it short; it MUST then be
// judged as over any limit.
type Reach struct {
	Hops     []Hop `json:"hops"`
	Complete bool  `json:"complete"`
}

// Snapshot is one immutable version of the model. Its answers never change.
type Snapshot interface {
	// Version names the snapshot.
	Version() Version
	// Resource returns what is known of a resource.
	Resource(URN) (Resource, bool)
	// Resolve turns any distinctive identifier (URN, i-0abc, an ARN with another
	// account spelling, a k8s uid) into the URN under which it is known.
	Resolve(id string) (URN, bool)
	// Dependents returns what depends on any of the given resources, to any depth
	// and not counting them themselves, at most limit of them (0: no limit).
	Dependents(of []URN, limit int) Reach
	// Dependencies returns what a resource directly depends on.
	Dependencies(URN) []Relation
	// Each calls f for every resource in URN order until f returns false.
	Each(f func(Resource) bool)
}

// Filler is a Snapshot that can write what it knows into a resource that somebody
// has: all but the attributes, which are long. It makes no garbage where tags fit
// into the map that is there.
type Filler interface {
	Fill(urn URN, into *Resource) (ok bool)
}

// Topology is a Snapshot whose relations can be walked one at a time. Resources
// and relation types go by number, so that a walk of thousands makes no garbage;
// a number means something in this snapshot alone.
type Topology interface {
	Snapshot
	// Size bounds the numbers of resources: each is below it.
	Size() int
	// Types returns the relation types by number.
	Types() []string
	// Number returns the number of whatever Resolve finds.
	Number(id string) (n uint32, ok bool)
	// At returns the URN and the type of a resource; empty where the number is nobody's.
	At(n uint32) (urn URN, kind string)
	// Kind returns the type alone, for less.
	Kind(n uint32) string
	// Sketch reports whether a resource is known by its tags alone.
	Sketch(n uint32) bool
	// Dependent calls f for everybody who directly depends on a resource, and
	// Dependency for everything that it directly depends on.
	Dependent(n uint32, f func(on uint32, relation uint16))
	Dependency(n uint32, f func(on uint32, relation uint16))
	// Naming calls f for everybody who names an identifier that nobody answers to.
	Naming(id string, f func(n uint32))
	// Whole reports whether no bound of the model was ever met. Otherwise who
	// depends on what is not all known.
	Whole() bool
}

// Supposing is a Snapshot that can be asked what would be.
type Supposing interface {
	Snapshot
	// Suppose returns the snapshot that there would be after changes, in order: at
	// the cost of what they touch, and without anybody else seeing it. Its Version
	// is what that snapshot would be called.
	Suppose(changes []Observation) Snapshot
}
