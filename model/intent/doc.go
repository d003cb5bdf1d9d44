// Package intent reads, checks and indexes the documents in which people declare
// what is meant to be. Nothing in it is inferred: what is not written here is not
// intended.
//
// # The documents
//
// YAML files (*.yaml, *.yml) in one folder and its subfolders, one or more
// documents a file, all `apiVersion: assent.dev/v1`:
//
//   - Environment: which accounts, regions, clusters, namespaces and hosts are
//     one environment. The most specific scope wins; two equally specific scopes
//     that can both hold one resource are an error.
//   - Actor: who may be named in a clause, and by what evidence they are known.
//   - Owner: one accountable person, the members, and what they own.
//   - Intent: allow clauses (who may do what to which resources where) and never
//     clauses, which beat them.
//   - Rule: the escape hatch in Rego; it can only deny, and carries its tests.
//
// # What it promises
//
// Reading is strict. A field, kind or value that is not known, a reference to
// something that is not declared, a name given twice, an alias, a tie between
// environments: each is a Problem with file, line, column and, where there is
// one, a suggestion. A condition that this version does not enforce is refused
// and never skipped: a skipped condition would be a wider grant than the one
// that was signed. All problems of a set are reported at once.
//
// Set.Digest covers the content and nothing else: comments, key order, document
// order and file names do not change it.
//
// # Patterns
//
// A pattern is text in which * stands for any run of characters. The text that
// it is held against may have unknown parts, written *: Match tells whether the
// pattern covers every value those parts might have, Overlaps whether it covers
// any. Allow clauses ask the first question, never clauses the second: unknown
// never helps.
//
// # How an actor is known
//
// Each entry of Actor.identify is one piece of evidence, held against
// model.Actor.Authn (which kind of proof was seen) and model.Actor.ID (what it
// proved):
//
//	{run: deploy-bot}                    Authn run: the name the run token was made for
//	{kubernetes: {user: alice}}          Authn kubernetes, ID the user name
//	{aws: {role: arn:…}}                 Authn aws, ID the role's ARN
//	{oidc: {issuer: …, subject: …}}      Authn oidc, ID issuer + "#" + subject; claims: Actor.Claims
//	{mtls: {spiffe: spiffe://…}}         Authn mtls, ID the SPIFFE id
//	{proxy: {user: …}}                   Authn proxy, ID the user name
package intent
