package model

import "fmt"

// The relation types: "A relates to B" means that A needs B, so that each is read
// from the dependent to the dependency.
const (
	References = "references"  // names it by an identifier; what for is not known
	Contains   = "contains"    // lives inside it: a subnet in a VPC, an object in a namespace
	Attached   = "attached"    // is fastened to it: a volume, a network interface, a claim
	RunsOn     = "runs-on"     // is executed by it: a pod on a node, a service on a cluster
	UsesConfig = "uses-config" // is made or started from it: a template, an image, a ConfigMap
	Identity   = "identity"    // acts as it: a function's role, a pod's service account
	Grants     = "grants"      // has its rights from it: a role's policy, a binding's role
	Encrypts   = "encrypts"    // its data is encrypted with it
	GuardedBy  = "guarded-by"  // its traffic is let through by it: a security group, a network policy
	RoutesVia  = "routes-via"  // its traffic takes its way through it
	ForwardsTo = "forwards-to" // hands requests on to it: a record, a load balancer, a Service
	Reads      = "reads"       // keeps data in it or takes data from it: a table, a queue, a bucket
	Calls      = "calls"       // calls it
	Controls   = "controls"    // is made, and made again, by it: an instance by its scaling group
	Replicates = "replicates"  // is a copy of it
	Observes   = "observes"    // watches it or merely mentions it; nothing behind it breaks
	PartOf     = "part-of"     // belongs to a service or an application
	OwnedBy    = "owned-by"    // is answered for by it
)

// RelationTypes returns every relation type, the catch-all first.
func RelationTypes() []string {
	return []string{References, Contains, Attached, RunsOn, UsesConfig, Identity, Grants, Encrypts, GuardedBy,
		RoutesVia, ForwardsTo, Reads, Calls, Controls, Replicates, Observes, PartOf, OwnedBy}
}

// Confidence says how a relation is known. The zero value is the weakest.
type Confidence uint8

// The confidences, in rising order.
const (
	Mentioned Confidence = iota // an identifier stands somewhere in the attributes
	Named                       // a rule knows the attribute to hold a plain name, and one thing has it
	Ruled                       // a rule knows what the attribute means
	Stated                      // an answer said so outright, with both ends
)

// String returns mentioned, named, ruled or stated.
func (c Confidence) String() string {
	switch c {
	case Named:
		return "named"
	case Ruled:
		return "ruled"
	case Stated:
		return "stated"
	default:
		return "mentioned"
	}
}

// MarshalText writes the confidence as its word.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Confidence) UnmarshalText(text []byte) error {
	for _, known := range []Confidence{Mentioned, Named, Ruled, Stated} {
		if string(text) == known.String() {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("confidence %q: want mentioned, named, ruled or stated", text)
}

// Relation says that From depends on To.
type Relation struct {
	From       URN        `json:"from"`
	To         URN        `json:"to"`
	Type       string     `json:"type"`
	Source     string     `json:"source,omitempty"` // the attribute path, or the call that said so
	Confidence Confidence `json:"confidence"`       // filled in by a Snapshot; not asked of an Observation
}
