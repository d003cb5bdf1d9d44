// Package collect reads what exists in AWS accounts. Which calls it takes is said
// by listings.yaml; they are written, signed, sent and read by the same table that
// decodes everybody else's calls, and their answers teach what a passing answer
// would teach. No type of resource is named in code.
//
// # What it promises
//
// It MUST NOT change anything: each call is decoded before it is signed, and one
// that is not a plain read is not sent. A listing is complete only if every page of
// it came, was understood, and every entry in it is a resource of the type that the
// row says; anything else is a Gap with a name, and whoever removes what a listing
// no longer shows has nothing to go by. A listing that some role may not read, a
// page that was cut off, an answer of another shape: none of them is absence.
//
// The one exception is the queue of events that the configuration names: messages are
// received from it, and taken off it once they were handled. See Queue.
//
// # Limits
//
// Calls to one service in one region take tokens from one bucket; throttling halves
// the rate, and each good answer mends it. What fails for a moment is asked again,
// later and later, and as late as the service wants (Retry-After). Pages, attempts,
// waiting and answers are bounded: bounds.go.
package collect
