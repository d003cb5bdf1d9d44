// Package grpc stands in for gRPC calls whose messages no platform's decoder
// reads. It knows what every gRPC call has in common: the service and the method
// stand in the path, the body is a stream of messages, and whether it succeeded
// stands in the trailers.
//
// Such a call is opaque and its verb unknown, so it is judged as a change; a
// clause of intent may allow a service's method on a host by name. It is judged
// by its head, because a stream that goes both ways has no end to wait for.
//
// A host belongs to it by a binding (governed: {"*.corp.example": grpc}), and a
// single call on a host of another platform by its Content-Type.
package grpc

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/model"
)

// Name is the platform's name, in Action.Platform and in bindings.
const Name = "grpc"

// version is part of Action.Decoder: it changes when the same call would be
// understood differently.
const version = "grpc/1"

// Statuses of gRPC (grpc/doc/statuscodes.md) that Assent itself answers with.
const (
	statusUnknown          = 2
	statusPermissionDenied = 7
	statusUnavailable      = 14
)

// names of the statuses, by number.
func names() []string {
	return []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
		"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}
}

// Decoder decodes by the head alone. Its zero value is ready.
type Decoder struct{}

// Name returns grpc.
func (Decoder) Name() string { return Name }

// Claims never takes a host of its own accord: gRPC does not show in a name.
func (Decoder) Claims(c decoders.Call) decoders.Claim {
	if decoders.SpeaksGRPC(c) {
		return decoders.Claim{Body: decoders.StreamBody}
	}
	return decoders.Claim{}
}

// Decode reads service and method out of the path.
func (Decoder) Decode(_ context.Context, c decoders.Call) (model.Action, error) {
	a := model.Action{
		Platform: Name, Account: c.Host, Service: c.Host, Operation: c.Method,
		Verb: model.Unknown, Capability: "grpc.unknown", Fidelity: model.Opaque, Decoder: version,
		Targets: []model.Target{{URN: model.URN("grpc://" + c.Host), Type: "grpc:host", Role: model.RoleTarget}},
	}
	if !decoders.SpeaksGRPC(c) {
		a.Unknown = []string{"call"}
		return a, nil
	}
	a.Unknown = []string{"messages"}
	if service, method, ok := strings.Cut(strings.TrimPrefix(c.URL.Path, "/"), "/"); ok && word(service) && word(method) {
		a.Service, a.Operation = service, method
		a.Targets = []model.Target{{URN: model.URN("grpc://" + c.Host + "/" + service), Type: "grpc:service", Role: model.RoleTarget}}
	}
	return a, nil
}

// word reports a name as protobuf writes it: letters, digits, _ and dots.
func word(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// Learn reads nothing: what the messages say is not known.
func (Decoder) Learn(decoders.Call, *decoders.Response) []model.Observation { return nil }

// Refuse answers PERMISSION_DENIED, which no client tries again.
func (Decoder) Refuse(c decoders.Call, r decoders.Refusal) *http.Response {
	if !decoders.SpeaksGRPC(c) {
		return &http.Response{
			StatusCode: http.StatusForbidden,
			Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"},
				"X-Assent-Decision": {r.DecisionID}},
			Body: io.NopCloser(strings.NewReader(r.Code + ": " + r.Message + "\n")),
		}
	}
	resp := answer(statusPermissionDenied, r.Code+": "+r.Message)
	resp.Header["X-Assent-Decision"] = []string{r.DecisionID}
	return resp
}

// Trouble answers that it is not policy why there is no answer.
func (Decoder) Trouble(c decoders.Call, message string, sent bool) *http.Response {
	switch {
	case !decoders.SpeaksGRPC(c):
		return nil
	case sent:
		return answer(statusUnknown, message)
	}
	return answer(statusUnavailable, message)
}

// Ended reads the status of a call, which stands in the trailers, or in the head
// of an answer that is nothing else.
func (Decoder) Ended(c decoders.Call, h http.Header) (status string, ok, known bool) {
	if !decoders.SpeaksGRPC(c) {
		return "", false, false
	}
	said := h["Grpc-Status"]
	if len(said) != 1 {
		return "", false, false
	}
	n, err := strconv.ParseUint(said[0], 10, 8)
	if err != nil || int(n) >= len(names()) {
		return "grpc-status", false, true // whatever it means, it is not 0
	}
	return "grpc-status " + strconv.Itoa(int(n)) + " " + names()[n], n == 0, true
}

// answer is an answer without messages: its trailers are its head.
func answer(status int, message string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header: http.Header{
			"Content-Type": {"application/grpc"}, "Grpc-Status": {strconv.Itoa(status)}, "Grpc-Message": {percent(message)},
		},
		Body: http.NoBody,
	}
}

// percent writes a message as the protocol wants it: what is not printable ASCII,
// and the percent sign, as %XX.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var out []byte
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '%' {
			out = append(out, '%', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(slices.Clip(out))
}
