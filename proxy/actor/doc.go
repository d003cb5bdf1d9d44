// Package actor tells who calls. It knows actors by what they can prove: here, a
// run token, the secret that `assent run` puts into the proxy address of the one
// process that it starts (http://run:TOKEN@127.0.0.1:PORT).
//
// What a client says about itself (its User-Agent) is not its business: the
// proxy keeps that in Actor.Said, and nothing decides on it.
package actor
