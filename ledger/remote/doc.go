// Package remote lets a proxy that has no disk of its own record in a ledger elsewhere:
// a sidecar of a pipeline is gone with its machine, and its evidence must not be.
//
// The server (assent ledger serve) has the ledger and its key. A client is known by a
// token, and has a session for each of its processes:
//
//	PUT    /v1/session   it is there: at its start, and every KeepAlive
//	POST   /v1/entries   one entry
//	DELETE /v1/session   it ends
//
// # What it promises
//
//   - Append returns only when the server has given the entry as it is in the log, signed
//     with the log's key, and a signed checkpoint that covers it. What is sent there and
//     what is signed are the same bytes, or it is an error.
//   - A client speaks for itself: a decision and an epoch have to name it as their
//     enforcer, and an outcome has to be of a decision of its own.
//   - A decision or an outcome whose answer was lost is sent again, once, and recorded once.
//   - What a client that went silent for Silence has left open is closed as unknown, as a
//     dead process's on a disk is.
//   - Clients, sessions, bodies and the time of each call are bounded. No token is in an
//     error, a log or the ledger.
package remote

import (
	"time"

	"github.com/assent-iom/assent/ledger"
)

// KeepAlive is how often a client says that it is there; Silence is after how long
// without a word it counts as gone.
const (
	KeepAlive = 30 * time.Second
	Silence   = 2 * time.Minute
)

// Paths of the server.
const (
	entriesPath = "/v1/entries"
	sessionPath = "/v1/session"
)

// sessionHeader names the process of a client: 16 hexadecimal digits.
const sessionHeader = "Assent-Session"

// maxRequest bounds an entry with its objects, in base64; maxAnswer what comes back.
const (
	maxRequest = 16 << 20
	maxAnswer  = 1 << 20
)

// sent is an entry on its way.
type sent struct {
	Kind      ledger.Kind  `json:"kind"`
	Key       string       `json:"key,omitempty"`
	Run       string       `json:"run,omitempty"`
	Statement []byte       `json:"statement"`
	Objects   []sentObject `json:"objects,omitempty"`
}

type sentObject struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// recorded is the answer to it.
type recorded struct {
	ledger.Receipt
	Envelope   []byte `json:"envelope"`
	Checkpoint string `json:"checkpoint"`
}

// welcome is the answer to PUT /v1/session.
type welcome struct {
	Name string `json:"name"` // as which the client is known
	VKey string `json:"vkey"` // of the log, for people: a client trusts the one it was given
}

// refusal is the answer to what is not taken.
type refusal struct {
	Error  string `json:"error"`
	Repair string `json:"repair,omitempty"`
}
