// Package graph is the model in memory: what exists, and what depends on what.
//
// One writer turns observations into immutable versions; any number of readers
// hold a version and are never blocked. A version's answers never change, so a
// decision that reads one Snapshot reads one world (law 5).
//
// # Identity
//
// A resource is known by its URN, by its Aliases, and by what follows from them:
// the id at the end of an ARN (i-0abc…), a DNS name without its trailing dot. An
// ARN with "*" for the account or the region is the only known ARN that differs
// from it in nothing else; if there are two, it is neither.
//
// # Relations
//
// A string anywhere in a resource's attributes or tag values that equals another
// resource's distinctive identifier is a relation, with the attribute path as
// Source. Distinctive are ARNs, prefixed ids with eight or more hex digits,
// UUIDs, URLs, DNS names of three or more labels, and the URNs of other
// platforms. A short name never is: a security group, a queue and a table may
// all be called "orders".
//
// What the relation means, and which of the two is the dependent, is said by
// relations.tsv: a row for a type, an attribute path and the type named there.
// Rows also make relations that no identifier makes: of a plain name in an
// attribute that is known to hold one (and only if exactly one thing near is
// called so), of a Kubernetes label selector, of a Service's host name in an
// environment variable. What no row knows stays References, with the confidence
// Mentioned. A relation is kept where it was said, whichever way it points, and
// found anew when the type, account or region of either end changes.
//
// Relations between known ends hold whatever came first: a reference to something
// not seen yet waits for it.
//
// Relations that an observation states outright are kept until they are cut. A
// cut does not touch what attributes say: the observation that cuts MUST bring
// the changed attribute too, or the relation stands until the next read. That
// errs towards more dependents, never fewer.
//
// # What would be
//
// Suppose lays changes over a version: it copies what they touch, shares the rest,
// and answers like the version that Apply would make of them. Nobody else sees it.
// What is deleted may have been named by thousands; they are found to wait for it
// only when somebody asks who does.
//
// # What it costs
//
// A change copies the pages, index branches and edge chunks that it touches, and
// nothing else. Dependents walks reverse edges with a reusable mark per
// resource. The digest is the root of a Merkle trie over resources, keyed by the
// hash of the URN: its shape is given by the set of resources alone, so it does
// not depend on the order of arrival, and it is as hard to collide as SHA-256
// (sums and XORs of hashes are not: Wagner 2002).
//
// # What it does not do
//
// It has no secrets to keep: decoders take them out. It does not store: that is
// model/store. It does not say who owns what: policy does.
package graph
