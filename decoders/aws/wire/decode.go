package wire

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// DecodeInput reads what a call asks for. The protocol and the
// labels are identification's. An error means that the call contradicts itself or
// cannot be read; the caller refuses it as undecodable.
func DecodeInput(op *table.Operation, protocol string, c decoders.Call, opts Options) (Input, error) {
	m, err := newMessage(op, c)
	if err != nil {
		return Input{}, fmt.Errorf("reading %s: %w", op.Name, err)
	}
	r := &reader{}
	params := map[string]any{}
	switch protocol {
	case Query, EC2:
		err = r.formCall(op, protocol, c.Method, m, params)
	case JSON, RPCJSON, CBOR:
		err = r.rpcCall(op, protocol, m, params)
	case RestJSON, RestXML:
		err = r.decodeREST(op, protocol, m, opts, params)
	default:
		err = fmt.Errorf("unknown protocol %q", protocol)
	}
	if err == nil {
		r.hostLabels(op.Input, opts.Labels, params)
		err = r.err
	}
	if err != nil {
		return Input{}, fmt.Errorf("reading %s: %w", op.Name, err)
	}
	if !opts.Secrets {
		redactInput(op.Input, params)
	}
	return Input{Params: params, Unknown: r.names(), Fidelity: r.fidelity()}, nil
}

// formCall reads a call of the query protocols: form, or query string. Parameters
// in both are refused, and so is a body that a server need not look at: a DryRun
// in a GET's body would count for us and not for it.
func (r *reader) formCall(op *table.Operation, protocol, method string, m message, params map[string]any) error {
	if m.streamed {
		r.more = true
	}
	if len(m.body) > 0 {
		if err := agrees(protocol, m.header); err != nil {
			return err
		}
	}
	inURL, err := parsePairs(m.query)
	if err != nil {
		return fmt.Errorf("query string: %w", err)
	}
	inBody, err := parsePairs(strings.TrimRight(string(m.body), "\r\n"))
	if err != nil {
		return fmt.Errorf("form: %w", err)
	}
	if len(inBody) > 0 && method != http.MethodPost && method != "" {
		return fmt.Errorf("a form in the body of a %s", method)
	}
	if len(inBody) > 0 && slices.ContainsFunc(inURL, func(p pair) bool { return !isSigning(p.name) && !notParameters[p.name] }) {
		return errTwoPlaces
	}
	return r.decodeForm(op, protocol, append(inURL, inBody...), params)
}

var errTwoPlaces = errors.New("parameters in both the URL and the body")

// rpcCall reads a call whose body is the whole input.
func (r *reader) rpcCall(op *table.Operation, protocol string, m message, params map[string]any) error {
	if frames := eventStream(op.Input); frames != nil {
		r.note((*path)(nil).child(frames.Name)) // the frames are not read, and the parameters are in the first
		return nil
	}
	if m.streamed {
		r.more = true // only the head is judged
		return nil
	}
	if len(m.body) == 0 {
		return nil
	}
	if err := agrees(protocol, m.header); err != nil {
		return err
	}
	var v any
	var err error
	if protocol == CBOR || strings.HasPrefix(mediaType(m.header), cborOfJSON) {
		v, err = parseCBOR(m.body)
	} else {
		v, err = parseJSON(m.body)
	}
	if err != nil {
		return fmt.Errorf("%s body: %w", protocol, err)
	}
	if err := r.topLevel(op.Input, v, params); err != nil {
		return err
	}
	pairs, err := parsePairs(m.query)
	if err != nil {
		return fmt.Errorf("query string: %w", err)
	}
	for _, p := range pairs {
		if !isSigning(p.name) {
			return errTwoPlaces
		}
	}
	return nil
}

// cborOfJSON is the media type of the Java SDK's older CBOR: json 1.1 with another
// body, for Kinesis.
const cborOfJSON = "application/x-amz-cbor-1."

// eventStream finds the member that is a stream of events.
func eventStream(s *table.Shape) *table.Member {
	if s == nil {
		return nil
	}
	for i := range s.Members {
		if s.Members[i].Shape.EventStream {
			return &s.Members[i]
		}
	}
	return nil
}
