// Package wire reads and writes the wire protocols of AWS: query, ec2, json,
// rest-json, rest-xml, smithy-rpc-v2-cbor and rpc-v2-json. It is guided by the
// shapes of decoders/aws/table and knows no operation by name.
//
// # Reading
//
// DecodeInput gives the parameters of a call under the model's own names,
// whatever the protocol: numbers are json.Number (so none loses a digit), blobs
// are base64 text, timestamps are RFC 3339 in UTC, NaN and Infinity are text,
// free-form documents stay JSON. DecodeOutput reads an answer the same way.
//
// A parameter that the model does not know is kept under its raw name and named
// in Input.Unknown; a value that does not fit its shape is kept as it was and
// named too. Either lowers the fidelity to Partial: nothing is dropped, nothing
// is guessed.
//
// # Refusing to read
//
// What two parsers could read in two ways is an error, because the service might
// read it the other way: duplicate keys, parameters or scalar headers, trailing
// data, NUL or broken UTF-8, XML directives and entities, a Content-Type of
// another protocol. Depth, nodes and inflated size are bounded (bounds.go).
//
// # Secrets
//
// Sensitive shapes and well-known secret patterns become decoders.Redacted in
// everything returned, unless Options.Secrets asks otherwise; a password does not
// reach a caller that has not said so.
//
// # Writing
//
// Refuse writes a refusal in the caller's protocol, in the form that the SDKs'
// own parsers turn into an error with our code, message and decision id.
package wire

import "github.com/assent-iom/assent/model"

// Options say how an input is read.
type Options struct {
	// Secrets leaves secret values in place: for a person who asks on their own
	// terminal, or for a decoder that looks inside before it redacts.
	Secrets bool
	// Labels are the URI and host labels by label name, already unescaped.
	Labels map[string]string
}

// Input is what a call asks for.
type Input struct {
	// Params are keyed by the model's member names; unknown ones by their raw name.
	Params map[string]any
	// Unknown are the dotted paths of what was not understood, sorted.
	Unknown  []string
	Fidelity model.Fidelity
}

// The protocols, as the service models name them.
const (
	Query    = "query"
	EC2      = "ec2"
	JSON     = "json"
	RestJSON = "rest-json"
	RestXML  = "rest-xml"
	CBOR     = "smithy-rpc-v2-cbor"
	RPCJSON  = "rpc-v2-json"
)
