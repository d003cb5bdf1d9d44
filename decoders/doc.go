// Package decoders holds what every platform decoder has in common: the Call it
// is given, the Decoder it is, and the Refusal it writes. It is a front door:
// the decoders themselves live one folder each below it.
//
// A decoder never guesses. What it does not understand it leaves out, names in
// Action.Unknown, and lowers the Fidelity for.
package decoders

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/assent-iom/assent/model"
)

// Call is one HTTP request as it will be forwarded. A decoder MUST NOT change
// any of it.
type Call struct {
	Method string
	// Scheme is https inside a tunnel, http for a plain proxied request.
	Scheme string
	// Host is the authority that the proxy has checked: CONNECT target, SNI,
	// Host header and absolute form agree on it. Lower case, without the scheme's
	// default port.
	Host string
	// URL carries the raw path and query exactly as sent (use EscapedPath, RawQuery).
	URL *url.URL
	// Header is the request's header; the keys are in canonical form.
	Header http.Header
	// Body is the whole body, or nil when Streamed.
	Body []byte
	// Streamed: the body was not read, because Claims said that the operation is a
	// blob upload; it is judged by its head alone.
	Streamed bool
	// Trailer names, sorted, the trailers that the request announces. They are
	// forwarded, and no decoder reads them: the gate adds them to Action.Unknown.
	Trailer []string
}

// Body says what Decode needs of a request's body.
type Body uint8

// The zero value is the whole body, up to the proxy's cap.
const (
	WholeBody  Body = iota // read it all before judging; over the cap the call is refused
	StreamBody             // an opaque payload: judge the head, stream the rest
)

// Claim is a decoder's answer to "is this yours?".
type Claim struct {
	Mine bool
	Body Body
}

// Response is the answer to a call, as far as it was kept for Learn.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	Truncated bool // the body was longer than what was kept
}

// Refusal is what has to be said to the caller. Message is one line of at most
// 400 characters, already free of secrets. Repair, if any, is what a machine can do
// about it: a JSON list of at most MaxRepair bytes, one item a reason, for whoever
// reads more of an error than its message.
type Refusal struct {
	Code       string // AssentDenied
	Message    string
	DecisionID string
	Repair     string
}

// MaxRepair bounds Refusal.Repair: clients keep errors in logs.
const MaxRepair = 4 << 10

// DeniedCode is the error code of every refusal. It is not AccessDenied, so
// that nobody takes a policy decision for missing permissions.
const DeniedCode = "AssentDenied"

// Decoder understands the calls of one platform.
type Decoder interface {
	// Name is the platform's name: aws, kubernetes.
	Name() string
	// Claims reports whether a call is this platform's, from its head alone. A
	// CONNECT call has only a Host. It MUST be cheap and MUST NOT read Body.
	Claims(Call) Claim
	// Decode understands a call. An error means that the call contradicts itself
	// or cannot be read at all: it is refused as undecodable. A call that is only
	// unknown is an Action with Verb unknown.
	Decode(context.Context, Call) (model.Action, error)
	// Learn reads what the answer to a call says about what exists.
	Learn(Call, *Response) []model.Observation
	// Refuse writes a refusal in the caller's own protocol, status 403.
	Refuse(Call, Refusal) *http.Response
}

// Transparent may be implemented by a decoder that keeps secret values out of
// Action.Params: DecodeWithSecrets leaves them in, for a person who asks for
// them on their own terminal. Its result MUST NOT be stored.
type Transparent interface {
	DecodeWithSecrets(context.Context, Call) (model.Action, error)
}

// Mender may be implemented by a decoder that can say what has to be mended in its
// platform's own terms. Both work on what is recorded of a call: they need no
// secret of it.
type Mender interface {
	// Mend gives repairs of one action their patches, as far as it can; each is about
	// the call as those before it leave it. A patch that would not bring about what is
	// wanted MUST be left out.
	Mend(model.Action, []model.Repair) []model.Repair
	// Mended is the input of an action with patches carried out, in the caller's terms.
	Mended(model.Action, []model.Patch) (json.RawMessage, error)
}

// Joiner may be implemented by a decoder whose platform keeps a log of its own and
// lets a client name the entry of a call there. Join writes the decision's id
// into the headers that are about to be sent, so that both logs join one to one;
// with an empty id (a call that has no decision) it takes out what only looks
// like one of ours. It MUST NOT touch a header that says what the call does, or
// that a signature covers.
type Joiner interface {
	Join(id string, h http.Header)
}

// Troubler may be implemented by a decoder whose callers read nothing but their own
// protocol, also when it is not policy that keeps an answer from them. sent: the
// call may have been executed. A nil result means the proxy's own form.
type Troubler interface {
	Trouble(c Call, message string, sent bool) *http.Response
}

// Follower may be implemented by a decoder whose platform has answers that go on for
// as long as a client listens, one message a line. Of an answer that it Follows,
// told by its head, Learn gets the lines as they pass: some whole ones at a time, in
// order, each once. Whoever ends the answer, and however, what has passed is learnt.
type Follower interface {
	Follows(Call, *Response) bool
}

// Ender may be implemented by a decoder in whose protocol the trailers of an answer,
// and not its head, say whether the call succeeded. Ended is asked about the head
// and then about the trailers; known is false where they do not say.
type Ender interface {
	Ended(c Call, h http.Header) (status string, ok, known bool)
}

// Redacted stands in Params and Attrs where a secret value was taken out.
const Redacted = "(redacted)"
