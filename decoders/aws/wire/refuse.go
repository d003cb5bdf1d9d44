package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/assent-iom/assent/decoders"
)

// Refuse writes a refusal as the service would write an error: status 403, so
// that no SDK tries again, in the form whose code, message and request id the
// SDKs' own parsers read. The decision id stands wherever they look for a request
// id. A protocol that is not known is guessed from the call's own headers.
func Refuse(protocol, service string, c decoders.Call, r decoders.Refusal) *http.Response {
	if protocol == "" {
		protocol, service = guess(service, c)
	}
	h := http.Header{}
	h.Set("X-Assent-Decision", oneLine(r.DecisionID))
	h.Set("X-Assent-Message", oneLine(r.Message))
	h.Set("X-Amzn-Requestid", oneLine(r.DecisionID))
	h.Set("X-Amz-Request-Id", oneLine(r.DecisionID))
	h.Set("Cache-Control", "no-store")
	repair := ""
	if r.Repair != "" {
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(r.Repair)) // a buffer does not fail
		repair = "<Repair>" + b.String() + "</Repair>"
	}
	var body []byte
	switch protocol {
	case Query:
		h.Set("Content-Type", "text/xml")
		body = document("<ErrorResponse><Error><Type>Sender</Type><Code>", r.Code, "</Code><Message>", r.Message,
			"</Message>"+repair+"</Error><RequestId>", r.DecisionID, "</RequestId></ErrorResponse>")
	case EC2:
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		body = document("<Response><Errors><Error><Code>", r.Code, "</Code><Message>", r.Message,
			"</Message>"+repair+"</Error></Errors><RequestID>", r.DecisionID, "</RequestID></Response>")
	case RestXML:
		h.Set("Content-Type", "application/xml")
		if service == "s3" {
			h.Set("X-Amz-Id-2", oneLine(r.DecisionID))
			body = document("<Error><Code>", r.Code, "</Code><Message>", r.Message,
				"</Message>"+repair+"<RequestId>", r.DecisionID, "</RequestId><HostId>", r.DecisionID, "</HostId></Error>")
			break
		}
		body = document("<ErrorResponse><Error><Type>Sender</Type><Code>", r.Code, "</Code><Message>", r.Message,
			"</Message>"+repair+"</Error><RequestId>", r.DecisionID, "</RequestId></ErrorResponse>")
	case CBOR:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
		queryMode(h, c, r)
		body = encodeCBOR(r)
	default:
		h.Set("Content-Type", jsonType(protocol, c))
		h.Set("X-Amzn-Errortype", oneLine(r.Code))
		if protocol == RPCJSON {
			h.Set("Smithy-Protocol", "rpc-v2-json")
		}
		queryMode(h, c, r)
		if body = encodeJSON(r); strings.HasPrefix(mediaType(c.Header), cborOfJSON) {
			h.Set("Content-Type", mediaType(c.Header))
			body = encodeCBOR(r)
		}
	}
	return respond(h, c, body)
}

// respond makes the response of a body; HEAD has none.
func respond(h http.Header, c decoders.Call, body []byte) *http.Response {
	resp := &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Body: http.NoBody,
	}
	if c.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		return resp
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	resp.ContentLength = int64(len(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// document writes XML: the even parts are markup, the odd ones text.
func document(parts ...string) []byte {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	for i, part := range parts {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		_ = xml.EscapeText(b, []byte(part)) // a buffer does not fail
	}
	return b.Bytes()
}

func encodeJSON(r decoders.Refusal) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it
	_ = e.Encode(struct {
		Type      string          `json:"__type"`
		Message   string          `json:"message"`
		RequestID string          `json:"requestId"`
		Repair    json.RawMessage `json:"repair,omitempty"`
	}{r.Code, r.Message, r.DecisionID, json.RawMessage(r.Repair)}) // strings, and JSON that was just written, do not fail
	return bytes.TrimRight(b.Bytes(), "\n")
}

func encodeCBOR(r decoders.Refusal) []byte {
	said := map[string]string{"__type": strings.ToValidUTF8(r.Code, "?"), "message": strings.ToValidUTF8(r.Message, "?")}
	if r.Repair != "" {
		said["repair"] = strings.ToValidUTF8(r.Repair, "?")
	}
	b, err := cbor.Marshal(said)
	if err != nil {
		return nil // strings do not fail
	}
	return b
}

// queryMode answers clients of a service that once spoke query: they read the
// code from a header of its own.
func queryMode(h http.Header, c decoders.Call, r decoders.Refusal) {
	if c.Header.Get("X-Amzn-Query-Mode") == "true" {
		h.Set("X-Amzn-Query-Error", oneLine(r.Code)+";Sender")
	}
}

func jsonType(protocol string, c decoders.Call) string {
	if media := mediaType(c.Header); protocol != RestJSON && strings.HasPrefix(media, "application/x-amz-json-1.") {
		return media
	}
	return "application/json"
}

// guess picks a protocol from the call's headers; JSON is what most can read.
func guess(service string, c decoders.Call) (protocol, svc string) {
	media, accept := mediaType(c.Header), c.Header.Get("Accept")
	host, _, _ := strings.Cut(c.Host, ".")
	switch {
	case c.Header.Get("Smithy-Protocol") == "rpc-v2-cbor", strings.Contains(accept, "application/cbor"):
		return CBOR, service
	case c.Header.Get("X-Amz-Target") != "":
		return JSON, service
	case media == "application/x-www-form-urlencoded" || namesAction(c, media):
		if service == "ec2" || service == "" && host == "ec2" {
			return EC2, service
		}
		return Query, service
	case service == "s3" || service == "" && looksLikeS3(c.Host):
		return RestXML, "s3"
	case strings.Contains(media, "xml"), strings.Contains(accept, "xml"):
		return RestXML, service
	}
	return RestJSON, service
}

func looksLikeS3(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "s3" || strings.HasPrefix(label, "s3-") && !strings.HasPrefix(label, "s3-control") {
			return true
		}
	}
	return false
}

// oneLine makes a text safe for a header.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		if c > 0x7e {
			return '?'
		}
		return c
	}, text)
}

// RequestID gives the id that a service gave its answer, for outcomes.
func RequestID(h http.Header) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Requestid", "X-Amzn-Request-Id"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}
