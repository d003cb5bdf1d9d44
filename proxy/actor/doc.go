// Package actor tells who calls, by what they can prove. Each kind of proof has its
// own word in model.Actor.Authn, and its own form of Actor.ID, which intent's
// documents name (identify):
//
//	run-token, run-certificate   the name that assent gave the token or certificate to
//	run-key                      the same, for a placeholder AWS key pair: calls are signed with it
//	oidc                         ISSUER#SUBJECT of an OpenID token, exchanged once for a run token
//	mtls                         the SPIFFE id of a client certificate, under its trust domain's bundle
//	kubernetes                   the user that a cluster says a bearer token is of
//
// Ways puts them together, as the proxy asks: at the connection (a token, a
// certificate), or at each call (a signature, a bearer token).
//
// # What it promises
//
//   - Whoever acts for somebody is kept with the chain (Actor.For), where the proof says
//     so: an act claim, a second token, or what assent was told when it gave the proof.
//   - Secrets are compared in constant time, or looked up by their SHA-256, and stand in
//     no error. Tables and what is remembered are bounded; a table that is full is a no.
//   - What cannot be asked or read proves nothing.
//
// What a client says about itself (its User-Agent, X-Forwarded-User) is not its
// business: the proxy keeps the first in Actor.Said, and nothing decides on either.
package actor
