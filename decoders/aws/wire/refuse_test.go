package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/assent-iom/assent/decoders"
)

var refusal = decoders.Refusal{
	Code: decoders.DeniedCode,
	Message: `assent refused this call: deletes a "production" database that 14 workloads <in 3 teams> need & own (AS2004). ` +
		`To proceed: assent request dec_01J9Z. This is policy, not an outage: do not retry or work around it. Why: assent explain dec_01J9Z`,
	DecisionID: "dec_01J9Z",
	Repair:     `[{"code":"AS2012","kind":"set","patches":[{"ops":[{"op":"replace","path":"/Note","value":"<a & \"b\">"}]}]}]`,
}

// TestARefusalCarriesItsRepair: in every protocol, where its readers leave it alone.
func TestARefusalCarriesItsRepair(t *testing.T) {
	for _, protocol := range []string{Query, EC2, JSON, RestJSON, RestXML, CBOR} {
		resp := Refuse(protocol, "any", decoders.Call{Method: "POST"}, refusal)
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		switch protocol {
		case JSON, RestJSON:
			var said struct{ Repair json.RawMessage }
			err = json.Unmarshal(body, &said)
			got = string(said.Repair)
		case CBOR:
			var said map[string]string
			err = cbor.Unmarshal(body, &said)
			got = said["repair"]
		default:
			var said struct {
				Direct string `xml:"Error>Repair"`
				EC2    string `xml:"Errors>Error>Repair"`
			}
			err = xml.Unmarshal(body, &said)
			got = said.Direct + said.EC2
		}
		if err != nil || got != refusal.Repair {
			t.Errorf("%s: %v: %s", protocol, err, body)
		}
	}
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// TestRefusalIsAnAnswer: botocore's own parsers find code, message and decision id
// in every protocol, and where the protocol has to be guessed.
func TestRefusalIsAnAnswer(t *testing.T) {
	get := decoders.Call{Method: "GET"}
	form := header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	cases := []struct {
		name, protocol, service, parser string
		call                            decoders.Call
	}{
		{"query", Query, "iam", "query", get},
		{"ec2", EC2, "ec2", "ec2", get},
		{"json 1.0", JSON, "dynamodb", "json", decoders.Call{Method: "POST", Header: header("Content-Type", "application/x-amz-json-1.0")}},
		{"json of a service that once spoke query", JSON, "sqs", "json", decoders.Call{Method: "POST", Header: header("X-Amzn-Query-Mode", "true")}},
		{"rest-json", RestJSON, "lambda", "rest-json", get},
		{"rest-xml", RestXML, "route53", "rest-xml", get},
		{"S3", RestXML, "s3", "rest-xml", get},
		{"cbor", CBOR, "cloudwatch", "smithy-rpc-v2-cbor", get},
		{"guess ec2", "", "", "ec2", decoders.Call{Method: "POST", Host: "ec2.us-east-1.amazonaws.com", Header: form, Body: []byte("Action=X")}},
		{"guess query", "", "iam", "query", decoders.Call{Method: "POST", Header: form, Body: []byte("Action=X")}},
		{"guess json", "", "", "json", decoders.Call{Method: "POST", Header: header("X-Amz-Target", "A.B")}},
		{"guess cbor", "", "", "smithy-rpc-v2-cbor", decoders.Call{Method: "POST", Header: header("Smithy-Protocol", "rpc-v2-cbor")}},
		{"guess S3", "", "", "rest-xml", decoders.Call{Method: "PUT", Host: "b.s3.eu-west-1.amazonaws.com"}},
		{"last resort", "", "", "rest-json", get},
		{"last resort, read as json", "", "", "json", get},
	}
	var in bytes.Buffer
	for _, c := range cases {
		resp := Refuse(c.protocol, c.service, c.call, refusal)
		body, err := io.ReadAll(resp.Body)
		if err != nil || int64(len(body)) != resp.ContentLength {
			t.Fatalf("%s: %d bytes, Content-Length %d: %v", c.name, len(body), resp.ContentLength, err)
		}
		headers := map[string]string{}
		for name := range resp.Header {
			headers[name] = resp.Header.Get(name)
		}
		_ = json.NewEncoder(&in).Encode(map[string]any{"protocol": c.parser, "status": resp.StatusCode, "headers": headers, "body": body})
	}
	cmd := exec.Command(python(t), "testdata/refusals.py")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running refusals.py: %v", err)
	}
	lines := json.NewDecoder(bytes.NewReader(out))
	for _, c := range cases {
		var seen struct {
			Code, Message, Decision, Spoken, Text string
			RequestID                             string `json:"request_id"`
			Status                                int
		}
		if err := lines.Decode(&seen); err != nil {
			t.Fatal(err)
		}
		if seen.Code != refusal.Code || seen.Message != refusal.Message || seen.RequestID != refusal.DecisionID ||
			seen.Decision != refusal.DecisionID || seen.Spoken != refusal.Message || seen.Status != 403 || !strings.Contains(seen.Text, refusal.Message) {
			t.Errorf("%s: a caller sees %+v", c.name, seen)
		}
	}
}

// TestRefusalOfHead: HEAD has no body, so the message stands in a header.
func TestRefusalOfHead(t *testing.T) {
	resp := Refuse(RestXML, "s3", decoders.Call{Method: "HEAD"}, refusal)
	if resp.Body != http.NoBody || resp.ContentLength != 0 || resp.Header.Get("X-Assent-Message") != refusal.Message {
		t.Errorf("got %+v", resp)
	}
}

// TestRefusalCannotInjectHeaders: a message with line breaks stays one line.
func TestRefusalCannotInjectHeaders(t *testing.T) {
	resp := Refuse("", "", decoders.Call{URL: &url.URL{}}, decoders.Refusal{Code: "A\r\nX: 1", Message: "a\r\nSet-Cookie: b\xff\x00é", DecisionID: "d\n"})
	for name, values := range resp.Header {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				t.Errorf("%s: %q", name, v)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	for _, name := range []string{"x-amzn-RequestId", "x-amz-request-id"} {
		if got := RequestID(header(name, "id")); got != "id" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := RequestID(nil); got != "" {
		t.Errorf("got %q", got)
	}
}
