// Package radius says what an action would do to what depends on its targets, and
// what it would let in. It is pure: one snapshot in, one answer out.
//
// # Effects
//
// An action has effects on its targets: destroy, replace, disconnect, restrict,
// restart, degrade, config, widen, tag. effects.tsv says which, from the operation
// and its parameters, and for whatever it does not name from the verb. What was
// not understood destroys: unknown never helps.
//
// # Availability: who breaks
//
// Every relation points from the dependent to the dependency, so a walk goes from
// the targets to their dependents, and to theirs. propagation.tsv says for each
// relation and effect what becomes of the dependent, and where the walk stops: a
// stopped instance reaches the load balancer that forwards to it, and neither its
// VPC, nor its key, nor its role. pools.tsv names what lives on as long as enough
// of its members do (a target group with instances left degrades), and what is
// made again when it goes (a pod of a ReplicaSet).
//
// # Exposure: what is let in
//
// A widening reaches what it guards, and everything that those can use: data
// stores, identities. See Exposed.
//
// # Bounds
//
// A walk ends at Budget.Nodes, and when Budget.Stop says so. What was cut short is
// not Complete, and MUST be judged as over any limit. Nor is complete what begins
// at a resource that nobody ever read, if that is to be destroyed or cut off: who
// depends on it may never have been seen. A decision sets no Stop: it has to come
// out the same whenever it is asked again (law 5).
//
// # What it does not know
//
// It knows the relations that the model has: what was seen. A call that is made
// only in code, between services that name each other nowhere, is not among them.
package radius
