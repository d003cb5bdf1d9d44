package kube

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/assent-iom/assent/decoders"
)

// status is meta.k8s.io/v1.Status, as far as a refusal needs it.
type status struct {
	Kind       string         `json:"kind"`
	APIVersion string         `json:"apiVersion"`
	Metadata   struct{}       `json:"metadata"`
	Status     string         `json:"status"`
	Message    string         `json:"message"`
	Reason     string         `json:"reason"`
	Details    *statusDetails `json:"details,omitempty"`
	Code       int            `json:"code"`
}

type statusDetails struct {
	Name   string        `json:"name,omitempty"`
	Group  string        `json:"group,omitempty"`
	Kind   string        `json:"kind,omitempty"`
	Causes []statusCause `json:"causes,omitempty"`
}

type statusCause struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Refuse answers as the API server refuses: 403 with a Status, which kubectl
// prints word for word, also where a stream was asked for.
func (d *Decoder) Refuse(call decoders.Call, refusal decoders.Refusal) *http.Response {
	s := status{
		Kind: "Status", APIVersion: "v1", Status: "Failure", Code: http.StatusForbidden,
		Message: refusal.Message, Reason: "Forbidden",
		Details: &statusDetails{Causes: []statusCause{
			{Reason: refusal.Code, Message: refusal.Message},
			{Reason: "AssentDecision", Message: refusal.DecisionID},
		}},
	}
	if refusal.Repair != "" {
		s.Details.Causes = append(s.Details.Causes, statusCause{Reason: "AssentRepair", Message: refusal.Repair})
	}
	if call.URL != nil {
		if _, path, inside := d.find(call); inside {
			// kind in Status.details is, by the server's own habit, the resource.
			if rt, err := RouteOf(call.Method, path, call.URL.Query()); err == nil && rt.Resourceful {
				s.Details.Name, s.Details.Group, s.Details.Kind = rt.Name, rt.Group, rt.Resource
			}
		}
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // people read it raw, too
	_ = enc.Encode(s)        // text and numbers into memory: cannot fail
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-cache, private")
	h.Set("X-Assent-Decision", refusal.DecisionID)
	h.Set("Audit-Id", refusal.DecisionID)
	return &http.Response{
		Status: "403 Forbidden", StatusCode: http.StatusForbidden, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, ContentLength: int64(body.Len()), Body: io.NopCloser(&body),
	}
}
