package decoders

import (
	"net/http"
	"strings"
)

// grpcName is the decoder that gets the gRPC calls of other decoders' hosts.
const grpcName = "grpc"

// SpeaksGRPC reports a call over gRPC (grpc/doc/PROTOCOL-HTTP2.md). gRPC-Web, which
// is plain HTTP, is not meant.
func SpeaksGRPC(c Call) bool {
	if c.Method != http.MethodPost {
		return false
	}
	types := c.Header["Content-Type"]
	if len(types) != 1 {
		return false
	}
	rest, ok := strings.CutPrefix(strings.ToLower(types[0]), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// overGRPC gives a gRPC call on a governed host to the decoder that knows gRPC. The
// platform's own reads bodies, and would have to wait for the end of a stream that
// goes both ways; what it claims by its head (a blob, whatever its type) stays its.
func (r *Registry) overGRPC(c Call, d Decoder, claim Claim) (Decoder, Claim) {
	if d == nil || claim.Body == StreamBody || !SpeaksGRPC(c) {
		return d, claim
	}
	for _, other := range r.decoders {
		if other.Name() == grpcName {
			claim = other.Claims(c)
			claim.Mine = true
			return other, claim
		}
	}
	return d, claim
}
