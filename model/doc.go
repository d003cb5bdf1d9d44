// Package model holds the words that the whole of Assent is written in: what an
// action is, who acts, what exists and what depends on it. It is a front door:
// types, small interfaces and pure functions over the standard library; it
// imports nothing of this module.
//
// # Glossary
//
//   - Action: one proposed change, as understood from one call. A call that
//     carries several changes has Parts.
//   - Actor: who acts: a human, a pipeline, an agent or a controller, and for
//     whom.
//   - Blast radius: everything that depends, at any depth, on what an action
//     changes. Reach is its list.
//   - Capability: the portable noun of what is touched (network.firewall,
//     storage.bucket), the same on every platform.
//   - Fidelity: how well a call was understood: opaque, partial or exact.
//   - Intent: what somebody declared to be meant. It is never inferred.
//   - Model: what exists and how it hangs together. A Snapshot is one immutable
//     version of it.
//   - Observation: what one answer, or one collector, says about what exists.
//   - Relation: dependent → dependency. "A relates to B" means that A needs B.
//   - Target: a resource that an action would touch, and in which role.
//   - URN: the platform's own identifier where it has one: an ARN, a GCP full
//     resource name, an ARM id; k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME;
//     net://DEVICE/PATH.
//   - Veil: what puts commitments in the place of secrets in names and texts, before
//     anybody judges, learns, records or shows them.
//   - Verb: what would happen, in one of fifteen words.
package model
