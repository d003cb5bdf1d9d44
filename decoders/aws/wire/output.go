package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// MaxOutput bounds the answers that are read: a page of any Describe call is
// below 1 MiB, and what is not read is only not learnt.
const MaxOutput = 8 << 20

// DecodeOutput reads what a successful answer says, for learning. Secrets never
// come out of it. Elements that the model does not know are left out: an answer
// decides nothing.
func DecodeOutput(op *table.Operation, protocol string, resp *decoders.Response) (map[string]any, error) {
	out := map[string]any{}
	if op.Output == nil || resp == nil {
		return out, nil
	}
	r := &reader{tolerant: true}
	if err := r.output(op, protocol, resp, out); err != nil {
		return nil, fmt.Errorf("reading the answer to %s: %w", op.Name, err)
	}
	redactInput(op.Output, out)
	return out, nil
}

func (r *reader) output(op *table.Operation, protocol string, resp *decoders.Response, out map[string]any) error {
	rest := protocol == RestJSON || protocol == RestXML
	if rest {
		r.headers(op.Output, resp.Header, out)
	}
	payload, inBody := payloadOf(op.Output)
	if payload != nil && (payload.Shape.EventStream || payload.Streaming) || eventStream(op.Output) != nil || rest && !inBody {
		return nil // nothing in the body to learn from
	}
	if resp.Truncated {
		return errors.New("the body was not kept whole")
	}
	body := resp.Body
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		var err error
		if body, err = inflate(body); err != nil {
			return fmt.Errorf("gzip body: %w", err)
		}
	}
	if len(body) == 0 {
		return nil
	}
	if len(body) > MaxOutput {
		return fmt.Errorf("more than %d bytes", MaxOutput)
	}
	if rest && payload != nil && rawPayload(payload) {
		out[payload.Name] = string(body)
		if payload.Shape.Kind == table.Blob {
			out[payload.Name] = base64.StdEncoding.EncodeToString(body)
		}
		return nil
	}
	switch protocol {
	case Query, EC2, RestXML:
		return r.outputXML(op, protocol, payload, body, out)
	case CBOR:
		v, err := parseCBOR(body)
		if err != nil {
			return fmt.Errorf("CBOR: %w", err)
		}
		return r.topLevel(op.Output, v, out)
	case JSON, RPCJSON, RestJSON:
		v, err := parseJSON(body)
		if err != nil {
			return fmt.Errorf("JSON: %w", err)
		}
		if rest && payload != nil {
			out[payload.Name] = r.tree(payload, v, nil)
			return nil
		}
		return r.topLevel(op.Output, v, out)
	}
	return fmt.Errorf("unknown protocol %q", protocol)
}

func (r *reader) outputXML(op *table.Operation, protocol string, payload *table.Member, body []byte, out map[string]any) error {
	root, err := parseXML(body)
	if err != nil {
		return fmt.Errorf("XML: %w", err)
	}
	if protocol == RestXML && payload != nil {
		out[payload.Name] = r.element(payload, []*xmlNode{root}, nil)
		return nil
	}
	if protocol == Query && op.OutputWrap != "" {
		if root = root.find(op.OutputWrap); root == nil {
			return fmt.Errorf("no <%s> in it", op.OutputWrap)
		}
	}
	r.elements(op.Output, root, out, nil)
	return nil
}
